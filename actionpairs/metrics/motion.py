"""Motion alignment: whether things moved as they did in the real last frame."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from actionpairs.metrics import optical_flow
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader
from actionpairs.metrics.side import side_of

COLUMN = MetricColumn("motion alignment", "higher", "action")
_STILL = 0.005  # of the picture's side: flow shorter than that is noise


class MotionAlignment:
    """Per edit: 100 times the alignment of two optical flows, from the input to the edit and to the truth."""

    columns = (COLUMN,)
    note = (
        "Motion alignment: optical flow from the input to the edit against that to the real last frame; 100 is "
        "the same motion, 0 none or another, −100 the reverse. Where the truth shows no motion, a sample takes "
        "no part."
    )
    citation = "Optical flow by dense inverse search: arXiv 1603.03590"
    digest = ""

    def score(self, batch: EditBatch) -> BatchScores:
        """In [−100, 100]; NaN where the truth stands still."""
        still = _STILL * side_of(batch.originals[0])
        values = [
            alignment(optical_flow.between(original, edit), optical_flow.between(original, truth), still=still)
            for original, edit, truth in zip(batch.originals, batch.edits, batch.truths, strict=True)
        ]
        return BatchScores({COLUMN.name: 100.0 * np.array(values)})


def alignment(flow: np.ndarray, true_flow: np.ndarray, *, still: float) -> float:
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


def _load(_: MetricInputs) -> Sequence[AnyMetric]:
    return (MotionAlignment(),)


LOADER = MetricLoader(_load)
