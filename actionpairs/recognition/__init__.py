"""The action recognizer, a TimeSformer. It scores edits."""

from actionpairs import train_extra as train_extra
