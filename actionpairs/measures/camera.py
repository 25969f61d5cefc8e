"""How the camera moved between two frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FEATURES = 300
_INLIER_PIXELS = 2.0  # at a height of 256
_FEWEST_INLIERS = 12  # below it, chance finds homographies too
_TRIES = 500
_STILL = 0.9  # of the inliers that a still camera explains too: features in one corner fit any zoom


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """The homography from the first frame to the last, and what it does to the picture's center.

    `shift` is a share of the picture's diagonal; `zoom` is above 1 where things grew. All are None where too few
    features agree; the homography alone is where the camera stood still. `inliers` is how many features agree,
    `share` that of all that the poorer picture has.
    """

    homography: NDArray[np.float64] | None  # 3 3, in pixels of the pictures given; None changes nothing
    height: int
    shift: float | None
    rotation_degrees: float | None
    zoom: float | None
    inliers: int
    share: float

    def align(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Warp a first frame of any size onto its last; without a homography it stays as it is.

        Returns it with the mask of the pixels that both frames show.
        """
        height, width = picture.shape[:2]
        if self.homography is None:
            return picture, np.ones((height, width), np.bool_)
        scale = np.diag([height / self.height, height / self.height, 1.0])
        matrix = scale @ self.homography @ np.linalg.inv(scale)
        whole = np.full((height, width), 255, np.uint8)
        seen = cv2.erode(cv2.warpPerspective(whole, matrix, (width, height)), np.ones((5, 5), np.uint8))
        return cv2.warpPerspective(picture, matrix, (width, height)), seen == 255  # type: ignore[return-value]


def find_camera_motion(first: NDArray[np.uint8], last: NDArray[np.uint8]) -> CameraMotion:
    """Match features and fit a homography to those that agree (USAC_MAGSAC).

    first, last: H W uint8 gray, of one size.
    """
    orb = cv2.ORB_create(  # type: ignore[attr-defined]
        _FEATURES, scaleFactor=1.4, nlevels=5, edgeThreshold=16, patchSize=24, fastThreshold=10
    )
    (corners, codes), (others, other_codes) = (orb.detectAndCompute(gray, None) for gray in (first, last))
    height = first.shape[0]
    nothing = CameraMotion(None, height, None, None, None, 0, 0.0)
    if codes is None or other_codes is None:
        return nothing
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(codes, other_codes)
    if len(matches) < _FEWEST_INLIERS:
        return nothing
    here = np.asarray(cv2.KeyPoint.convert(corners, [match.queryIdx for match in matches]))
    there = np.asarray(cv2.KeyPoint.convert(others, [match.trainIdx for match in matches]))
    cv2.setRNGSeed(0)  # the fit draws at random: the same pair must always measure the same
    matrix, agree = cv2.findHomography(here, there, cv2.USAC_MAGSAC, _INLIER_PIXELS, maxIters=_TRIES)
    inliers = 0 if matrix is None else int(agree.sum())
    if matrix is None or inliers < _FEWEST_INLIERS or not _is_sound(matrix, first.shape[:2]):  # type: ignore[arg-type]
        return nothing
    share = inliers / min(len(corners), len(others))
    still = int(np.count_nonzero(np.linalg.norm(there - here, axis=1) < _INLIER_PIXELS))
    if still >= _STILL * inliers:
        return CameraMotion(None, height, 0.0, 0.0, 1.0, inliers, share)
    return CameraMotion(matrix, height, *_at_center(matrix, first.shape[:2]), inliers, share)  # type: ignore[arg-type]


def _at_center(matrix: NDArray[np.float64], size: tuple[int, ...]) -> tuple[float, float, float]:
    """Shift (share of the diagonal), rotation (degrees) and zoom at the picture's center."""
    height, width = size
    x, y = width / 2, height / 2
    (fx, fy), (rx, ry), (dx, dy) = _mapped(matrix, [(x, y), (x + 1, y), (x, y + 1)])
    across, down = (rx - fx, ry - fy), (dx - fx, dy - fy)
    area = across[0] * down[1] - across[1] * down[0]
    rotation = math.degrees(math.atan2(across[1] - down[0], across[0] + down[1]))
    return math.hypot(fx - x, fy - y) / math.hypot(width, height), rotation, math.sqrt(max(area, 0.0))


def _is_sound(matrix: NDArray[np.float64], size: tuple[int, ...]) -> bool:
    """Whether a homography keeps the picture a picture: convex, not mirrored, between a third and three times."""
    height, width = size
    corners = _mapped(matrix, [(0, 0), (width, 0), (width, height), (0, height)]).astype(np.float32)
    area = cv2.contourArea(corners, oriented=True) / (width * height)
    return 1 / 3 < area < 3 and cv2.isContourConvex(corners)


def _mapped(matrix: NDArray[np.float64], points: list[tuple[float, float]]) -> NDArray[np.float64]:
    mapped: NDArray[np.float64] = cv2.perspectiveTransform(np.array([points], np.float64), matrix)[0]
    return mapped
