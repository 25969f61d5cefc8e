"""What a pair looks like, as numbers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from actionpairs.records import Measures

_WIDTH_PIXELS = 256
_NOTICEABLE = 20.0  # grey levels; sensor noise and coding stay below it once the picture is blurred


def measure(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Measures:
    """Measure a pair.

    before, after: H W 3 uint8 BGR, of one size.
    """
    first, last = _grey(before), _grey(after)
    difference = cv2.absdiff(cv2.GaussianBlur(first, (5, 5), 0), cv2.GaussianBlur(last, (5, 5), 0))
    return Measures(
        change=round(float(np.mean(difference > _NOTICEABLE)), 6),
        sharpness_before=round(_sharpness(first), 3),
        sharpness_after=round(_sharpness(last), 3),
    )


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """H W uint8 BGR → h 256 float32 grey, in grey levels."""
    height, width = picture.shape[:2]
    size = (_WIDTH_PIXELS, max(round(height * _WIDTH_PIXELS / width), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    grey: NDArray[np.float32] = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return grey


def _sharpness(grey: NDArray[np.float32]) -> float:
    """The variance of the Laplacian."""
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())
