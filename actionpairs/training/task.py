"""What the training loop needs of a task. There are two: editors and recognizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of some rows of a batch, and what is logged of them.

    total: the mean over the rows, a scalar, for the backward pass. terms: by name, `sum_and_count` over the rows
    that count, 2. As sums and counts they do not depend on how a batch is divided among processes. The names are
    the same in every step; a term that no row has counts 0 rows, and has no mean.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


def sum_and_count(values: Tensor, counted: Tensor | None = None) -> Tensor:
    """The sum of the values that count, and their number: B in, 2 out."""
    counted = torch.ones_like(values) if counted is None else counted.to(values.dtype)
    return torch.stack([(values.detach() * counted).sum(), counted.sum()])


class Task(Protocol):
    """One kind of training. Steps count from 0; `part` selects this process's rows of the batch."""

    def prepare(self, step: int, part: slice) -> None:
        """Draw some rows of a step in advance, while the device still works on the step before."""

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        """The losses of some rows of a step."""

    def names(self, step: int) -> tuple[str, ...]:
        """The names of the pairs in a step's batch."""


class Prefetch(Generic[T]):
    """Draws some rows of a step in advance, and keeps the result until it is used."""

    def __init__(self, draw: Callable[[int, slice], T]) -> None:
        self._draw = draw
        self._drawn: tuple[int, slice, T] | None = None

    def prepare(self, step: int, part: slice) -> None:
        """Draw now what `get` will return."""
        self._drawn = step, part, self._draw(step, part)

    def get(self, step: int, part: slice) -> T:
        """The rows drawn in advance, if they are the ones requested; otherwise they are drawn now."""
        if self._drawn and self._drawn[:2] == (step, part):
            return self._drawn[2]
        return self._draw(step, part)
