"""The length of which shifts and margins are shares, for pictures of any shape."""

from __future__ import annotations

import math

import numpy as np


def side_of(picture: np.ndarray) -> float:
    """The side in pixels of the square that has a picture's area: the width of a square picture.

    picture: H W or H W C. Pictures of one resolution have about one area, so that a share of this length is the
    same number of pixels in all of them, wide or tall; a share of the width would not be.
    """
    return math.sqrt(picture.shape[0] * picture.shape[1])
