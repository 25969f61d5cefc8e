"""Similarity of two aligned pictures: changed area, SSIM, and correlation of blocks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_NOTICEABLE = 20.0  # gray levels; after a blur, sensor noise and compression stay below
_BLOCK_PIXELS = 16
_FLAT = 9.0  # variance in gray levels squared; flatter blocks are similar in any two pictures


def changed_area(first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]) -> float:
    """Return the share of the overlap that differs, in [0, 1]; 1 without an overlap."""
    difference = cv2.absdiff(cv2.GaussianBlur(first, (3, 3), 0), cv2.GaussianBlur(last, (3, 3), 0))
    return float(np.mean(difference[overlap] > _NOTICEABLE)) if overlap.any() else 1.0


def structural_similarity(first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]) -> float:
    """Return the mean SSIM (Wang et al. 2004, Gaussian window of 1.5 pixels) over the overlap; 0 without one."""
    one, two = first.astype(np.float32), last.astype(np.float32)
    mean_one, mean_two = _mean(one), _mean(two)
    variances = _mean(one * one) - mean_one**2 + _mean(two * two) - mean_two**2
    covariance = _mean(one * two) - mean_one * mean_two
    brightness_constant, contrast_constant = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = (2 * mean_one * mean_two + brightness_constant) * (2 * covariance + contrast_constant)
    score /= (mean_one**2 + mean_two**2 + brightness_constant) * (variances + contrast_constant)
    return float(score[overlap].mean()) if overlap.any() else 0.0


def block_similarity(first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]) -> float:
    """Return the median correlation of the blocks with texture, in [0, 1]; 0 if no block has texture.

    A thing that moved changes few blocks, so the median stays high.
    """
    one, two = (_split_blocks(picture.astype(np.float32)) for picture in (first, last))
    inside = _split_blocks(overlap.astype(np.float32)).min(axis=1) > 0
    one, two = (rows - rows.mean(axis=1, keepdims=True) for rows in (one[inside], two[inside]))
    variance_one, variance_two = (one**2).mean(axis=1), (two**2).mean(axis=1)
    textured = np.maximum(variance_one, variance_two) > _FLAT
    if not textured.any():
        return 0.0
    scale = np.sqrt(np.maximum(variance_one * variance_two, 1e-6))
    return max(float(np.median(((one * two).mean(axis=1) / scale)[textured])), 0.0)


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.GaussianBlur(values, (11, 11), 1.5)  # type: ignore[return-value]


def _split_blocks(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """H W → blocks pixels"""
    rows, columns = (side // _BLOCK_PIXELS for side in picture.shape)
    cropped = picture[: rows * _BLOCK_PIXELS, : columns * _BLOCK_PIXELS]
    parts = cropped.reshape(rows, _BLOCK_PIXELS, columns, _BLOCK_PIXELS).swapaxes(1, 2)
    return parts.reshape(rows * columns, _BLOCK_PIXELS**2)
