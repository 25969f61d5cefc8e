"""The shards folder of squares and its pairs."""

from tests.training.conftest import pairs as pairs
from tests.training.conftest import squares as squares
