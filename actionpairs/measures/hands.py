"""Hands and arms that reach into a picture, by the color of skin."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# YCrCb. Chai and Ngan, Face segmentation using skin-color map (1999), with narrower bounds for wood and brick.
_LOW, _HIGH = (51, 136, 90), (255, 175, 126)
_MIN_CHROMA = 14  # Cr − Cb
_MIN_AREA, _MAX_AREA = 0.002, 0.3  # of the picture: a larger one is a table
_MIN_CHANGED = 0.3  # of its area: a hand moves, a table or a floor stays


def find_skin(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the mask (H W) of the pixels that have the color of skin.  picture: H W 3 uint8 BGR"""
    colors = cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb)
    red, blue = cv2.extractChannel(colors, 1), cv2.extractChannel(colors, 2)
    inside = cv2.inRange(colors, np.array(_LOW), np.array(_HIGH)) > 0
    return inside & (cv2.subtract(red, blue) >= _MIN_CHROMA)


def find_hands(skin: NDArray[np.bool_], changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask (H W) of the regions of skin that reach to the border and moved.

    changed: H W, the pixels that differ from the other picture.
    """
    if not (skin & changed).any():
        return np.zeros_like(skin)
    height, width = skin.shape
    _, labels, table, _ = cv2.connectedComponentsWithStats(skin.astype(np.uint8))
    left, top, across, down, area = table.T
    reaches = (left == 0) | (top == 0) | (left + across == width) | (top + down == height)
    moved = np.bincount(labels[changed], minlength=len(table)) > _MIN_CHANGED * area
    is_hand = reaches & moved & (area > _MIN_AREA * skin.size) & (area < _MAX_AREA * skin.size)
    is_hand[0] = False  # what is not skin
    return np.asarray(is_hand[labels])
