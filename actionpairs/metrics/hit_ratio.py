"""The share of hits of one row as a share of another's, on the same samples, with a paired bootstrap."""

from __future__ import annotations

import math

import numpy as np

from actionpairs.data import rng
from actionpairs.metrics.intervals import Estimate

_RESAMPLES = 10_000


def hit_ratio(hits: np.ndarray, reference: np.ndarray, *, seed: int = 0) -> Estimate:
    """Hits divided by the reference's hits, with the 2.5th and 97.5th percentile of resampled samples.

    hits, reference: N bool, row i of both from sample i. A resample draws N samples with replacement, and keeps
    each one's two values together (Efron and Tibshirani 1993, An Introduction to the Bootstrap). As there are four
    kinds of samples only, that is one multinomial draw. NaN where the reference never hits; no interval where a
    resample has no hit of the reference.
    """
    count = hits.size
    if not reference.any():
        return Estimate(math.nan, None, None, count)
    kinds = np.bincount(2 * hits.astype(int) + reference.astype(int), minlength=4)  # none, reference, hits, both
    drawn = rng.generator(seed, "hit ratio").multinomial(count, kinds / count, size=_RESAMPLES)
    of_hits, of_reference = drawn[:, 2] + drawn[:, 3], drawn[:, 1] + drawn[:, 3]
    value = float(hits.sum() / reference.sum())
    if (of_reference == 0).any():
        return Estimate(value, None, None, count)
    low, high = np.percentile(of_hits / of_reference, [2.5, 97.5])
    return Estimate(value, float(low), float(high), count)
