"""Distances between features: Fréchet and kernel distances of two sets, cosines of rows. Pure functions."""

from __future__ import annotations

import math

import numpy as np

from actionpairs.metrics.intervals import Statistic

FRECHET = Statistic(
    "Fréchet distance",
    2000,
    "biased upwards, as every Fréchet distance of few is; compare within this table only",
)
KERNEL = Statistic("kernel distance", 200, "unbiased, but noise outweighs the differences between good models")


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """The Fréchet distance between the Gaussians of two feature sets (arXiv 1706.08500), exactly.

    x: N D, y: M D, with N and M at least 2. With centered factors A, B such that Σx = AᵀA and Σy = BᵀB, the
    trace of (ΣxΣy)^½ is the sum of the singular values of BAᵀ, so no D × D root is taken where N, M < D.
    """
    a, b = _factor(x), _factor(y)
    trace_of_root = np.linalg.svd(b @ a.T, compute_uv=False).sum()
    shift = x.mean(axis=0, dtype=np.float64) - y.mean(axis=0, dtype=np.float64)
    return max(0.0, float(shift @ shift + (a**2).sum() + (b**2).sum() - 2 * trace_of_root))


def _factor(x: np.ndarray) -> np.ndarray:
    """A float64 matrix A of at most D rows whose AᵀA is the covariance of x's rows."""
    centered = (x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)) / math.sqrt(len(x) - 1)
    return centered if len(x) <= x.shape[1] else np.asarray(np.linalg.qr(centered, mode="r"))


def kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased squared MMD with the kernel (x·y/D + 1)³: KID (arXiv 1801.01401).

    x: N D, y: M D, with N and M at least 2. Being unbiased, it may fall below zero.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    within_x, within_y, between = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    n, m = len(x), len(y)
    own_x = (within_x.sum() - np.trace(within_x)) / (n * (n - 1))
    own_y = (within_y.sum() - np.trace(within_y)) / (m * (m - 1))
    return float(own_x + own_y - 2 * between.mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The cosine of the angle between rows: N D each, returns N float64, NaN where a row is 0."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray(np.divide((x * y).sum(axis=1), lengths, out=np.full(len(x), math.nan), where=lengths > 0))
