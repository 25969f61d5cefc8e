"""Batches of samples of one shape, and the loop that makes the edits that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from actionpairs.data.examples import Shape
from actionpairs.progress import Progress

Sample = TypeVar("Sample")


def by_shape(samples: Iterable[Sample], shape_of: Callable[[Sample], Shape], size: int) -> Iterator[list[Sample]]:
    """Batches of one shape each. They depend on the samples alone: an edit is always made in the same batch."""
    same: dict[Shape, list[Sample]] = {}
    for sample in samples:
        same.setdefault(shape_of(sample), []).append(sample)
    for group in same.values():
        yield from (group[start : start + size] for start in range(0, len(group), size))


def make_missing(
    batches: Iterable[Sequence[Sample]],
    edits_of: Callable[[Sequence[Sample]], np.ndarray],
    *,
    exists: Callable[[Sample], bool],
    save: Callable[[Sample, np.ndarray], object],
    description: str,
) -> None:
    """Make and save the edits of every batch in which one is missing.

    A batch is made as a whole, so that a run that is stopped and continued writes the same bytes. description: of
    the progress bar.
    """
    pending = [batch for batch in batches if not all(map(exists, batch))]
    with Progress(total=sum(map(len, pending)), unit="edit", desc=description) as bar:
        for batch in pending:
            for sample, picture in zip(batch, edits_of(batch), strict=True):
                save(sample, picture)
            bar.update(len(batch))
