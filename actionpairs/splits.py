"""Who is in which split: a pure function of ids and a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping


def rank(segment_id: str, *, seed: int) -> str:
    """A segment's place in the hash order of a seed: 64 hexadecimal digits that sort like numbers."""
    return hashlib.sha256(f"{seed}:{segment_id}".encode()).hexdigest()


def assign(ids: Iterable[str], *, tests: Mapping[str, int], train: str, seed: int) -> dict[str, str]:
    """Give every id its split: the first ranks go to the tests in the order named, the rest trains.

    The order of the ids never matters, and an id that is added moves at most one other across each border.
    """
    ranked = sorted(set(ids), key=lambda segment_id: rank(segment_id, seed=seed))
    split_of = dict.fromkeys(ranked, train)
    start = 0
    for name, count in tests.items():
        split_of.update(dict.fromkeys(ranked[start : start + count], name))
        start += count
    return split_of
