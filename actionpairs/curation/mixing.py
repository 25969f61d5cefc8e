"""How many pairs of each source a mix takes, and which: by weights, without replacement."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from actionpairs.errors import ShardError


def apportion(weights: Mapping[str, float], sizes: Mapping[str, int], *, samples: int | None) -> dict[str, int]:
    """The number of pairs that each source gives, in proportion to the weights.

    The draws of all sources form one sequence, whose first `samples` are taken: draw n of a source, counted from
    0, stands at (n + ½) / weight, and at a tie the first source comes first (Webster's method of apportionment).
    So the shares are the weights up to a sample or so, for every number of samples; and a larger number keeps all
    that a smaller one takes. sizes: how many pairs each source has. samples: None takes as many as the weights
    allow until the first source is used up.

    Raises ShardError if a weight is not positive, or a source has too few pairs: none is ever taken twice.
    """
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight > 0):
            raise ShardError(f"{name}: {weight} is no weight.", cure="Give a number above 0, or leave it out.")
        if not sizes[name]:
            raise ShardError(f"{name}: no training pair is left to draw.", cure="Leave it out of the mix.")
    sequence, length = _sequence(weights, sizes)
    if samples is not None and samples > length:
        scarce = list(weights)[sequence[length]]
        raise ShardError(
            f"{scarce}: {sizes[scarce]:,} training pairs are too few for {samples:,} samples with these weights, "
            "and none is taken twice.",
            cure=f"Draw at most {length:,} samples, or give it a smaller weight.",
        )
    counts = np.bincount(sequence[: length if samples is None else samples], minlength=len(weights))
    return dict(zip(weights, counts.tolist(), strict=True))


def _sequence(weights: Mapping[str, float], sizes: Mapping[str, int]) -> tuple[NDArray[np.int64], int]:
    """The source of every draw in turn, and how many can be made before one falls on a source that is used up."""
    # One draw more than each source has: the first of these extra draws ends the sequence.
    places = [(np.arange(sizes[name] + 1) + 0.5) / weight for name, weight in weights.items()]
    sources = np.repeat(np.arange(len(places)), [len(each) for each in places])
    is_extra = np.concatenate([np.arange(len(each)) == len(each) - 1 for each in places])
    order = np.lexsort((sources, np.concatenate(places)))
    return sources[order], int(np.flatnonzero(is_extra[order])[0])
