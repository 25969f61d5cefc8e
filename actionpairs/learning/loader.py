"""Batches of pictures and texts for any trainer, straight from the shards.

Samples are counted from the start of training, over all epochs and all processes: sample n is the n-th place of
`batches.Order`. What it shows depends on that place alone, so any process can start at any sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice, tee

import cv2
import numpy as np

from actionpairs.errors import TrainingError
from actionpairs.learning import examples
from actionpairs.learning.batches import Batches, Row


@dataclass(frozen=True, slots=True)
class Batch:
    """Some pairs as they are shown. originals, edits: B S S 3, uint8, RGB, both mirrored where row.flipped."""

    originals: np.ndarray
    edits: np.ndarray
    rows: tuple[Row, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What each pair is told; empty where the text is dropped."""
        return tuple(row.text for row in self.rows)

    @property
    def wrong_texts(self) -> tuple[tuple[str, ...], ...]:
        """Texts of other actions for each pair; none where its text is dropped."""
        return tuple(row.wrong_texts for row in self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """DATASET/KEY of each pair."""
        return tuple(row.name for row in self.rows)


class Loader:
    """Reads what `Batches` decides, with `workers` threads, for process `rank` of `ranks`.

    The processes share each batch evenly. An epoch takes every pair once; where the batch size does not divide
    it, its last batch is filled up with the first pairs of the next, so that none is dropped or repeated.
    """

    def __init__(self, batches: Batches, size: int, *, workers: int = 2, rank: int = 0, ranks: int = 1) -> None:
        if batches.order.batch_size % ranks or not 0 <= rank < ranks:
            raise TrainingError(
                f"Process {rank} of {ranks} cannot take an even share of batches of {batches.order.batch_size}.",
                cure="Count processes from 0; choose a batch size that they divide.",
            )
        self._batches = batches
        self._size = size
        self._workers = workers
        share = batches.order.batch_size // ranks
        self._part = slice(rank * share, (rank + 1) * share)

    def batches(self, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """This process's share of the samples [start, stop), without end where there is no stop.

        Only the first and the last batch are smaller, where start or stop falls inside them; a share with no
        sample is left out.
        """
        shares, to_read = tee(self._shares(start, stop))
        pictures = examples.ahead(self._read, (row for rows in to_read for row in rows), workers=self._workers)
        for rows in shares:
            both: np.ndarray = np.stack(list(islice(pictures, len(rows))), 1)
            yield Batch(both[0], both[1], rows)

    def _shares(self, start: int, stop: int | None) -> Iterator[tuple[Row, ...]]:
        """The rows of one batch after another, those within [start, stop)."""
        size = self._batches.order.batch_size
        for step in count(start // size):
            first = step * size
            if stop is not None and first >= stop:
                return
            begin = max(self._part.start, start - first)
            end = self._part.stop if stop is None else min(self._part.stop, stop - first)
            if begin < end:
                yield self._batches.rows(step, slice(begin, end))

    def _read(self, row: Row) -> np.ndarray:
        """Both pictures of a pair as this row shows them: 2 S S 3."""
        pictures = examples.read(self._batches.examples[row.index], self._size)
        return np.stack([cv2.flip(picture, 1) for picture in pictures]) if row.flipped else pictures
