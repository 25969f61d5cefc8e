"""SSIM and PSNR: edit and real last frame, pixel by pixel, as torchmetrics computes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader

SSIM = MetricColumn("SSIM", "higher", "picture")
PSNR = MetricColumn("PSNR", "higher", "picture", "dB")
IDENTICAL_DB = 100.0


class PixelScores:
    """Per edit: structural similarity and peak signal-to-noise ratio to the truth."""

    columns = (SSIM, PSNR)
    note = (
        "SSIM (Gaussian window of 11 pixels, σ = 1.5) and PSNR: the edit against the real last frame, not "
        f"resized; a PSNR of {IDENTICAL_DB:g} dB stands for identical pictures."
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


def _load(_: MetricInputs) -> Sequence[AnyMetric]:
    return (PixelScores(),)


LOADER = MetricLoader(_load)
