"""The measures of pairs in words: what a page calls each, and how it writes a value."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasureText:
    """A measure as a page writes it. scale: what a value is multiplied by before `unit` is set behind it.

    smallest_range: of its chart, in the measure's own unit, so that tiny differences do not look large.
    """

    name: str  # a field of Measures, or `sharpness`: that of the less sharp frame
    title: str
    about: str  # what the unit is a share of, or what the ends of the scale mean
    smallest_range: tuple[float, float]
    scale: float = 100.0
    unit: str = " %"

    @property
    def in_sentence(self) -> str:
        """The title inside a sentence."""
        return self.title[0].lower() + self.title[1:]

    def text(self, value: float) -> str:
        """A value with its unit, in three digits; NaN is one that could not be measured."""
        if math.isnan(value):
            return "not measured"
        return f"{value * self.scale:.3g}{self.unit}".replace("-", "−")


MEASURES = (
    MeasureText("displacement", "Displacement of things", "of the picture's diagonal", (0.0, 0.05)),
    MeasureText("camera_shift", "Shift of the camera", "of the picture's diagonal", (0.0, 0.02)),
    MeasureText("change", "Changed area", "of the picture", (0.0, 0.02)),
    MeasureText("sharpness", "Sharpness of the less sharp frame", "0 blurred, 1 sharp", (0.5, 0.75), 1.0, ""),
    MeasureText("moved_area", "Largest moved region", "of the picture", (0.0, 0.02)),
    MeasureText("displacement_confidence", "Confidence of the displacement", "0 unsure, 1 sure", (0, 1), 1.0, ""),
    MeasureText("cut", "Scene cut", "0 the same scene, 1 another scene", (0.0, 0.2), 1.0, ""),
    MeasureText("ssim", "Structural similarity (SSIM)", "1 no difference", (0.9, 1.0), 1.0, ""),
    MeasureText("dark", "Black pixels", "of the darker frame", (0.0, 0.1)),
    MeasureText("overexposed", "Overexposed pixels", "of the brighter frame", (0.0, 0.1)),
    MeasureText("camera_rotation_degrees", "Camera rotation", "in the picture's plane", (-1.0, 1.0), 1.0, "°"),
    MeasureText("camera_zoom", "Camera zoom", "1 no zoom", (0.98, 1.02), 1.0, "×"),
    MeasureText("camera_inliers", "Matched features", "between the frames", (0.0, 100.0), 1.0, ""),
)
FIRST_MEASURES = MEASURES[:4]
BY_NAME = {measure.name: measure for measure in MEASURES}
_NAME = re.compile(rf"\b({'|'.join(BY_NAME)})\b(?: (-?[\d.]+) ([<>]) (-?[\d.]+) \(by ([\d.]+)\))?")


def in_words(detail: str) -> str:
    """A text of a filter, such as `camera_shift 0.0300 > 0.02 (by 0.0100)`, as pages write measures."""
    return _NAME.sub(_failure, detail)


def _failure(match: re.Match[str]) -> str:
    """A measure's title, and its value beside the bound where the text has both."""
    measure, sign = BY_NAME[match[1]], match[3]
    if sign is None:
        return measure.in_sentence
    value, bound, margin = (measure.text(float(match[group])) for group in (2, 4, 5))
    return f"{measure.in_sentence}: {value}, {'below' if sign == '<' else 'above'} {bound} by {margin}"
