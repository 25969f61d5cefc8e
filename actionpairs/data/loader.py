"""Batches of pictures and texts for any trainer, straight from the shards.

Samples are counted from the start of training, over all epochs and all processes: sample n is the n-th row of
`batches.EpochOrder`. A sample depends on n and the seed alone, so any process can start at any sample.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from actionpairs.data import examples
from actionpairs.data.batches import BatchSampler, TrainRow
from actionpairs.data.examples import Shape
from actionpairs.errors import TrainingError

_PAIRS_PER_TASK = 8  # handing one task to a thread costs about as much as a tenth of a pair


@dataclass(frozen=True, slots=True)
class Batch:
    """Some augmented pairs. originals, edits: B H W 3, uint8, RGB, both mirrored where row.flipped.

    The arrays belong to this batch alone: the loader never writes to them again.
    """

    originals: np.ndarray
    edits: np.ndarray
    rows: tuple[TrainRow, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The instruction of each pair; empty where it is dropped."""
        return tuple(row.text for row in self.rows)

    @property
    def negative_texts(self) -> tuple[tuple[str, ...], ...]:
        """Instructions of other actions for each pair; none where the pair's own is dropped."""
        return tuple(row.negative_texts for row in self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """DATASET/KEY of each pair."""
        return tuple(row.name for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Task:
    """What one thread decodes at a time. pictures: 2 n H W 3, a view of the batch's array."""

    rows: tuple[TrainRow, ...]
    pictures: np.ndarray


class Loader:
    """Decodes the rows of a `BatchSampler` with `workers` threads, for process `rank` of `ranks`.

    The processes share each batch evenly. An epoch takes every pair once. If the batch size does not divide it,
    its last batch is filled with the first pairs of the next epoch, so that none is dropped or repeated; where the
    sampler has shapes, so is the last of each bucket.

    size: the side of the pictures, which are squares; to be left out where the sampler has shapes.
    """

    def __init__(
        self, sampler: BatchSampler, size: int | None = None, *, workers: int = 2, rank: int = 0, ranks: int = 1
    ) -> None:
        batch_size = sampler.order.batch_size
        if batch_size % ranks or not 0 <= rank < ranks:
            raise TrainingError(
                f"Process {rank} of {ranks} cannot take an even share of batches of {batch_size}.",
                cure="Count processes from 0. Choose a batch size that their number divides.",
            )
        if (size is None) == (sampler.order.shapes is None):
            raise TrainingError(
                "The pictures have two sizes: the loader's and the sampler's."
                if size
                else "The pictures have no size.",
                cure="Give the loader a size, or the sampler shapes.",
            )
        self._sampler = sampler
        self._side = size or 0  # not asked for where the sampler has shapes
        self._workers = workers
        share = batch_size // ranks
        self._part = slice(rank * share, (rank + 1) * share)

    def batches(self, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """This process's share of the samples [start, stop); endless without a stop.

        Only the first and the last batch are smaller, if start or stop falls inside them. A share without any
        sample is skipped.
        """
        pending: deque[_Task] = deque()  # one per batch: all of its rows

        def tasks() -> Iterator[_Task]:
            for step, rows in self._shares(start, stop):
                # A new array for each batch: a caller may keep it. Reusing them would save about 5 % of the time.
                batch = _Task(rows, np.empty((2, len(rows), *self._shape(step), 3), np.uint8))
                pending.append(batch)
                yield from _split(batch)

        decoded = 0
        for pairs in examples.threaded_map(self._decode, tasks(), workers=self._workers):
            decoded += pairs
            if decoded == len(pending[0].rows):
                batch = pending.popleft()
                yield Batch(batch.pictures[0], batch.pictures[1], batch.rows)
                decoded = 0

    def _shape(self, step: int) -> Shape:
        return self._sampler.shape(step) or (self._side, self._side)

    def _shares(self, start: int, stop: int | None) -> Iterator[tuple[int, tuple[TrainRow, ...]]]:
        """One step after another, and the rows of its batch that are within [start, stop)."""
        size = self._sampler.order.batch_size
        for step in count(start // size):
            first = step * size
            if stop is not None and first >= stop:
                return
            begin = max(self._part.start, start - first)
            end = self._part.stop if stop is None else min(self._part.stop, stop - first)
            if begin < end:
                yield step, self._sampler.rows(step, slice(begin, end))

    def _decode(self, task: _Task) -> int:
        """Decode the pairs of a task into its array; returns their number."""
        for number, row in enumerate(task.rows):
            example = self._sampler.examples[row.index]
            examples.load_pair_into(task.pictures[:, number], example, flipped=row.flipped)
        return len(task.rows)


def _split(batch: _Task) -> Iterator[_Task]:
    for first in range(0, len(batch.rows), _PAIRS_PER_TASK):
        some = slice(first, first + _PAIRS_PER_TASK)
        yield _Task(batch.rows[some], batch.pictures[:, some])
