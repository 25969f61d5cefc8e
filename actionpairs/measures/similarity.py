"""How alike two aligned pictures are: as a whole, pixel by pixel and block by block."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_NOTICEABLE = 20.0  # gray levels; sensor noise and coding stay below it once the picture is blurred
_BLOCK_PIXELS = 16
_FLAT = 9.0  # variance in gray levels squared; flatter blocks are alike in every picture


def changed_area(first: NDArray[np.uint8], last: NDArray[np.uint8], seen: NDArray[np.bool_]) -> float:
    """The share of the area seen by both, in [0, 1], that differs."""
    difference = cv2.absdiff(cv2.GaussianBlur(first, (3, 3), 0), cv2.GaussianBlur(last, (3, 3), 0))
    return float(np.mean(difference[seen] > _NOTICEABLE)) if seen.any() else 1.0


def similarity(first: NDArray[np.uint8], last: NDArray[np.uint8], seen: NDArray[np.bool_]) -> float:
    """Mean structural similarity (Wang et al. 2004, Gaussian window of 1.5 pixels) over what both see."""
    one, two = first.astype(np.float32), last.astype(np.float32)
    mean_one, mean_two = _mean(one), _mean(two)
    spread = _mean(one * one) - mean_one**2 + _mean(two * two) - mean_two**2
    shared = _mean(one * two) - mean_one * mean_two
    steady, textured = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * mean_one * mean_two + steady) * (2 * shared + textured)
    score /= (mean_one**2 + mean_two**2 + steady) * (spread + textured)
    return float(score[seen].mean()) if seen.any() else 0.0


def block_similarity(first: NDArray[np.uint8], last: NDArray[np.uint8], seen: NDArray[np.bool_]) -> float:
    """The median correlation of the blocks that have texture, in [0, 1]: one moved thing leaves it high.

    0 where no block has any.
    """
    one, two = (_blocks(picture.astype(np.float32)) for picture in (first, last))
    whole = _blocks(seen.astype(np.float32)).min(axis=1) > 0
    one, two = (rows - rows.mean(axis=1, keepdims=True) for rows in (one[whole], two[whole]))
    spread_one, spread_two = (one**2).mean(axis=1), (two**2).mean(axis=1)
    textured = np.maximum(spread_one, spread_two) > _FLAT
    if not textured.any():
        return 0.0
    strength = np.sqrt(np.maximum(spread_one * spread_two, 1e-6))
    return max(float(np.median(((one * two).mean(axis=1) / strength)[textured])), 0.0)


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.GaussianBlur(values, (11, 11), 1.5)  # type: ignore[return-value]


def _blocks(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """H W → blocks pixels"""
    rows, columns = (side // _BLOCK_PIXELS for side in picture.shape)
    cropped = picture[: rows * _BLOCK_PIXELS, : columns * _BLOCK_PIXELS]
    parts = cropped.reshape(rows, _BLOCK_PIXELS, columns, _BLOCK_PIXELS).swapaxes(1, 2)
    return parts.reshape(rows * columns, _BLOCK_PIXELS**2)
