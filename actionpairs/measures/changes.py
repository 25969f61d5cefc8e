"""What changed between two pictures, parted into regions that left their place and regions that came to it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_REGIONS = 4  # the largest ones of either picture
_PARTS = 2  # of a region
_MIN_PARTED = 4  # a smaller region (× the smallest one) is not parted
_MAX_PART = 0.8  # of the region
_EDGE = 60  # levels between neighbors, where a region is parted
_WINDOWS = (7, 19, 61)  # pixels: the background is the mean of what did not change nearby, or else farther away
_MIN_UNCHANGED = 0.08  # of a window

Mask = NDArray[np.bool_]
Picture = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Change:
    """Two aligned pictures (H W 3 float32) and masks of them (H W).

    changed: without shadows. large: its large regions. hand_*: hands and arms that reach in from the border.
    border: beside the border of what both pictures show. flow: H W 2, pixels from the first picture to the last.
    smallest: pixels of the smallest region that counts.
    """

    first: Picture
    last: Picture
    changed: Mask
    large: Mask
    skin_first: Mask
    skin_last: Mask
    hand_first: Mask
    hand_last: Mask
    border: Mask
    flow: NDArray[np.float32]
    smallest: float

    @property
    def near_hand(self) -> Mask:
        """On a hand in either picture, or beside it."""
        return grow_mask(self.hand_first | self.hand_last)


@dataclass(slots=True)
class Side:
    """What left its place (then `picture` is the first one) or came to it (the last one).

    sign: 1 for what left, −1 for what came: where its move points to. explained: what has found its place.
    """

    picture: Picture
    other: Picture
    mask: Mask
    skin: Mask
    sign: int
    explained: Mask
    regions: list[Mask]

    def is_explained(self, region: Mask) -> bool:
        """Whether more than half of a region has found its place."""
        return bool(2 * np.count_nonzero(region & self.explained) > np.count_nonzero(region))


def split_sides(change: Change) -> tuple[Side, Side]:
    """Part what changed: where the first picture differs more from the background, something left.

    Hands are in neither part: those that left, those that came, and those that moved on their own place.
    """
    background = _fill(change)
    unlike = [
        cv2.blur(np.abs(picture - background).sum(axis=2), (3, 3)) for picture in (change.first, change.last)
    ]
    is_left = unlike[0] > unlike[1]
    stayed = change.hand_first & change.hand_last
    left = change.changed & is_left & ~change.hand_first & ~stayed
    came = change.changed & ~is_left & ~change.hand_last & ~stayed
    return (
        _side(change.first, change.last, left, change.skin_first, sign=1, smallest=change.smallest),
        _side(change.last, change.first, came, change.skin_last, sign=-1, smallest=change.smallest),
    )


def _side(  # 6 parameters
    picture: Picture, other: Picture, mask: Mask, skin: Mask, *, sign: int, smallest: float
) -> Side:
    regions = _regions(open_mask(mask), smallest, _REGIONS)
    return Side(picture, other, mask, skin, sign, np.zeros_like(mask), regions)


def _fill(change: Change) -> Picture:
    """The pictures' mean, with what changed or is near a hand replaced by its surroundings.  H W 3"""
    hidden = change.changed | change.near_hand | change.border
    mean: Picture = (change.first + change.last) * np.float32(0.5)
    layers = np.dstack([mean, np.ones(hidden.shape, np.float32)])
    layers[hidden] = 0
    for window in _WINDOWS:
        near = cv2.blur(layers, (window, window), borderType=cv2.BORDER_CONSTANT)
        filled = hidden & (near[:, :, 3] > _MIN_UNCHANGED)
        mean[filled] = near[filled, :3] / near[filled, 3:]
        hidden = hidden & ~filled
    return mean


def find_parts(region: Mask, picture: Picture, smallest: float) -> list[Mask]:
    """The parts of a large region, between edges: a hand or a body may touch the thing in it."""
    size = np.count_nonzero(region)
    if size < _MIN_PARTED * smallest:
        return []
    levels = np.clip(picture, 0, 255).astype(np.uint8)
    edges = cv2.morphologyEx(levels, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)).max(axis=2)
    parts = _regions(region & (edges < _EDGE), smallest, _PARTS)
    return [grow_mask(part) & region for part in parts if np.count_nonzero(part) < _MAX_PART * size]


def _regions(mask: Mask, smallest: float, count: int) -> list[Mask]:
    """The largest connected regions of a mask."""
    number, labels, table, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = table[1:number, cv2.CC_STAT_AREA]
    return [labels == index + 1 for index in np.argsort(-areas)[:count] if areas[index] >= smallest]


def grow_mask(mask: Mask) -> Mask:
    """A mask that is larger by one pixel on every side."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def open_mask(mask: Mask) -> Mask:
    """A mask without lines of one pixel."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
