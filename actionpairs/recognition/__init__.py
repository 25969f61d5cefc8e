"""Action recognizers: video classifiers that score edits, one family per file."""

from actionpairs import train_extra as train_extra
