"""Means with their uncertainty, as the tables and plots of the study show them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest, sem, spearmanr, t

_RESAMPLES = 2000


def student(values: Sequence[float]) -> tuple[float, float]:
    """The mean of some seeds, and half of Student's 95 % interval."""
    return float(np.mean(values)), float(sem(values) * t.ppf(0.975, len(values) - 1))


def wilson(done: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, in percent."""
    interval = binomtest(done, count).proportion_ci(method="wilson")
    return 100 * interval.low, 100 * interval.high


def paired(values: Sequence[float], others: Sequence[float]) -> tuple[float, float, float]:
    """The mean paired difference over samples, and its 95 % bootstrap interval. The same call gives the same."""
    differences = np.subtract(values, others)
    drawn = np.random.default_rng(0).integers(0, len(differences), (_RESAMPLES, len(differences)))
    low, high = np.percentile(differences[drawn].mean(1), [2.5, 97.5])
    return float(differences.mean()), float(low), float(high)


def spearman(pairs: Sequence[tuple[float, float]], *, fewest: int) -> str:
    """Spearman's ρ as text; a dash for fewer pairs, or where a value does not vary."""
    if len(pairs) < fewest or min(len(set(values)) for values in zip(*pairs, strict=True)) < 2:
        return "–"
    return f"{spearmanr(*np.array(pairs).T).statistic:.2f}"
