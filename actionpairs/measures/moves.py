"""What moved between two pictures: regions that changed, found again in the other picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from actionpairs.measures.changes import (
    Change,
    Mask,
    Picture,
    Side,
    find_parts,
    grow_mask,
    open_mask,
    split_sides,
)
from actionpairs.measures.offsets import Offset, OffsetSearch, correlate_difference

_FOLLOWED = 0.3  # of the squared difference at most is left where optical flow explains it
_MIN_FOLLOWED = 0.5  # of a region
_OUTSIDE = (-200.0, -200.0, -200.0)  # levels: unlike any color
_CLEAR_GAP, _CLEAR_QUALITY = 0.3, 0.8  # quality above the next best offset, and quality, of a certain match
_ONLY_PLACE = (0.5, 0.9)  # quality of a match without another possible offset: not certain, certain
_CLEAR_AREA = 3  # × the smallest region; smaller ones fit in many places
_BORDER_CERTAINTY = 0.5  # of a match of what reaches to the border: more likely an arm than a thing
_UNLIKE_SKIN = 0.6  # quality below which a region of skin is more likely a hand than a thing
_MIN_CERTAINTY = 0.3
_PARTED, _MIN_WHOLE = 2, 0.5  # the largest regions are parted if their own certainty is lower than this
_MAX_TAKEN = 0.4  # of a region's new place that another one has taken already
_PARTLY = 0.6  # quality from which a region that is in doubt counts as explained
# Factors on a region without a match: skin or what reaches to the border, and what touches a hand, is an arm's.
_BORDER_DOUBT, _HAND_DOUBT = 0.3, 0.6
_MIN_COMMON, _AGREE_PIXELS = 0.17, 2.0  # share of the difference that one offset explains, to be believed
_AGREE_CERTAINTY, _AGREE_QUALITY = 0.8, 0.4


@dataclass(frozen=True, slots=True)
class Move:
    """A region that moved: how far in pixels, how certain that is (in [0, 1]), and its area in pixels.

    agrees: whether it is also the offset that explains most of the whole difference.
    """

    distance: float
    certainty: float
    area: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class Moves:
    """The regions that moved, and the area in pixels of the largest one that found no place.

    common_distance: pixels of the offset that explains most of the whole difference; common_share: the share of
    the difference that it explains, at most 0.5.
    """

    moves: tuple[Move, ...]
    lost: float
    common_distance: float
    common_share: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    certainty: float
    region: Mask
    offset: Offset | None
    agrees: bool
    doubt: float


def find_moves(change: Change) -> Moves:
    """Find the regions that moved.

    Where optical flow explains a region, it moved as the flow says: things that moved less than their size.
    Every other one is looked for at all offsets, among what changed in the other picture; the most certain match
    is taken first.
    """
    left, came = split_sides(change)
    matching = _Matching(change, change.large & ~(change.hand_first | change.hand_last))
    moves = [*matching.follow(left), *matching.follow(came)]
    lost = [0.0]
    for side, opposite in ((left, came), (came, left)):
        missed = []
        for candidate in sorted(matching.match(side, opposite), key=lambda candidate: -candidate.certainty):
            move = _accept(candidate, side, opposite)
            if move is None:
                missed.append(candidate)
            else:
                moves.append(move)
        lost += [float(np.count_nonzero(item.region & ~side.explained)) * item.doubt for item in missed]
    return Moves(tuple(moves), max(lost), math.hypot(*matching.common), matching.common_share)


def _accept(candidate: _Candidate, side: Side, opposite: Side) -> Move | None:
    """Take a match if it is certain enough and neither place is taken already."""
    region, offset = candidate.region, candidate.offset
    if offset is None or candidate.certainty < _MIN_CERTAINTY or side.is_explained(region):
        return None
    area = float(np.count_nonzero(region))
    place = _shift(region, offset)
    if np.count_nonzero(place & opposite.explained) > _MAX_TAKEN * area:
        return None
    side.explained |= region
    opposite.explained |= grow_mask(place) & opposite.mask
    return Move(math.hypot(offset.down, offset.right), candidate.certainty, area, candidate.agrees)


class _Matching:
    def __init__(self, change: Change, whole: Mask) -> None:
        self._change, self._near_hand = change, change.near_hand
        difference = change.first - change.last
        self._own_error = cv2.blur(_squared(difference), (3, 3))
        down, right, self.common_share = correlate_difference(difference * whole[:, :, None])
        self.common = down, right

    def follow(self, side: Side) -> Iterator[Move]:
        """The regions of a side that optical flow explains; they are taken from `side.regions`."""
        height, width = side.mask.shape
        flow = self._change.flow
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float32)
        there = grid + side.sign * flow
        warped: Picture = cv2.remap(  # type: ignore[call-overload]
            side.other, there, None, cv2.INTER_LINEAR, borderValue=_OUTSIDE
        )
        left_over = cv2.blur(_squared(side.picture - warped), (3, 3))
        followed = open_mask(side.mask & (left_over < _FOLLOWED * self._own_error))
        regions, side.regions = side.regions, []
        for region in regions:
            inside, area = region & followed, float(np.count_nonzero(region))
            share = float(np.count_nonzero(inside) / area)
            if share < _MIN_FOLLOWED:
                side.regions.append(region)
                continue
            side.explained |= region
            right, down = np.median(flow[inside], axis=0)
            distance = float(np.percentile(np.hypot(*flow[inside].T), 75))
            yield Move(distance, share, area, self._agrees(down, right))

    def match(self, side: Side, opposite: Side) -> Iterator[_Candidate]:
        """Look for each region of a side that is not explained, and for its parts, in the other picture."""
        regions = [region for region in side.regions if not side.is_explained(region)]
        boxes = [cv2.boundingRect(region.astype(np.uint8)) for region in regions]
        largest = max((box[3] for box in boxes), default=0), max((box[2] for box in boxes), default=0)
        free = opposite.mask & ~opposite.explained
        search = OffsetSearch(side.other, side.picture, free, largest=largest)
        for index, region in enumerate(regions):
            whole = self._look_for(region, side, search)
            yield whole
            if index < _PARTED and whole.certainty < _MIN_WHOLE:
                for part in find_parts(region, side.picture, self._change.smallest):
                    yield self._look_for(part, side, search)

    def _look_for(self, region: Mask, side: Side, search: OffsetSearch) -> _Candidate:
        area = float(np.count_nonzero(region))
        is_skin = 2 * np.count_nonzero(region & side.skin) > area
        is_border = bool((region & self._change.border).any())
        touches = bool((region & self._near_hand).any())
        doubt = (_BORDER_DOUBT if is_skin or is_border else 1.0) * (_HAND_DOUBT if touches else 1.0)
        offset = None
        if not (touches and (is_skin or is_border)):  # an arm
            offset = search.find(region, float(self._own_error[region].mean()))
        if offset is None:
            return _Candidate(0.0, region, None, agrees=False, doubt=doubt)
        certainty = _rate(offset) * min(area / (_CLEAR_AREA * self._change.smallest), 1.0)
        if is_border or (is_skin and offset.quality < _UNLIKE_SKIN):
            certainty *= _BORDER_CERTAINTY
        agrees = offset.quality > _AGREE_QUALITY and self._agrees(offset.down, offset.right)
        if agrees:
            certainty = max(certainty, _AGREE_CERTAINTY)
        doubt *= 1 - min(max(offset.quality, 0.0) / _PARTLY, 1.0)
        return _Candidate(certainty, region, offset, agrees, doubt)

    def _agrees(self, down: float, right: float) -> bool:
        """Whether an offset is the one of the whole difference, of which the sign is not defined."""
        if self.common_share < _MIN_COMMON:
            return False
        return any(
            max(abs(down - sign * self.common[0]), abs(right - sign * self.common[1])) <= _AGREE_PIXELS
            for sign in (1, -1)
        )


def _rate(offset: Offset) -> float:
    """In [0, 1]: high where one offset explains a region, and no other one does nearly as well."""
    low, high = _ONLY_PLACE
    if math.isinf(offset.second):
        gap = (offset.quality - low) / (high - low)
    else:
        gap = (offset.quality - max(offset.second, 0.0)) / _CLEAR_GAP
    return min(max(gap, 0.0), 1.0) * min(max(offset.quality / _CLEAR_QUALITY, 0.0), 1.0)


def _shift(mask: Mask, offset: Offset) -> Mask:
    matrix = np.array([[1, 0, offset.right], [0, 1, offset.down]], np.float32)
    return cv2.warpAffine(mask.astype(np.uint8), matrix, mask.shape[::-1], flags=cv2.INTER_NEAREST) > 0


def _squared(difference: Picture) -> Picture:
    squares: Picture = np.einsum("hwc,hwc->hw", difference, difference)
    return squares
