"""Filters on measures: which pairs are dropped, and why. Each filter works on a whole column."""

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
    """A bound on a measure. Pairs below it (`is_minimum`), or else above it, are dropped for `reason`."""

    measure: str  # a field of Measures, or `sharpness`: that of the less sharp frame
    reason: Reason
    bound: float
    is_minimum: bool

    def margins(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of each value to the bound; negative where the pair is dropped."""
        return values - self.bound if self.is_minimum else self.bound - values


def measure_values(facts: pa.Table, name: str) -> NDArray[np.float64]:
    """One measure of all pairs, NaN where it is missing; `sharpness` is that of the less sharp frame."""
    if name == "sharpness":
        return np.minimum(measure_values(facts, "sharpness_before"), measure_values(facts, "sharpness_after"))
    values: NDArray[np.float64] = facts[name].to_numpy().astype(np.float64)
    return values


def thresholds(config: FilterConfig) -> list[Threshold]:
    """The thresholds that a recipe sets, in the order in which they are applied."""
    bounds = (
        ("cut", Reason.SCENE_CUT, config.max_cut, False),
        ("camera_shift", Reason.CAMERA_MOVED, config.max_camera_shift, False),
        ("sharpness", Reason.BLURRED, config.min_sharpness, True),
        ("dark", Reason.TOO_DARK, config.max_dark, False),
        ("overexposed", Reason.OVEREXPOSED, config.max_overexposed, False),
        ("change", Reason.NOTHING_CHANGED, config.min_change, True),
        ("displacement", Reason.MOVED_TOO_LITTLE, config.min_displacement, True),
        (
            "displacement_confidence",
            Reason.UNSURE_DISPLACEMENT,
            config.min_displacement_confidence,
            True,
        ),
    )
    return [
        Threshold(measure, reason, bound, is_minimum)
        for measure, reason, bound, is_minimum in bounds
        if bound is not None
    ]


def apply_filters(facts: pa.Table, config: FilterConfig) -> dict[int, tuple[Reason, str]]:
    """Find the pairs to drop: row → the first reason, and a text with every failed measure and its margin.

    facts: a table of columns.FACTS.
    """
    failures: dict[int, list[tuple[Reason, str]]] = defaultdict(list)
    inliers = facts["camera_inliers"]
    for threshold in thresholds(config):
        values, sign = measure_values(facts, threshold.measure), "<" if threshold.is_minimum else ">"
        margins = threshold.margins(values)
        for row in np.flatnonzero(np.isnan(values)).tolist():
            detail = f"no {threshold.measure}: only {inliers[row]} features agree between the frames"
            failures[row].append((Reason.UNMEASURED, detail))
        for row in np.flatnonzero(margins < 0).tolist():
            detail = f"{threshold.measure} {values[row]:.4f} {sign} {threshold.bound:g} (by {-margins[row]:.4f})"
            failures[row].append((threshold.reason, detail))
    return {row: (failed[0][0], "; ".join(detail for _, detail in failed)) for row, failed in failures.items()}
