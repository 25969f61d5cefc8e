"""Training of editors and recognizers: the loop, its state, the losses, and the files of a run."""

from actionpairs import train_extra as train_extra
