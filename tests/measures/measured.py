"""Measures of a pair that passes every filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from actionpairs.records import Measures

_GOOD = Measures(
    change=0.1,
    sharpness_before=0.7,
    sharpness_after=0.7,
    dark=0.0,
    overexposed=0.0,
    ssim=0.9,
    cut=0.02,
    camera_shift=0.001,
    camera_rotation_degrees=0.0,
    camera_zoom=1.0,
    camera_inliers=200,
    displacement=0.12,
    displacement_confidence=0.9,
    moved_area=0.05,
    moved_left=0.2,
    moved_top=0.3,
    moved_right=0.6,
    moved_bottom=0.7,
    hash_before="0123456789abcdef",
    hash_after="fedcba9876543210",
)


def measured(**changes: Any) -> Measures:
    """The measures of a good pair, except for the changes."""
    return replace(_GOOD, **changes)
