"""Batches of pictures and texts for any trainer, straight from the shards.

Samples are counted from the start of training, over all epochs and all processes: sample n is the n-th place of
`batches.StageSpec`. What it shows depends on that place alone, so any process can start at any sample.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from actionpairs.data import examples
from actionpairs.data.batches import Batches, Row
from actionpairs.errors import TrainingError

_OURS_ALONE = 3  # references to an array: the list's, the loop's, the question's
_PAIRS_A_TASK = 8  # handing one over costs about as much as a tenth of a pair


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
        self._arrays: list[np.ndarray] = []

    def batches(self, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """This process's share of the samples [start, stop), without end where there is no stop.

        Only the first and the last batch are smaller, where start or stop falls inside them; a share with no
        sample is left out.
        """
        begun: deque[tuple[tuple[Row, ...], np.ndarray]] = deque()

        def tasks() -> Iterator[tuple[tuple[Row, ...], np.ndarray]]:
            for rows in self._shares(start, stop):
                begun.append((rows, self._blank(len(rows))))
                yield from _tasks(*begun[-1])

        filled = 0
        for pairs in examples.ahead(self._fill, tasks(), workers=self._workers):
            filled += pairs
            if filled == len(begun[0][0]):
                rows, pictures = begun.popleft()
                yield Batch(pictures[0], pictures[1], rows)
                filled = 0

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

    def _blank(self, count: int) -> np.ndarray:
        """Room for so many pairs: 2 count S S 3.

        An array that nobody looks at any more is used again, since the first touch of fresh memory costs a sixth
        of a pair's decoding. Every view, and every tensor that shares the memory, holds on to its array.
        """
        for array in self._arrays:
            if array.shape[1] >= count and sys.getrefcount(array) == _OURS_ALONE:
                return array[:, :count]
        fresh = np.empty((2, count, self._size, self._size, 3), np.uint8)
        self._arrays.append(fresh)
        return fresh[:]

    def _fill(self, task: tuple[tuple[Row, ...], np.ndarray]) -> int:
        """Read n pairs as their rows show them into their place in a batch, 2 n S S 3; returns n."""
        rows, pictures = task
        for place, row in enumerate(rows):
            example = self._batches.examples[row.index]
            examples.read_into(pictures[:, place], example, flipped=row.flipped)
        return len(rows)


def _tasks(rows: tuple[Row, ...], pictures: np.ndarray) -> Iterator[tuple[tuple[Row, ...], np.ndarray]]:
    """Divide a batch into what one thread reads at a time."""
    for first in range(0, len(rows), _PAIRS_A_TASK):
        some = slice(first, first + _PAIRS_A_TASK)
        yield rows[some], pictures[:, some]
