"""A picture's perceptual hash."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32


def perceptual_hash(gray: NDArray[np.uint8]) -> str:
    """64 bits as 16 hexadecimal digits: which of the 64 slowest waves are above their median.

    gray: H W uint8. Pictures that look alike differ in few bits. The method is known as pHash: the discrete cosine
    transform of 32 × 32 pixels, without the constant.
    """
    small = cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[:9, :9].ravel()[1:65]
    return np.packbits(waves > np.median(waves)).tobytes().hex()
