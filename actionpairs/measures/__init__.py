"""What a pair looks like, as numbers: measured once at extraction, so that thresholds can change for nothing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from actionpairs.measures.camera import find_camera_motion
from actionpairs.measures.hashes import perceptual_hash
from actionpairs.measures.motion import find_motion
from actionpairs.measures.sharpness import measure_sharpness
from actionpairs.measures.similarity import block_similarity, changed_area, similarity
from actionpairs.records import Measures

__all__ = ["measure"]

_HEIGHT_PIXELS = 256  # for features; half of it for everything that compares areas
_DARK, _BLOWN = 16, 250  # gray levels


def measure(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Measures:
    """Measure a pair.

    before, after: H W 3 uint8 BGR, of one size. What is compared between the frames is compared after the
    camera's motion is taken out, where one was found.
    """
    halves, sharpness = [], []
    for picture in (before, after):  # both at once: a picture is too large to stay in the processor's cache
        halves.append(_shrunk(picture, _HEIGHT_PIXELS))
        sharpness.append(measure_sharpness(picture))
    first, last = (_gray(picture) for picture in halves)
    motion = find_camera_motion(first, last)
    small_before, small_after = (_shrunk(picture, _HEIGHT_PIXELS // 2) for picture in halves)  # halving is cheap
    aligned, seen = motion.align(small_before)
    aligned_gray, after_gray = _gray(aligned), _gray(small_after)
    movement = find_motion(aligned, small_after, seen)
    box = movement.box
    return Measures(
        change=round(changed_area(aligned_gray, after_gray, seen), 6),
        sharpness_before=round(sharpness[0], 4),
        sharpness_after=round(sharpness[1], 4),
        dark=round(max(_share(gray < _DARK) for gray in (first, last)), 4),
        overexposed=round(max(_share(gray >= _BLOWN) for gray in (first, last)), 4),
        ssim=round(similarity(aligned_gray, after_gray, seen), 4),
        cut=round(1 - max(motion.share, block_similarity(aligned_gray, after_gray, seen)), 4),
        camera_shift=_rounded(motion.shift),
        camera_rotation_degrees=_rounded(motion.rotation_degrees),
        camera_zoom=_rounded(motion.zoom),
        camera_inliers=motion.inliers,
        displacement=None if motion.shift is None else _rounded(movement.displacement),
        moved_area=round(movement.area, 5),
        moved_left=box and round(box[0], 4),
        moved_top=box and round(box[1], 4),
        moved_right=box and round(box[2], 4),
        moved_bottom=box and round(box[3], 4),
        hash_before=perceptual_hash(first),
        hash_after=perceptual_hash(last),
    )


def _gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


def _share(mask: NDArray[np.bool_]) -> float:
    return np.count_nonzero(mask) / mask.size


def _shrunk(picture: NDArray[np.uint8], height_pixels: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    size = (max(round(width * height_pixels / height), 8), height_pixels)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
