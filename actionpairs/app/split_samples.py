"""The samples of a split, to leaf through."""

from __future__ import annotations

import numpy as np

from actionpairs import shards
from actionpairs.data.examples import Example
from actionpairs.errors import ShardError
from actionpairs.evaluation import samples as splits
from actionpairs.stages import edit as stage
from actionpairs.storage import Folder


class SplitSamples:
    """The samples of one split of a shards folder, by key. Raises ShardError if it has none."""

    def __init__(self, folder: str, split: str) -> None:
        self.split = split
        self._examples = splits.select(Folder(folder), split)
        if not self._examples:
            raise ShardError(f"{folder}: the split {split} is empty.", cure="Choose another one.")

    def __len__(self) -> int:
        return len(self._examples)

    def example(self, number: int) -> Example:
        """The sample with a number, from zero; those beyond an end are the last ones there."""
        return self._examples[min(max(number, 0), len(self) - 1)]

    def load_pictures(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last frame as they are stored, H W 3 uint8 each."""
        example = self.example(number)
        jpegs = shards.load_pictures(example.folder, example.entry)
        first, last = (stage.decode(jpeg, name=f"{example.folder}/{example.name}") for jpeg in jpegs)
        return first, last
