"""Hands that reach in from the border are recognized by the color of skin, and are no displacement."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from actionpairs.measures import measure
from actionpairs.measures.hands import find_hands, find_skin
from actionpairs.measures.offsets import OffsetSearch
from tests.measures.pictures import DIAGONAL, HEIGHT, WIDTH, make_texture, put_thing

SKIN = (110, 140, 205)  # BGR
BACKGROUND = make_texture(2, spread=25)


def put_arm(picture: np.ndarray, tip: tuple[int, int]) -> np.ndarray:
    """An arm of the color of skin from the bottom border to a point."""
    return cv2.line(picture.copy(), (WIDTH // 2, HEIGHT), tip, SKIN, 50)


def test_skin_of_several_tones_is_found_and_gray_blue_and_red_are_not() -> None:
    tones = [(160, 185, 230), SKIN, (70, 95, 150)]
    others = [(128, 128, 128), (200, 120, 60), (30, 20, 210), (60, 160, 60), (255, 255, 255)]
    for colors, expected in ((tones, True), (others, False)):
        for color in colors:
            assert find_skin(np.full((4, 4, 3), color, np.uint8)).all() == expected, color


def test_only_skin_that_reaches_the_border_and_moved_is_a_hand() -> None:
    skin = np.zeros((60, 100), bool)
    skin[40:, 10:20] = skin[20:30, 40:60] = skin[:30, 80:] = True
    changed = skin.copy()
    changed[:30, 80:] = False
    hands = find_hands(skin, changed)
    assert hands[40:, 10:20].all()
    assert hands.sum() == 200


def test_a_table_of_the_color_of_skin_is_no_hand() -> None:
    skin = np.ones((60, 100), bool)
    skin[20:30, 20:30] = False
    assert not find_hands(skin, np.ones_like(skin)).any()


@pytest.mark.parametrize("arms", [(None, (320, 250)), ((320, 250), None)])
def test_a_hand_alone_is_no_displacement_and_not_sure(arms: tuple[tuple[int, int] | None, ...]) -> None:
    before, after = (BACKGROUND if tip is None else put_arm(BACKGROUND, tip) for tip in arms)
    measures = measure(before, after)
    assert measures.displacement == 0
    assert 0 < (measures.displacement_confidence or 0) < 0.5


def test_a_thing_is_measured_beside_a_hand_that_enters() -> None:
    before = put_thing(BACKGROUND, 120, 60)
    after = put_arm(put_thing(BACKGROUND, 420, 60), (330, 250))
    measures = measure(before, after)
    assert measures.displacement == pytest.approx(300 / DIAGONAL, rel=0.1)
    assert (measures.displacement_confidence or 0) >= 0.5


def test_a_thing_that_appears_or_leaves_is_unsure() -> None:
    pictures = put_thing(BACKGROUND, 200, 150, side=100), BACKGROUND
    for before, after in (pictures, pictures[::-1]):
        assert (measure(before, after).displacement_confidence or 0) < 0.5


def test_a_region_is_found_at_any_offset_also_half_hidden() -> None:
    rng = np.random.default_rng(3)
    thing = rng.integers(0, 256, (8, 10, 3)).astype(np.float32)
    for down, right in ((0, 0), (20, 30), (-9, -14), (25, -14)):
        before, after = np.zeros((2, 50, 70, 3), np.float32)
        before[10:18, 15:25] = thing
        after[10 + down : 18 + down, 15 + right : 25 + right] = thing
        region, free = (picture.any(axis=2) for picture in (before, after))
        free[10 + down : 13 + down] = False  # a hand
        offset = OffsetSearch(after, before, free, largest=(8, 10)).find(region, 1000.0)
        assert offset
        assert (offset.down, offset.right) == (down, right)
        assert offset.quality == pytest.approx(1, abs=1e-3)
