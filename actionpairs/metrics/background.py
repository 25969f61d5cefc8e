"""Background PSNR: whether an edit leaves alone what the action does not touch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader
from actionpairs.metrics.pixels import IDENTICAL_DB
from actionpairs.metrics.side import side_of

COLUMN = MetricColumn("background PSNR", "higher", "picture", "dB")
_CHANGED = 20.0  # gray levels, of a blurred difference: more than what JPEG and sensors do
_MARGIN = 1 / 16  # of the side: how far around what changed an edit may differ too
LEAST_SHARE = 0.1  # of the picture, below which there is no background to speak of


class BackgroundPsnr:
    """Per edit: PSNR with the input where the truth does not differ from the input."""

    columns = (COLUMN,)
    note = (
        "Background PSNR: the edit against its input where the real last frame does not differ from it; a "
        "copy is perfect by design. Where nearly everything differs, a sample takes no part."
    )
    citation = (
        "Background preservation as in PnP Inversion (arXiv 2310.01506), with masks from the real last frame"
    )
    digest = ""

    def score(self, batch: EditBatch) -> BatchScores:
        """In dB; NaN where nearly all of the truth differs, as where the camera moves."""
        return BatchScores({COLUMN.name: background_psnr(batch.edits, batch.originals, batch.truths)})


def background_psnr(pictures: np.ndarray, originals: np.ndarray, truths: np.ndarray) -> np.ndarray:
    """PSNR in dB of each picture with its input where the truth does not differ from it; 100 dB for a copy.

    All B H W 3 uint8; returns B float64, NaN where nearly all of the truth differs, as where a camera moves.
    """
    return np.array([_psnr(*each) for each in zip(pictures, originals, truths, strict=True)])


def unchanged(original: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Where the truth shows what the input does, well away from what changed: both H W 3 uint8, H W bool."""
    difference = cv2.absdiff(original, truth).max(axis=-1)
    changed = cv2.GaussianBlur(difference.astype(np.float32), (0, 0), sigmaX=1.5) > _CHANGED
    reach = 2 * round(_MARGIN * side_of(original)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(cv2.dilate(changed.astype(np.uint8), kernel) == 0)


def _psnr(picture: np.ndarray, original: np.ndarray, truth: np.ndarray) -> float:
    mask = unchanged(original, truth)
    if mask.mean() < LEAST_SHARE:
        return math.nan
    error = float(((picture[mask].astype(np.float64) - original[mask]) ** 2).mean())
    return min(IDENTICAL_DB, 10 * math.log10(255**2 / error)) if error else IDENTICAL_DB


def _load(_: MetricInputs) -> Sequence[AnyMetric]:
    return (BackgroundPsnr(),)


LOADER = MetricLoader(_load)
