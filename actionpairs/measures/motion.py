"""How far things moved between two aligned pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_DEAD_ZONE = 16  # levels of the strongest channel; noise, coding and light stay below
_SMALLEST_SHARE = 0.004  # of the picture's area in one piece: below it nothing moved
_PIECE = 0.2  # of the largest piece: what is smaller is no part of the movement
# Share of the difference that one offset explains (at most 0.5) × extent: from here on it is believed.
_CLEAR = 0.08

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Motion:
    """How far (share of the diagonal), the largest piece (share of the area) and the box of what moved.

    The box is left, top, right, bottom in shares of width and height; None where nothing moved, which is a
    displacement of 0.
    """

    displacement: float
    area: float
    box: Box | None


def find_motion(first: NDArray[np.uint8], last: NDArray[np.uint8], seen: NDArray[np.bool_]) -> Motion:
    """Find how far what differs between the pictures has moved.

    first, last: H W 3 uint8, aligned; seen: H W, what both show. A thing that moved by d leaves its picture once
    in the difference and once, negated, d away: so d is where the difference correlates with itself the most
    negatively. Dense flow alone loses small things that move further than their own size; but where no one offset
    explains much of the difference (a thing turned, opened, came or went) it says how far the parts moved. The
    displacement is their geometric mean, weighted by how much the offset explains over how wide an extent.
    """
    smooth = [cv2.GaussianBlur(picture, (3, 3), 0) for picture in (first, last)]
    mask, area = _moved(smooth[0], smooth[1], seen)  # type: ignore[arg-type]
    if area < _SMALLEST_SHARE:
        return Motion(0.0, area, None)
    difference = cv2.subtract(smooth[0], smooth[1], mask=mask, dtype=cv2.CV_32F)
    difference = cv2.resize(difference, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    height, width = mask.shape
    diagonal = math.hypot(height, width)
    left, top, right, bottom = box = _box(mask)
    offset_pixels, share = _best_offset(difference)  # type: ignore[arg-type]
    offset_pixels *= 2
    trust = min(share * math.hypot((right - left) * width, (bottom - top) * height) / diagonal / _CLEAR, 1.0)
    flow_pixels = _flow(first, last, mask > 0)
    return Motion(offset_pixels**trust * flow_pixels ** (1 - trust) / diagonal, area, box)


def _moved(
    first: NDArray[np.uint8], last: NDArray[np.uint8], seen: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], float]:
    """The mask of what moved and the share of its largest piece.

    A pixel differs where the other picture has nothing like it within a pixel around: so what stands up from the
    table, and shifts a little against it as the camera moves, does not.
    """
    near = np.ones((3, 3), np.uint8)
    sides = [
        cv2.max(cv2.subtract(one, cv2.dilate(two, near)), cv2.subtract(cv2.erode(two, near), one))
        for one, two in ((first, last), (last, first))
    ]
    blue, green, red = cv2.split(cv2.max(*sides))
    strength = cv2.max(cv2.max(blue, green), red)
    mask = ((strength > _DEAD_ZONE) & seen).astype(np.uint8)
    mask = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, near), near)  # type: ignore[assignment]
    _, labels, table, _ = cv2.connectedComponentsWithStats(mask)
    areas = table[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # what did not move
    return (areas >= max(_PIECE * areas.max(), 1))[labels].astype(np.uint8), float(areas.max() / mask.size)


def _best_offset(difference: NDArray[np.float32]) -> tuple[float, float]:
    """The offset of the most negative autocorrelation, in pixels, and its share of the energy (at most 0.5)."""
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


def _flow(first: NDArray[np.uint8], last: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """The 90th percentile of the dense flow's length where the pictures differ, in pixels."""
    grays = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (first, last)]
    dense = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    flow = dense.calc(grays[0], grays[1], None)
    return float(np.percentile(cv2.magnitude(*cv2.split(flow))[mask], 90))


def _box(mask: NDArray[np.uint8]) -> Box:
    height, width = mask.shape
    left, top, across, down = cv2.boundingRect(mask)
    return left / width, top / height, (left + across) / width, (top + down) / height
