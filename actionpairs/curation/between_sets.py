"""Near-duplicates between data sets that become one: which pairs are dropped, and which only named."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from actionpairs.curation.duplicates import Duplicate, find_near_pairs


class Role(IntEnum):
    """What a sample is for. A copy is one more time in a subset of the training split."""

    TRAIN = 0
    HELD_OUT = 1
    COPY = 2


@dataclass(frozen=True, slots=True)
class SetDuplicates:
    """The near-duplicates between data sets.

    leaking: training pairs that repeat a held-out pair of another set; they are dropped. repeated: training pairs
    that repeat a training pair of an earlier set. held_out: how many held-out pairs repeat a held-out pair of an
    earlier set; they all stay, since a test split keeps its size and its name.
    """

    leaking: tuple[Duplicate, ...]
    repeated: tuple[Duplicate, ...]
    held_out: int


def find_set_duplicates(
    hashes: NDArray[np.uint8], sets: NDArray[np.int64], roles: NDArray[np.int8], *, max_bits: int
) -> SetDuplicates:
    """Find the near-duplicates between sets; those within a set are its own recipe's matter.

    hashes: N 16 uint8, the pairs in the order of the sets. sets, roles: N. No held-out pair is ever dropped. A
    training pair that is dropped is no reason to drop another.
    """
    near = find_near_pairs(hashes, max_bits=max_bits)
    near = near[sets[near[:, 0]] != sets[near[:, 1]]]
    one, two = roles[near[:, 0]], roles[near[:, 1]]
    held_out = near[(one == Role.HELD_OUT) & (two == Role.HELD_OUT)]
    mixed = near[((one == Role.TRAIN) & (two == Role.HELD_OUT)) | ((one == Role.HELD_OUT) & (two == Role.TRAIN))]
    leaking = _leaking(mixed, roles)
    repeated = _repeated(near[(one == Role.TRAIN) & (two == Role.TRAIN)], {item.index for item in leaking})
    return SetDuplicates(leaking, repeated, len(np.unique(held_out[:, 1])))


def _leaking(near: NDArray[np.int64], roles: NDArray[np.int8]) -> tuple[Duplicate, ...]:
    """Each training pair of these, with the held-out pair that it is nearest to."""
    nearest: dict[int, tuple[int, int]] = {}
    for one, two, bits in near.tolist():
        trained, held_out = (one, two) if roles[one] == Role.TRAIN else (two, one)
        nearest[trained] = min((bits, held_out), nearest.get(trained, (bits, held_out)))
    return tuple(Duplicate(index, kept, bits) for index, (bits, kept) in sorted(nearest.items()))


def _repeated(near: NDArray[np.int64], dropped: set[int]) -> tuple[Duplicate, ...]:
    """Each training pair that repeats an earlier one which stays. dropped: indices of those that do not stay."""
    earlier: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for one, two, bits in near.tolist():
        earlier[two].append((bits, one))
    repeated: dict[int, Duplicate] = {}
    for index in sorted(set(earlier) - dropped):
        kept = [(bits, one) for bits, one in earlier[index] if one not in dropped and one not in repeated]
        if kept:
            bits, one = min(kept)
            repeated[index] = Duplicate(index, one, bits)
    return tuple(repeated.values())
