"""The metrics: pure formulas, and the networks that some of them need."""

from actionpairs import train_extra as train_extra
