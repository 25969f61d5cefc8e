"""Scores as pure functions of arrays, each with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binomtest
from scipy.stats import t as student_t
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

_Z = 1.959964  # the normal quantile that leaves 2.5 % on either side
_T19 = 2.093024  # the same of Student's t with 19 degrees of freedom: 20 jackknife groups
JACKKNIFE_GROUPS = 20
IDENTICAL_DB = 100.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its 95 % interval (None where there is too little to give one), and the samples behind it."""

    value: float
    low: float | None
    high: float | None
    count: int


# ── means and shares ────────────────────────────────────────────────────────────────────────────────────


def mean(values: np.ndarray) -> Estimate:
    """The mean of per-sample scores ± 1.96 standard errors; NaN marks a sample that takes no part.

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
    """The share of hits with Wilson's interval (Wilson 1927), which holds near 0 and 1 too.

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

    ones, others: N, row i of both from sample i; a sample that is NaN in either takes no part. No interval
    where all differences are the same: there is no spread to take one from.
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


def top_k(logits: np.ndarray, targets: np.ndarray, k: int) -> np.ndarray:
    """Whether each target is among the k largest logits; a target of −1 never is.

    logits: N K, targets: N int; returns N bool. Of equal logits the first counts as larger.
    """
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return np.asarray((best == targets[:, None]).any(axis=1))


# ── sets of features ────────────────────────────────────────────────────────────────────────────────────


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """The Fréchet distance between the Gaussians of two feature sets (arXiv 1706.08500), exactly.

    x: N D, y: M D, with N and M at least 2. With centerd factors A, B such that Σx = AᵀA and Σy = BᵀB, the
    trace of (ΣxΣy)^½ is the sum of the singular values of BAᵀ, so no D × D root is taken where N, M < D.
    """
    a, b = _factor(x), _factor(y)
    trace_of_root = np.linalg.svd(b @ a.T, compute_uv=False).sum()
    shift = x.mean(axis=0, dtype=np.float64) - y.mean(axis=0, dtype=np.float64)
    return max(0.0, float(shift @ shift + (a**2).sum() + (b**2).sum() - 2 * trace_of_root))


def _factor(x: np.ndarray) -> np.ndarray:
    """A float64 matrix A of at most D rows whose AᵀA is the covariance of x's rows."""
    centerd = (x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)) / math.sqrt(len(x) - 1)
    return centerd if len(x) <= x.shape[1] else np.asarray(np.linalg.qr(centerd, mode="r"))


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


def gaussian_distance(x: np.ndarray, y: np.ndarray) -> float:
    """CMMD: 1000 times the squared MMD with the kernel exp(−|x − y|²/2σ²), σ = 10 (arXiv 2401.09603).

    x: N D, y: M D, rows of length 1. The published estimator, V-statistics with the diagonals: never below 0.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    return float(1000 * (_gaussian(x, x).mean() + _gaussian(y, y).mean() - 2 * _gaussian(x, y).mean()))


def _gaussian(x: np.ndarray, y: np.ndarray, sigma: float = 10.0) -> np.ndarray:
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None] - 2 * x @ y.T
    return np.asarray(np.exp(-squares / (2 * sigma**2)))


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The cosine of the angle between rows: N D each, returns N float64, NaN where a row is 0."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.asarray(np.divide((x * y).sum(axis=1), lengths, out=np.full(len(x), math.nan), where=lengths > 0))


def direction(edits: np.ndarray, originals: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Whether features change as they should: cos(E(edit) − E(input), E(truth) − E(input)).

    All N D; returns N float64. An edit that is its input scores 0; NaN where the truth is the input.
    """
    change, true_change = edits - originals, truths - originals
    found = cosine(change, true_change)
    return np.where(np.isnan(found) & true_change.any(axis=1), 0.0, found)


def jackknife(statistic: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray) -> Estimate:
    """A distance between paired sets with the interval of a delete-a-group jackknife over 20 groups.

    x, y: N D, row i of both from sample i; row i is in group i mod 20. A bootstrap would not do: resampling
    repeats rows, which moves the Fréchet distance itself. No interval where N < 40.
    """
    value, count = statistic(x, y), len(x)
    if count < 2 * JACKKNIFE_GROUPS:
        return Estimate(value, None, None, count)
    group = np.arange(count) % JACKKNIFE_GROUPS
    without = np.array([statistic(x[group != g], y[group != g]) for g in range(JACKKNIFE_GROUPS)])
    variance = (JACKKNIFE_GROUPS - 1) / JACKKNIFE_GROUPS * ((without - without.mean()) ** 2).sum()
    error = _T19 * math.sqrt(variance)
    return Estimate(value, value - error, value + error, count)


# ── pictures, one by one ────────────────────────────────────────────────────────────────────────────────


def ssim(pictures: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Structural similarity of each picture with its truth, 1 where they are the same.

    Both B H W 3 uint8; returns B float64. Gaussian window of 11 pixels, σ = 1.5.
    """
    values = structural_similarity_index_measure(_unit(pictures), _unit(truths), data_range=1.0, reduction="none")
    return np.atleast_1d(np.asarray(values, np.float64))


def psnr(pictures: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each picture in dB; 100 dB stands for identical pictures.

    Both B H W 3 uint8; returns B float64.
    """
    values = peak_signal_noise_ratio(
        _unit(pictures), _unit(truths), data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return np.asarray(np.minimum(np.atleast_1d(np.asarray(values, np.float64)), IDENTICAL_DB))


def _unit(pictures: np.ndarray) -> torch.Tensor:
    """B 3 H W float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


# ── motion ──────────────────────────────────────────────────────────────────────────────────────────────


def motion_alignment(flow: np.ndarray, true_flow: np.ndarray, *, still: float) -> float:
    """How alike two motions are: 2 Σf·f* / Σ(|f|² + |f*|²) = 1 − Σ|f − f*|² / Σ(|f|² + |f*|²), in [−1, 1].

    flow, true_flow: H W 2, pixels, from the input to the edit and to the truth. Vectors shorter than `still`
    pixels count as zero. The same motion scores 1; half of it 0.8; no motion, motion elsewhere or at a right
    angle 0, as random motion does on average; the reverse −1. NaN where the truth itself stands still.
    """
    moved, truly_moved = _without_still(flow, still), _without_still(true_flow, still)
    if not truly_moved.any():
        return math.nan
    return float(2 * (moved * truly_moved).sum() / ((moved**2).sum() + (truly_moved**2).sum()))


def _without_still(flow: np.ndarray, still: float) -> np.ndarray:
    flow = flow.astype(np.float64)
    return np.asarray(flow * (np.linalg.norm(flow, axis=-1, keepdims=True) >= still))
