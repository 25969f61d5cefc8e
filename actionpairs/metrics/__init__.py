"""The metrics: one file each, and the list of them in `available.py`."""

from actionpairs import train_extra as train_extra
