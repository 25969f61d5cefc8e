"""Perceptual hashes of pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32


def perceptual_hash(gray: NDArray[np.uint8]) -> str:
    """Return the pHash of a picture: 64 bits as 16 hexadecimal digits.

    gray: H W uint8. Similar pictures differ in few bits. A bit is 1 if one of the 64 lowest frequencies, of the
    discrete cosine transform of 32 × 32 pixels without its constant, is above their median.
    """
    small = cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    coefficients = cv2.dct(small)[:9, :9].ravel()[1:65]
    return np.packbits(coefficients > np.median(coefficients)).tobytes().hex()
