"""Optical flow between two pictures."""

from __future__ import annotations

import cv2
import numpy as np


def between(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where each pixel went, in pixels: dense inverse search (arXiv 1603.03590) on gray pictures.

    before, after: H W 3 uint8 RGB; returns H W 2 float32 (right, down). Identical pictures give exactly 0.
    """
    if np.array_equal(before, after):
        return np.zeros((*before.shape[:2], 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, after)]
    return search.calc(gray[0], gray[1], np.zeros((*before.shape[:2], 2), np.float32))
