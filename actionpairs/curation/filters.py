"""Which pairs are kept, judged a column at a time: nothing, or the reason why not."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actionpairs.configs import FilterConfig
from actionpairs.records import Reason


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold drawn through a measure: a pair below it (`is_least`) or above it goes, for the reason."""

    measure: str  # a field of Measures; `sharpness` stands for the less sharp frame's
    reason: Reason
    bound: float
    is_least: bool

    def margins(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far on the good side values of the measure lie; negative where a pair goes."""
        return values - self.bound if self.is_least else self.bound - values


def values_of(known: pa.Table, name: str) -> NDArray[np.float64]:
    """A measure of all pairs by its name, NaN where one has none; `sharpness` is that of the less sharp frame."""
    if name == "sharpness":
        return np.minimum(values_of(known, "sharpness_before"), values_of(known, "sharpness_after"))
    values: NDArray[np.float64] = known[name].to_numpy().astype(np.float64)
    return values


def lines(filters: FilterConfig) -> list[Threshold]:
    """The thresholds that a recipe draws, in the order in which they are judged."""
    drawn = (
        ("cut", Reason.SCENE_CUT, filters.max_cut, False),
        ("camera_shift", Reason.CAMERA_MOVED, filters.max_camera_shift, False),
        ("sharpness", Reason.BLURRED, filters.min_sharpness, True),
        ("dark", Reason.TOO_DARK, filters.max_dark, False),
        ("overexposed", Reason.OVEREXPOSED, filters.max_overexposed, False),
        ("change", Reason.NOTHING_CHANGED, filters.min_change, True),
        ("displacement", Reason.MOVED_TOO_LITTLE, filters.min_displacement, True),
    )
    return [
        Threshold(measure, reason, bound, least) for measure, reason, bound, least in drawn if bound is not None
    ]


def judge(known: pa.Table, filters: FilterConfig) -> dict[int, tuple[Reason, str]]:
    """The rows of pairs that are not worth keeping: the first reason, and what failed with its margin.

    known: a table of columns.FACTS.
    """
    failed: dict[int, list[tuple[Reason, str]]] = defaultdict(list)
    inliers = known["camera_inliers"]
    for line in lines(filters):
        values, sign = values_of(known, line.measure), "<" if line.is_least else ">"
        margins = line.margins(values)
        for row in np.flatnonzero(np.isnan(values)).tolist():
            detail = f"no {line.measure}: only {inliers[row]} features agree between the frames"
            failed[row].append((Reason.UNMEASURED, detail))
        for row in np.flatnonzero(margins < 0).tolist():
            detail = f"{line.measure} {values[row]:.4f} {sign} {line.bound:g} (by {-margins[row]:.4f})"
            failed[row].append((line.reason, detail))
    return {row: (told[0][0], "; ".join(detail for _, detail in told)) for row, told in failed.items()}
