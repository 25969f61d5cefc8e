"""SSIM and PSNR: edit and real last frame, pixel by pixel, with the numbers of torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader

SSIM = MetricColumn("SSIM", "higher", "picture")
PSNR = MetricColumn("PSNR", "higher", "picture", "dB")
IDENTICAL_DB = 100.0
_WINDOW, _SIGMA = (11, 11), 1.5
_C1, _C2 = 0.01**2, 0.03**2  # K₁ and K₂ of the paper, for values in [0, 1]


class PixelScores:
    """Per edit: structural similarity and peak signal-to-noise ratio to the truth."""

    columns = (SSIM, PSNR)
    note = (
        "SSIM (Gaussian window of 11 pixels, σ = 1.5, borders mirrored) and PSNR: the edit against the real last "
        f"frame, not resized; a PSNR of {IDENTICAL_DB:g} dB stands for identical pictures."
    )
    citation = "Wang et al. 2004, Image quality assessment: from error visibility to structural similarity"
    digest = ""

    def score(self, batch: EditBatch) -> BatchScores:
        """Both numbers of every edit."""
        return BatchScores(
            {SSIM.name: ssim(batch.edits, batch.truths), PSNR.name: psnr(batch.edits, batch.truths)}
        )


def ssim(pictures: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Structural similarity of each picture with its truth, 1 where they are the same.

    Both B H W 3 uint8; returns B float64. Gaussian window of 11 pixels, σ = 1.5. Borders are mirrored and count,
    as in torchmetrics; Wang et al. and scikit-image leave out a rim of 5 pixels.
    """
    return np.array([_ssim(one / 255, other / 255) for one, other in zip(pictures, truths, strict=True)])


def _ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Of two pictures, H W 3 float64 in [0, 1]: in float32, rounding would be structure of a single color."""
    mean, other_mean = _blurred(one), _blurred(other)
    spread = np.maximum(_blurred(one**2) - mean**2, 0) + np.maximum(_blurred(other**2) - other_mean**2, 0)
    common = _blurred(one * other) - mean * other_mean
    light = (2 * mean * other_mean + _C1) / (mean**2 + other_mean**2 + _C1)
    return float((light * (2 * common + _C2) / (spread + _C2)).mean())


def _blurred(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, _WINDOW, _SIGMA, borderType=cv2.BORDER_REFLECT_101)


def psnr(pictures: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each picture in dB; 100 dB stands for identical pictures.

    Both B H W 3 uint8; returns B float64.
    """
    errors = ((pictures.astype(np.float64) - truths) ** 2).mean(axis=(1, 2, 3))
    decibels = [10 * math.log10(255**2 / error) if error else IDENTICAL_DB for error in errors]
    return np.minimum(decibels, IDENTICAL_DB)


def _load(_: MetricInputs) -> Sequence[AnyMetric]:
    return (PixelScores(),)


LOADER = MetricLoader(_load)
