"""Drift: how far an edit moves, zooms and recolors what the action leaves alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from actionpairs.metrics import alignment
from actionpairs.metrics.alignment import Similarity
from actionpairs.metrics.background import LEAST_SHARE, unchanged
from actionpairs.metrics.color_difference import ciede2000, to_lab
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader

SHIFT = MetricColumn("shift drift", "lower", "picture", "%", without_truth=True)
ZOOM = MetricColumn("zoom drift", "lower", "picture", "%", without_truth=True)
COLOR = MetricColumn("color drift", "lower", "picture", "ΔE", without_truth=True)
WORST = 20.0  # %, %, ΔE: of an edit whose background is not found again; no shift or zoom is worse
_LEAST_CORRELATION = 0.5  # of the two backgrounds, below which the edit's does not show the input's
_LEAST_TRUE_CORRELATION = 0.8  # the same for the real last frame: below it, the background shows noise only
_LEAST_STRUCTURE = 0.25  # gray levels per pixel: flat or striped backgrounds can be shifted unseen
_STILL = 0.5  # %: where the real last frame is shifted or zoomed by more, the camera moved
_COLOR_SIDE = 128  # pixels: the side at which colors are compared, so that noise and JPEG count little


class Drift:
    """Per edit: shift (% of the side), zoom (%) and color difference (mean ΔE₀₀) of the unchanged part."""

    columns = (SHIFT, ZOOM, COLOR)
    note = (
        "Drift: how far the edit shifts (% of the side of a square of the picture's area), zooms (%) and recolors "
        "(mean CIEDE2000 once aligned) what the real last frame leaves as it is in the input; a copy has 0. An "
        f"edit whose background is not found again counts as {WORST:g} %, {WORST:g} % and ΔE {WORST:g} or more. "
        "Where the camera moves, or the background is too small or too flat to tell, a sample takes no part."
    )
    citation = (
        "Ours. Alignment: Benhimane and Malis 2004, efficient second-order minimization; color: Sharma, Wu and "
        "Dalal 2005, CIEDE2000"
    )
    digest = ""

    def score(self, batch: EditBatch) -> BatchScores:
        """In %, % and ΔE₀₀; NaN where the sample shows no still background with structure."""
        values = np.array(
            [drift(*each) for each in zip(batch.originals, batch.edits, batch.truths, strict=True)], np.float64
        )
        return BatchScores({column.name: values[:, i] for i, column in enumerate(self.columns)})


def drift(original: np.ndarray, edit: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Shift in % of `side_of` the picture, zoom in %, both without a sign, and mean ΔE₀₀.

    All H W 3 uint8. NaN where the sample cannot tell. Exactly 0 where the edit leaves the background as it is.
    """
    mask = unchanged(original, truth)
    if not can_tell(original, truth, mask):
        return math.nan, math.nan, math.nan
    if np.array_equal(edit[mask], original[mask]):
        return 0.0, 0.0, 0.0
    similarity, correlation = alignment.search(alignment.levels(original, edit, mask))
    if correlation < _LEAST_CORRELATION or similarity.is_astray:
        return WORST, WORST, max(WORST, color_difference(original, edit, mask, Similarity()))
    shift, zoom = _percent(similarity)
    return min(shift, WORST), min(zoom, WORST), color_difference(original, edit, mask, similarity)


def can_tell(original: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> bool:
    """Whether a sample shows drift: its background is large, has structure, and stands still in the truth."""
    if mask.mean() < LEAST_SHARE:
        return False
    finest = alignment.levels(original, truth, mask)[-1]
    if finest.structure() < _LEAST_STRUCTURE:
        return False
    similarity = finest.refine(Similarity())
    return finest.correlation(similarity) >= _LEAST_TRUE_CORRELATION and max(_percent(similarity)) <= _STILL


def color_difference(original: np.ndarray, edit: np.ndarray, mask: np.ndarray, similarity: Similarity) -> float:
    """Mean ΔE₀₀ of the original and the edit that lies on it: both H W 3 uint8, over the mask of the original."""
    one, other = (_smooth(each) for each in (original, edit))
    other = similarity.warp(other)
    inside = alignment.shrink(mask.astype(np.float32), _COLOR_SIDE) > 0.99
    inside &= ~np.isnan(other).any(axis=-1)
    return float(ciede2000(to_lab(one)[inside], to_lab(other)[inside]).mean())


def _smooth(picture: np.ndarray) -> np.ndarray:
    """Without what is too fine to be a change of color."""
    return cv2.GaussianBlur(alignment.shrink(picture.astype(np.float32), _COLOR_SIDE), (0, 0), 1)


def _percent(similarity: Similarity) -> tuple[float, float]:
    """Shift and zoom, in per cent."""
    return 100 * abs(similarity.shift), 100 * abs(abs(similarity.factor) - 1)


def _load(_: MetricInputs) -> Sequence[AnyMetric]:
    return (Drift(),)


LOADER = MetricLoader(_load)
