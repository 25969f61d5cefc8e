"""What light alone changes is no displacement: exposure, white balance, focus, shadows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from actionpairs.measures import measure
from actionpairs.measures.exposure import drop_shadows, match_exposure
from tests.measures.pictures import DIAGONAL, HEIGHT, WIDTH, make_texture, put_thing

BACKGROUND = make_texture(2, spread=60)
ALL = np.ones((HEIGHT, WIDTH), bool)


def relight(picture: np.ndarray, gains: tuple[float, float, float], offset: float = 0) -> np.ndarray:
    return np.clip(picture * np.array(gains) + offset, 0, 255).round().astype(np.uint8)


def put_shadow(picture: np.ndarray, strength: float) -> np.ndarray:
    """A round shadow with a soft edge."""
    rows, columns = np.indices(picture.shape[:2])
    inside = 1 / (1 + np.exp((np.hypot(rows - 180, columns - 320) - 90) / 12))
    return (picture * (1 - strength * inside)[:, :, None]).round().astype(np.uint8)


@pytest.mark.parametrize("gains", [(0.7, 0.7, 0.7), (1.15, 1.15, 1.15), (0.85, 1.0, 1.1)])
def test_a_change_of_exposure_or_white_balance_is_no_displacement(gains: tuple[float, float, float]) -> None:
    measures = measure(BACKGROUND, relight(BACKGROUND, gains))
    assert (measures.displacement, measures.displacement_confidence, measures.moved_left) == (0, 1, None)


@pytest.mark.parametrize("gains", [(0.75, 0.75, 0.75), (0.9, 1.0, 1.1)])
def test_a_thing_is_measured_in_spite_of_another_exposure(gains: tuple[float, float, float]) -> None:
    after = relight(put_thing(BACKGROUND, 300, 150), gains)
    assert measure(put_thing(BACKGROUND, 200, 150), after).displacement == pytest.approx(100 / DIAGONAL, rel=0.1)


def test_the_same_exposure_leaves_the_picture_as_it_is() -> None:
    other = put_thing(BACKGROUND, 100, 100)
    assert match_exposure(other, BACKGROUND, ALL) is other


def test_what_moved_does_not_disturb_the_fit() -> None:
    after = put_thing(relight(BACKGROUND, (0.8, 0.8, 0.8), 10), 300, 150, side=150)
    matched = match_exposure(BACKGROUND, after, ALL).astype(int)
    assert np.median(np.abs(matched - after)) <= 2


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_another_focus_is_no_displacement(sigma: float) -> None:
    picture = make_texture(tile=40)
    assert measure(picture, cv2.GaussianBlur(picture, (0, 0), sigma)).displacement == 0


@pytest.mark.parametrize("strength", [0.15, 0.3])
def test_a_soft_shadow_is_no_displacement(strength: float) -> None:
    flat = cv2.GaussianBlur(make_texture(3, tile=10, spread=25), (0, 0), 3)
    measures = measure(flat, put_shadow(flat, strength))
    assert (measures.displacement, measures.displacement_confidence) == (0, 1)


def test_an_even_gray_thing_is_no_shadow() -> None:
    before = np.full((128, 228, 3), 160, np.uint8)
    after = before.copy()
    after[40:80, 100:150] = 110
    changed = (np.abs(after.astype(int) - before).max(axis=2) > 16).astype(np.uint8)
    kept = drop_shadows(before, after, changed)
    assert kept[45:75, 105:145].all()
