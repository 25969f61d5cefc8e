"""The action recognizer, which scores edits: a TimeSformer."""

from actionpairs import train_extra as train_extra
