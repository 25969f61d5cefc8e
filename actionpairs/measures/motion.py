"""The motion of things between two aligned pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_MIN_DIFFERENCE = 16  # levels of the strongest channel; noise, compression and light changes stay below
_MIN_AREA = 0.004  # of the picture, of the largest region: below it nothing moved
_MIN_RELATIVE_AREA = 0.2  # of the largest region: smaller regions are ignored
# Share of the difference that one offset explains (at most 0.5) × extent: from here on, only the offset counts.
_FULL_WEIGHT = 0.08

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Motion:
    """How far things moved (share of the diagonal), the area of the largest region (share), and the box of all.

    The box is left, top, right, bottom in shares of width and height. If nothing moved, it is None and the
    displacement is 0.
    """

    displacement: float
    area: float
    box: Box | None


def find_motion(first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]) -> Motion:
    """Find what differs between two pictures, and how far it moved.

    first, last: H W 3 uint8, aligned. overlap: H W, the pixels that both show.

    The displacement combines two estimates. Autocorrelation: a thing that moved by d is in the difference twice,
    once negated and d away, so the autocorrelation of the difference has its minimum at d. Dense flow: it fails
    for small things that move farther than their size, but works where no single offset explains the difference
    (a thing turned, opened, appeared or disappeared). The result is their weighted geometric mean. The weight of
    the offset grows with the share of the difference that it explains and with the size of the box.
    """
    smooth = [cv2.GaussianBlur(picture, (3, 3), 0) for picture in (first, last)]
    mask, area = _find_changed_regions(smooth[0], smooth[1], overlap)  # type: ignore[arg-type]
    if area < _MIN_AREA:
        return Motion(0.0, area, None)
    difference = cv2.subtract(smooth[0], smooth[1], mask=mask, dtype=cv2.CV_32F)
    difference = cv2.resize(difference, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    height, width = mask.shape
    diagonal = math.hypot(height, width)
    left, top, right, bottom = box = _bounding_box(mask)
    offset_pixels, share = _find_offset(difference)  # type: ignore[arg-type]
    offset_pixels *= 2
    weight = min(
        share * math.hypot((right - left) * width, (bottom - top) * height) / diagonal / _FULL_WEIGHT, 1.0
    )
    flow_pixels = _measure_flow(first, last, mask > 0)
    return Motion(offset_pixels**weight * flow_pixels ** (1 - weight) / diagonal, area, box)


def _find_changed_regions(
    first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], float]:
    """Return the mask of the regions that changed, and the share of the picture that the largest one covers.

    A pixel has changed if no pixel of the other picture within one pixel of it is similar. So the parallax of
    things that stand on the table, when the camera moves, is not a change.
    """
    near = np.ones((3, 3), np.uint8)
    sides = [
        cv2.max(cv2.subtract(one, cv2.dilate(two, near)), cv2.subtract(cv2.erode(two, near), one))
        for one, two in ((first, last), (last, first))
    ]
    blue, green, red = cv2.split(cv2.max(*sides))
    strength = cv2.max(cv2.max(blue, green), red)
    mask = ((strength > _MIN_DIFFERENCE) & overlap).astype(np.uint8)
    mask = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, near), near)  # type: ignore[assignment]
    _, labels, table, _ = cv2.connectedComponentsWithStats(mask)
    areas = table[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # the background
    is_kept = areas >= max(_MIN_RELATIVE_AREA * areas.max(), 1)
    return is_kept[labels].astype(np.uint8), float(areas.max() / mask.size)


def _find_offset(difference: NDArray[np.float32]) -> tuple[float, float]:
    """Return the offset in pixels at the autocorrelation's minimum, and the share it explains (at most 0.5)."""
    height, width = difference.shape[:2]
    rows, columns = cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width)
    spectrum = np.zeros((rows, columns), np.float32)
    for channel in cv2.split(difference):
        padded = cv2.copyMakeBorder(channel, 0, rows - height, 0, columns - width, cv2.BORDER_CONSTANT)
        frequencies = cv2.dft(padded)
        spectrum += cv2.mulSpectrums(frequencies, frequencies, 0, conjB=True)
    correlation = cv2.dft(spectrum, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE)
    lowest, _, (x, y), _ = cv2.minMaxLoc(correlation)
    offset = math.hypot(min(x, columns - x), min(y, rows - y))
    return offset, -lowest / float(correlation[0, 0])


def _measure_flow(first: NDArray[np.uint8], last: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Return the 90th percentile of the dense flow's length inside the mask, in pixels."""
    grays = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (first, last)]
    dense = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    flow = dense.calc(grays[0], grays[1], None)
    return float(np.percentile(cv2.magnitude(*cv2.split(flow))[mask], 90))


def _bounding_box(mask: NDArray[np.uint8]) -> Box:
    height, width = mask.shape
    left, top, across, down = cv2.boundingRect(mask)
    return left / width, top / height, (left + across) / width, (top + down) / height
