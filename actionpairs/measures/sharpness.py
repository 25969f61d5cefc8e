"""How sharp a picture is, whatever it shows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_EVERY = 4  # lines; every fourth tells as much as all
_REACH_PIXELS = 9  # of the second blur: a picture that is blurred already loses little to it


def measure_sharpness(picture: NDArray[np.uint8]) -> float:
    """The share of the neighboring differences that a further blur takes away, in [0, 1]; the worse direction.

    picture: H W 3 uint8 BGR. Few differences are lost where a picture was blurred before, by defocus in both
    directions or by motion in one; how much the picture holds falls out of the ratio. After Crete et al., The
    Blur Effect (SPIE 2007), whose blur metric is one minus this.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return min(_lost(gray[::_EVERY]), _lost(cv2.transpose(gray)[::_EVERY]))  # type: ignore[arg-type]


def _lost(gray: NDArray[np.uint8]) -> float:
    """The share for differences along the rows."""
    sharp = cv2.absdiff(gray[:, 1:], gray[:, :-1])
    again = cv2.blur(gray, (_REACH_PIXELS, 1))
    blurred = cv2.absdiff(again[:, 1:], again[:, :-1])
    total = cv2.sumElems(sharp)[0]
    return cv2.sumElems(cv2.subtract(sharp, blurred))[0] / total if total else 0.0  # uint8 stops at zero
