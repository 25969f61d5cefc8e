"""The camera's motion between two frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_FEATURES = 300
_INLIER_PIXELS = 2.0  # at a height of 256
_MIN_INLIERS = 12  # fewer features fit a homography by chance
_MAX_ITERATIONS = 500
# If no motion explains so many of the inliers too, the camera stood still: features in one corner fit any zoom.
_MIN_STILL_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """The homography from the first frame to the last, and its shift, rotation and zoom at the picture's center.

    `shift` is a share of the picture's diagonal; `zoom` is above 1 if things became larger. If fewer than 12
    features agree, these and the homography are None. If the camera stood still, only the homography is None.
    `inliers` is the number of features that agree; `share` is that number divided by the number of features in
    the picture that has fewer.
    """

    homography: NDArray[np.float64] | None  # 3 3, in pixels of the measured pictures
    height: int
    shift: float | None
    rotation_degrees: float | None
    zoom: float | None
    inliers: int
    share: float

    def align(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Warp the first frame, in any size, onto the last one. Without a homography it is returned unchanged.

        Returns the picture and the mask (H W) of the pixels that both frames show.
        """
        height, width = picture.shape[:2]
        if self.homography is None:
            return picture, np.ones((height, width), np.bool_)
        scale = np.diag([height / self.height, height / self.height, 1.0])
        matrix = scale @ self.homography @ np.linalg.inv(scale)
        whole = np.full((height, width), 255, np.uint8)
        overlap = cv2.erode(cv2.warpPerspective(whole, matrix, (width, height)), np.ones((5, 5), np.uint8))
        return cv2.warpPerspective(picture, matrix, (width, height)), overlap == 255  # type: ignore[return-value]


def find_camera_motion(first: NDArray[np.uint8], last: NDArray[np.uint8]) -> CameraMotion:
    """Match ORB features and fit a homography to them (USAC_MAGSAC).

    first, last: H W uint8 gray, of one size.
    """
    orb = cv2.ORB_create(  # type: ignore[attr-defined]
        _FEATURES, scaleFactor=1.4, nlevels=5, edgeThreshold=16, patchSize=24, fastThreshold=10
    )
    (corners, codes), (others, other_codes) = (orb.detectAndCompute(gray, None) for gray in (first, last))
    height = first.shape[0]
    unknown = CameraMotion(None, height, None, None, None, 0, 0.0)
    if codes is None or other_codes is None:
        return unknown
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(codes, other_codes)
    if len(matches) < _MIN_INLIERS:
        return unknown
    start = np.asarray(cv2.KeyPoint.convert(corners, [match.queryIdx for match in matches]))
    stop = np.asarray(cv2.KeyPoint.convert(others, [match.trainIdx for match in matches]))
    cv2.setRNGSeed(0)  # the fit is random, and a pair must always have the same measures
    matrix, agree = cv2.findHomography(start, stop, cv2.USAC_MAGSAC, _INLIER_PIXELS, maxIters=_MAX_ITERATIONS)
    inliers = 0 if matrix is None else int(agree.sum())
    if matrix is None or inliers < _MIN_INLIERS or not _is_plausible(matrix, first.shape[:2]):  # type: ignore[arg-type]
        return unknown
    share = inliers / min(len(corners), len(others))
    still = int(np.count_nonzero(np.linalg.norm(stop - start, axis=1) < _INLIER_PIXELS))
    if still >= _MIN_STILL_SHARE * inliers:
        return CameraMotion(None, height, 0.0, 0.0, 1.0, inliers, share)
    return CameraMotion(matrix, height, *_measure_at_center(matrix, first.shape[:2]), inliers, share)  # type: ignore[arg-type]


def _measure_at_center(matrix: NDArray[np.float64], size: tuple[int, ...]) -> tuple[float, float, float]:
    """Return shift (share of the diagonal), rotation (degrees) and zoom at the picture's center."""
    height, width = size
    x, y = width / 2, height / 2
    (fx, fy), (rx, ry), (dx, dy) = _map_points(matrix, [(x, y), (x + 1, y), (x, y + 1)])
    across, down = (rx - fx, ry - fy), (dx - fx, dy - fy)
    area = across[0] * down[1] - across[1] * down[0]
    rotation = math.degrees(math.atan2(across[1] - down[0], across[0] + down[1]))
    return math.hypot(fx - x, fy - y) / math.hypot(width, height), rotation, math.sqrt(max(area, 0.0))


def _is_plausible(matrix: NDArray[np.float64], size: tuple[int, ...]) -> bool:
    """Whether the warped picture is convex, not mirrored, and a third to three times as large."""
    height, width = size
    corners = _map_points(matrix, [(0, 0), (width, 0), (width, height), (0, height)]).astype(np.float32)
    area = cv2.contourArea(corners, oriented=True) / (width * height)
    return 1 / 3 < area < 3 and cv2.isContourConvex(corners)


def _map_points(matrix: NDArray[np.float64], points: list[tuple[float, float]]) -> NDArray[np.float64]:
    mapped: NDArray[np.float64] = cv2.perspectiveTransform(np.array([points], np.float64), matrix)[0]
    return mapped
