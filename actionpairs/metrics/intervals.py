"""How one number with a 95 % interval is made of many samples. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student_t

_Z = 1.959964  # the normal quantile that leaves 2.5 % on either side
_T19 = 2.093024  # the same of Student's t with 19 degrees of freedom: 20 jackknife groups
JACKKNIFE_GROUPS = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its 95 % interval (None where there is too little to give one), and the number of samples."""

    value: float
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Statistic:
    """A way to make one number of many samples. Below `least_samples` of them a report warns with `caution`."""

    name: str
    least_samples: int
    caution: str


MEAN = Statistic("mean", 30, "an interval of ±1.96 standard errors is too narrow for so few")
SHARE = Statistic("share", 100, "the interval is wider than ±10 points where the value is near 50 %")


def summarize(values: np.ndarray, statistic: str) -> Estimate:
    """The mean of per-sample values, or for a "share" of hits (each 0 or 100) their share in per cent.

    values: N float64. A NaN takes no part; with nothing left the value is NaN and the count 0.
    """
    if statistic != SHARE.name:
        return mean(values)
    hits = share(values[~np.isnan(values)] > 0)
    low, high = (None if end is None else 100 * end for end in (hits.low, hits.high))
    return Estimate(100 * hits.value, low, high, hits.count)


def mean(values: np.ndarray) -> Estimate:
    """The mean of per-sample values ± 1.96 standard errors; a NaN takes no part.

    values: N. With no sample left the value is NaN.
    """
    kept = values[~np.isnan(values)].astype(np.float64)
    if kept.size == 0:
        return Estimate(math.nan, None, None, 0)
    center = float(kept.mean())
    if kept.size == 1:
        return Estimate(center, None, None, 1)
    error = _Z * float(kept.std(ddof=1)) / math.sqrt(kept.size)
    return Estimate(center, center - error, center + error, kept.size)


def share(hits: np.ndarray) -> Estimate:
    """The share of hits with Wilson's interval (Wilson 1927), which is right near 0 and 1 too.

    hits: N bool. With no sample the value is NaN.
    """
    count = hits.size
    if count == 0:
        return Estimate(math.nan, None, None, 0)
    p = float(hits.mean())
    center = (p + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * math.sqrt(p * (1 - p) / count + _Z**2 / (4 * count**2))
    return Estimate(p, max(0.0, min(p, center - half)), min(1.0, max(p, center + half)), count)


def paired(ones: np.ndarray, others: np.ndarray) -> Estimate:
    """The mean difference of two rows on the same samples, with the interval of Student's paired t.

    ones, others: N, row i of both from sample i. A sample that is NaN in either takes no part. No interval where
    all differences are the same: there is no spread to take one from.
    """
    differences = ones.astype(np.float64) - others
    kept = differences[~np.isnan(differences)]
    if kept.size == 0:
        return Estimate(math.nan, None, None, 0)
    center = float(kept.mean())
    if kept.size == 1 or float(np.ptp(kept)) == 0:
        return Estimate(center, None, None, kept.size)
    error = float(student_t.ppf(0.975, kept.size - 1)) * float(kept.std(ddof=1)) / math.sqrt(kept.size)
    return Estimate(center, center - error, center + error, kept.size)


def mcnemar(ones: np.ndarray, others: np.ndarray) -> float:
    """The exact two-sided p of McNemar's test that two rows hit equally often; 1 where they never disagree.

    ones, others: N bool, row i of both from sample i (McNemar 1947; binomial, without approximation).
    """
    only_one, only_other = int((ones & ~others).sum()), int((others & ~ones).sum())
    disagreements = only_one + only_other
    return 1.0 if disagreements == 0 else float(binomtest(only_one, disagreements).pvalue)


def jackknife(statistic: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray) -> Estimate:
    """A distance between paired sets with the interval of a delete-a-group jackknife over 20 groups.

    x, y: N D, row i of both from sample i; row i is in group i mod 20. A bootstrap would not do: resampling
    repeats rows, which changes the Fréchet distance itself. No interval where N < 40.
    """
    value, count = statistic(x, y), len(x)
    if count < 2 * JACKKNIFE_GROUPS:
        return Estimate(value, None, None, count)
    group = np.arange(count) % JACKKNIFE_GROUPS
    without = np.array([statistic(x[group != g], y[group != g]) for g in range(JACKKNIFE_GROUPS)])
    variance = (JACKKNIFE_GROUPS - 1) / JACKKNIFE_GROUPS * ((without - without.mean()) ** 2).sum()
    error = _T19 * math.sqrt(variance)
    return Estimate(value, value - error, value + error, count)
