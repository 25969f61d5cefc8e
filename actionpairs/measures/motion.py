"""The motion of things between two aligned pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionpairs.measures.changes import Change
from actionpairs.measures.exposure import drop_shadows, match_exposure
from actionpairs.measures.hands import find_hands, find_skin
from actionpairs.measures.moves import Moves, find_moves

_MIN_DIFFERENCE = 16  # levels of the strongest channel; noise and compression stay below
_MIN_AREA = 0.004  # of the picture, of the largest region: below it nothing moved
_MIN_RELATIVE_AREA = 0.2  # of the largest region: smaller regions are not in the box
_MIN_THING = 0.0015  # of the picture: a smaller region is not looked for
# Share of the difference that one offset explains (at most 0.5) × extent: from here on, only the offset counts.
_FULL_WEIGHT = 0.08
_SURE = 0.5  # confidence from which the moves that were found are taken for the displacement
_MIN_RELATIVE_MOVE = 0.25  # of the largest area × certainty: smaller moves are not ranked
_CERTAIN = 0.8  # certainty from which a move is ranked beside one that explains the whole difference
_SAME_MOVE = 0.03  # of the diagonal
_SUPPORT = 0.75  # a region that finds no place must be smaller than this share of what moved
_AGREED = 0.6  # confidence if the farthest move is also the offset of the whole difference
_HANDS_ALONE = 0.4  # confidence that nothing moved where only hands differ: they may hide a small thing
_MARGIN = 10  # pixels around what changed, for the background

_NEAR = np.ones((3, 3), np.uint8)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Motion:
    """How far things moved (share of the diagonal), how sure that is, and which part of the picture changed.

    `area` is that of the largest region that changed (share). The box around all of them is left, top, right,
    bottom in shares of width and height. If nothing moved, it is None and the displacement is 0.
    """

    displacement: float
    confidence: float
    area: float
    box: Box | None


def find_motion(first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]) -> Motion:
    """Find what differs between two pictures, and how far it moved.

    first, last: H W 3 uint8, aligned. overlap: H W, the pixels that both show.

    Exposure, soft shadows, and hands that reach in from the border are left out. Regions that changed are found
    again in the other picture (see `find_moves`). The displacement is that of the farthest one among those that
    matter; it is sure if the match is certain and no other thing of that size is without a match. If it is not
    sure, the displacement is an estimate from the whole difference.
    """
    first = match_exposure(first, last, overlap)
    smooth = [cv2.GaussianBlur(picture, (3, 3), 0) for picture in (first, last)]
    with_shadows = _find_changes(smooth[0], smooth[1], overlap)  # type: ignore[arg-type]
    changed = drop_shadows(smooth[0], smooth[1], with_shadows)  # type: ignore[arg-type]
    labels, areas = _label(changed)
    area = float(areas.max() / changed.size)
    if area < _MIN_AREA:
        return Motion(0.0, 1.0, area, None)
    whole = cv2.dilate(with_shadows, _NEAR)
    box = _bounding_box(_keep_large(*_label(whole)).astype(np.uint8))  # type: ignore[arg-type]
    masks = (
        (areas >= _MIN_THING * changed.size)[labels],
        _keep_large(labels, areas),
        overlap,
    )
    change = _halve(smooth, masks)  # type: ignore[arg-type]
    moves = find_moves(change)
    diagonal = math.hypot(*changed.shape) / 2
    displacement, confidence = _rank(moves, diagonal)
    if not moves.moves and change.near_hand.any() and moves.lost < 2 * change.smallest:
        displacement, confidence = 0.0, _HANDS_ALONE
    elif confidence < _SURE:
        weight = confidence / _SURE
        displacement = displacement**weight * _estimate(moves, change, diagonal) ** (1 - weight)
    return Motion(displacement, confidence, area, box)


def _rank(result: Moves, diagonal: float) -> tuple[float, float]:
    """The farthest of the moves that matter, as a share of the diagonal, and how sure it is."""
    most = max((move.area * move.certainty for move in result.moves), default=0.0)
    least = _CERTAIN if any(move.agrees for move in result.moves) else 0.0
    ranked = [
        move
        for move in result.moves
        if move.agrees or (move.certainty >= least and move.area * move.certainty >= _MIN_RELATIVE_MOVE * most)
    ]
    if not ranked:
        return 0.0, 0.0
    farthest = max(ranked, key=lambda move: move.distance)
    near = [move for move in result.moves if abs(move.distance - farthest.distance) < _SAME_MOVE * diagonal]
    confidence = farthest.certainty * min(_SUPPORT * max(move.area for move in near) / max(result.lost, 1.0), 1.0)
    if any(move.agrees for move in near):
        confidence = max(confidence, _AGREED)
    return farthest.distance / diagonal, confidence


def _halve(pictures: list[NDArray[np.uint8]], masks: tuple[NDArray[np.bool_], ...]) -> Change:
    """Halve the pictures, and cut out what changed.

    masks: what changed without shadows, the large regions of what changed, and what both pictures show.
    """
    first, last = (cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for picture in pictures)
    height, width = first.shape[:2]
    changed, large, overlap = (
        cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA) > 100
        for mask in masks
    )
    grays = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (first, last)]
    dense = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    dense.setFinestScale(1)  # the preset's 2 is for pictures that are not halved
    flow = dense.calc(grays[0], grays[1], None)
    skins = [find_skin(picture) for picture in (first, last)]  # type: ignore[arg-type]
    hands = [changed & find_hands(skin, changed) for skin in skins]
    inside = cv2.erode(
        overlap.astype(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    left, top, across, down = cv2.boundingRect((changed | large).astype(np.uint8))
    rows = slice(max(top - _MARGIN, 0), top + down + _MARGIN)
    columns = slice(max(left - _MARGIN, 0), left + across + _MARGIN)
    cut = rows, columns
    return Change(
        first=first[cut].astype(np.float32),
        last=last[cut].astype(np.float32),
        changed=changed[cut],
        large=large[cut],
        skin_first=skins[0][cut],
        skin_last=skins[1][cut],
        hand_first=hands[0][cut],
        hand_last=hands[1][cut],
        border=inside[cut] == 0,
        flow=flow[cut],
        smallest=max(6.0, _MIN_THING * changed.size),
    )


def _estimate(result: Moves, change: Change, diagonal: float) -> float:
    """Estimate one displacement for all that changed, as a share of the diagonal.

    It combines the offset that explains most of the difference, and dense flow. Flow fails for small things that
    move farther than their size, but works where no single offset explains the difference (a thing turned, opened,
    appeared or disappeared). The result is their weighted geometric mean. The weight of the offset grows with the
    share of the difference that it explains and with the size of the box.
    """
    whole = change.large & ~(change.hand_first | change.hand_last)
    if not whole.any():
        return 0.0
    _, _, across, down = cv2.boundingRect(whole.astype(np.uint8))
    weight = min(result.common_share * math.hypot(across, down) / diagonal / _FULL_WEIGHT, 1.0)
    flow = float(np.percentile(np.linalg.norm(change.flow[whole], axis=1), 90))
    return float(result.common_distance**weight * flow ** (1 - weight) / diagonal)


def _find_changes(
    first: NDArray[np.uint8], last: NDArray[np.uint8], overlap: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the mask of the pixels that changed.

    A pixel has changed if no pixel of the other picture within one pixel of it is similar. So the parallax of
    things that stand on the table, when the camera moves, is not a change.
    """
    sides = [
        cv2.max(cv2.subtract(one, cv2.dilate(two, _NEAR)), cv2.subtract(cv2.erode(two, _NEAR), one))
        for one, two in ((first, last), (last, first))
    ]
    blue, green, red = cv2.split(cv2.max(*sides))
    strength = cv2.max(cv2.max(blue, green), red)
    mask = ((strength > _MIN_DIFFERENCE) & overlap).astype(np.uint8)
    return cv2.morphologyEx(mask, cv2.MORPH_OPEN, _NEAR)  # type: ignore[return-value]


def _keep_large(labels: NDArray[np.int32], areas: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.asarray((areas >= max(_MIN_RELATIVE_AREA * areas.max(), 1))[labels])


def _label(mask: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the regions' labels (H W), and the area in pixels of each label; 0 for the background."""
    _, labels, table, _ = cv2.connectedComponentsWithStats(mask)
    areas = table[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return labels, areas  # type: ignore[return-value]


def _bounding_box(mask: NDArray[np.uint8]) -> Box:
    height, width = mask.shape
    left, top, across, down = cv2.boundingRect(mask)
    return left / width, top / height, (left + across) / width, (top + down) / height
