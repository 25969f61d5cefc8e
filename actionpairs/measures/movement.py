"""How far things moved between two aligned pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_DEAD_ZONE = 16.0  # levels of the strongest channel; noise, coding and light stay below
_SMALLEST_SHARE = 0.0012  # of the picture's area: below it nothing moved
_CLEAR = 0.08  # share of the difference that one offset explains (at most 0.5) × extent: from here on it is believed

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Movement:
    """How far (share of the diagonal), and the box (left, top, right, bottom, shares of width and height) of it.

    The box is None where nothing moved, which is a displacement of 0.
    """

    displacement: float
    box: Box | None


def find_movement(first: NDArray[np.uint8], last: NDArray[np.uint8], seen: NDArray[np.bool_]) -> Movement:
    """Find how far what differs between the pictures has moved.

    first, last: H W 3 uint8, aligned; seen: H W, what both show. A thing that moved by d leaves its picture once
    in the difference and once, negated, d away: so d is where the difference correlates with itself the most
    negatively. Dense flow alone loses small things that move further than their own size; but where no one offset
    explains much of the difference (a thing turned, opened, came or went) it says how far the parts moved. The
    displacement is their geometric mean, weighted by how much the offset explains over how wide an extent.
    """
    difference = cv2.GaussianBlur(first.astype(np.float32) - last, (3, 3), 0)
    strength = np.abs(difference).max(axis=2)
    strength[~seen] = 0
    mask = cv2.morphologyEx((strength > _DEAD_ZONE).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if mask.mean() < _SMALLEST_SHARE:
        return Movement(0.0, None)
    difference *= (np.maximum(strength - _DEAD_ZONE, 0) / np.maximum(strength, 1) * mask)[:, :, None]
    height, width = mask.shape
    diagonal = math.hypot(height, width)
    left, top, right, bottom = box = _box(mask)
    offset_pixels, share = _best_offset(difference)
    trust = min(share * math.hypot((right - left) * width, (bottom - top) * height) / diagonal / _CLEAR, 1.0)
    flow_pixels = _flow(first, last, mask > 0)
    return Movement(offset_pixels**trust * flow_pixels ** (1 - trust) / diagonal, box)


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
    greys = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (first, last)]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(greys[0], greys[1], None)
    return float(np.percentile(np.hypot(flow[..., 0], flow[..., 1])[mask], 90))


def _box(mask: NDArray[np.uint8]) -> Box:
    height, width = mask.shape
    left, top, across, down = cv2.boundingRect(mask)
    return left / width, top / height, (left + across) / width, (top + down) / height
