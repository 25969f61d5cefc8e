"""Measures of a pair's pictures. `extract` stores them, so that thresholds can change without the videos."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from actionpairs.measures.camera import find_camera_motion
from actionpairs.measures.hashes import perceptual_hash
from actionpairs.measures.motion import find_motion
from actionpairs.measures.sharpness import measure_sharpness
from actionpairs.measures.similarity import block_similarity, changed_area, structural_similarity
from actionpairs.records import Measures

__all__ = ["measure"]

_HEIGHT_PIXELS = 256  # for features and hashes; half of it for what compares areas
_MIN_WIDTH_PIXELS = 48  # optical flow needs so many, halved twice
_DARK, _OVEREXPOSED = 16, 250  # gray levels


def measure(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Measures:
    """Measure a pair.

    before, after: H W 3 uint8 BGR, of one size. If a camera motion is found, `before` is warped by it before the
    frames are compared.
    """
    halves, sharpness = [], []
    for picture in (before, after):  # resize and sharpness in one pass: a picture exceeds the processor's cache
        halves.append(_resize(picture, _HEIGHT_PIXELS))
        sharpness.append(measure_sharpness(picture))
    first, last = (_to_gray(picture) for picture in halves)
    camera = find_camera_motion(first, last)
    small_before, small_after = (_resize(picture, _HEIGHT_PIXELS // 2) for picture in halves)
    aligned, overlap = camera.align(small_before)
    aligned_gray, after_gray = _to_gray(aligned), _to_gray(small_after)
    motion = find_motion(aligned, small_after, overlap)
    box = motion.box
    return Measures(
        change=round(changed_area(aligned_gray, after_gray, overlap), 6),
        sharpness_before=round(sharpness[0], 4),
        sharpness_after=round(sharpness[1], 4),
        dark=round(max(_mean(gray < _DARK) for gray in (first, last)), 4),
        overexposed=round(max(_mean(gray >= _OVEREXPOSED) for gray in (first, last)), 4),
        ssim=round(structural_similarity(aligned_gray, after_gray, overlap), 4),
        cut=round(1 - max(camera.share, block_similarity(aligned_gray, after_gray, overlap)), 4),
        camera_shift=_round(camera.shift),
        camera_rotation_degrees=_round(camera.rotation_degrees),
        camera_zoom=_round(camera.zoom),
        camera_inliers=camera.inliers,
        displacement=None if camera.shift is None else _round(motion.displacement),
        displacement_confidence=None if camera.shift is None else round(motion.confidence, 4),
        moved_area=round(motion.area, 5),
        moved_left=box and round(box[0], 4),
        moved_top=box and round(box[1], 4),
        moved_right=box and round(box[2], 4),
        moved_bottom=box and round(box[3], 4),
        hash_before=perceptual_hash(first),
        hash_after=perceptual_hash(last),
    )


def _to_gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


def _mean(mask: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(mask) / mask.size)


def _resize(picture: NDArray[np.uint8], height_pixels: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    size = (max(round(width * height_pixels / height), _MIN_WIDTH_PIXELS), height_pixels)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
