"""Drift is the shift, zoom and recoloring that were put in, each on its own; failures count as the worst."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from actionpairs.metrics import drift
from actionpairs.metrics.background import unchanged
from actionpairs.metrics.color_difference import ciede2000
from actionpairs.metrics.drift import WORST
from tests.evaluation.conftest import moved

SIDES = (64, 256)
TOLERANCE = {64: 0.3, 256: 0.1}  # in per cent, of shift and zoom, up to 10 %
FLOOR = {64: 0.5, 256: 0.1}  # the same, of what JPEG, noise and blur may look like


def texture(side: int, seed: int) -> np.ndarray:
    """Soft blobs of all sizes, as on cloth or a worktop: side side 3 uint8."""
    draw = np.random.default_rng(seed)
    octaves = [
        size**0.7 * cv2.resize(draw.normal(size=(side // size, side // size, 3)), (side, side), interpolation=2)
        for size in (4, 8, 16, 32)
    ]
    total = cv2.GaussianBlur(np.asarray(sum(octaves)), (0, 0), side / 128)
    return np.asarray((128 + 30 * total / total.std()).clip(20, 235), np.uint8)


def scene(side: int, *, seed: int = 0, at: float = 0.3) -> np.ndarray:
    """A red box on a textured ground; `at` is where it stands across, in shares of the width."""
    picture = texture(side, seed)
    top, left, size = round(0.4 * side), round(at * side), round(0.15 * side)
    picture[top : top + size, left : left + size] = 200, 40, 30
    return picture


def transformed(picture: np.ndarray, *, shift: tuple[float, float] = (0, 0), zoom: float = 0) -> np.ndarray:
    """Zoomed about the middle, then shifted: per cent, of the width."""
    side, factor = picture.shape[0], 1 + zoom / 100
    middle = (side - 1) / 2 * (1 - factor)
    matrix = np.array([[factor, 0, middle + shift[0] * side / 100], [0, factor, middle + shift[1] * side / 100]])
    return cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def washed(picture: np.ndarray, strength: float) -> np.ndarray:
    return np.asarray((picture + strength * np.array([1.0, 0.2, -0.8])).clip(0, 255), np.uint8)


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1))


def drift_of(edit: np.ndarray, *, seed: int = 0) -> tuple[float, float, float]:
    """Of an edit whose truth moves the box."""
    side = edit.shape[0]
    return drift.drift(scene(side, seed=seed), edit, scene(side, seed=seed, at=0.55))


@pytest.mark.parametrize("side", SIDES)
def test_a_copy_and_the_truth_do_not_drift(side: int) -> None:
    assert drift_of(scene(side)) == (0, 0, 0)
    assert drift_of(scene(side, at=0.55)) == (0, 0, 0)


@pytest.mark.parametrize("side", SIDES)
def test_the_moved_thing_does_not_count(side: int) -> None:
    mask = unchanged(scene(side), scene(side, at=0.55))[..., None]
    assert drift_of(np.where(mask, scene(side), 255 - scene(side)).astype(np.uint8)) == (0, 0, 0)
    shift, zoom, color = drift_of(transformed(scene(side, at=0.55), shift=(3, 0), zoom=2))
    assert (shift, zoom) == pytest.approx((3, 2), abs=TOLERANCE[side])
    assert color < 1.5


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("shift", [(0.3, 0), (0, -1), (1.2, -1.6), (-4, 3), (0, 8), (10, 0)], ids=str)
def test_a_shift_is_found_and_is_neither_zoom_nor_color(shift: tuple[float, float], seed: int, side: int) -> None:
    length, zoom, color = drift_of(transformed(scene(side, seed=seed), shift=shift), seed=seed)
    assert (length, zoom) == pytest.approx((np.hypot(*shift), 0), abs=TOLERANCE[side])
    assert color < 1


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("zoom", [0.5, 1, 2, 5, 10, -0.5, -2, -10])
def test_a_zoom_is_found_and_is_neither_shift_nor_color(zoom: float, seed: int, side: int) -> None:
    shift, size, color = drift_of(transformed(scene(side, seed=seed), zoom=zoom), seed=seed)
    assert (shift, size) == pytest.approx((0, abs(zoom)), abs=TOLERANCE[side])
    assert color < 1.5


@pytest.mark.parametrize("side", SIDES)
def test_a_color_wash_is_neither_shift_nor_zoom_and_stays_the_same_under_both(side: int) -> None:
    shift, zoom, color = drift_of(washed(scene(side), 15))
    assert max(shift, zoom) < TOLERANCE[side]
    assert color > 3
    everything = drift_of(washed(transformed(scene(side), shift=(3, -2), zoom=3), 15))
    assert everything == pytest.approx((np.hypot(3, 2), 3, color), abs=0.7)


@pytest.mark.parametrize("side", SIDES)
def test_more_drift_scores_more(side: int) -> None:
    picture = scene(side)
    series = {
        0: [transformed(picture, shift=(0.6 * much, 0.8 * much)) for much in (0, 0.5, 1, 2, 5, 10, 15)],
        1: [transformed(picture, zoom=much) for much in (0, 0.5, 1, 2, 5, 10, 15)],
        2: [washed(picture, much) for much in (0, 3, 6, 12, 25, 50)],
    }
    for column, edits in series.items():
        values = [drift_of(edit)[column] for edit in edits]
        assert all(one < other for one, other in pairwise(values))


@pytest.mark.parametrize("side", SIDES)
def test_jpeg_noise_and_blur_are_no_shift_and_no_zoom(side: int) -> None:
    picture, draw = scene(side), np.random.default_rng(0)
    noisy = (picture + draw.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)
    for edit in (jpeg(picture, 75), jpeg(picture, 30), cv2.GaussianBlur(picture, (0, 0), side / 128), noisy):
        shift, zoom, color = drift_of(edit)
        assert max(shift, zoom) < FLOOR[side]
        assert color < 4


@pytest.mark.parametrize("side", SIDES)
def test_an_edit_whose_background_is_gone_counts_as_the_worst(side: int) -> None:
    picture = scene(side)
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    gone = [np.zeros_like(picture), np.full_like(picture, 128), noise, 255 - picture, texture(side, 7)]
    for edit in gone:
        shift, zoom, color = drift_of(edit)
        assert (shift, zoom) == (WORST, WORST)
        assert color >= WORST


def test_a_sample_without_a_still_and_structured_background_takes_no_part_whatever_the_edit() -> None:
    side, draw = 64, np.random.default_rng(0)
    original = scene(side)
    flat = np.full_like(original, 90)
    stripes = np.repeat(texture(side, 0)[:1], side, axis=0)
    samples = {
        "everything moved": (original, 255 - original),
        "the camera moved": (original // 12 + 100, transformed(original, shift=(6, 0)) // 12 + 100),
        "flat": (flat, flat),
        "stripes": (stripes, stripes),
        "noise alone": tuple((flat + draw.normal(0, 3, flat.shape)).astype(np.uint8) for _ in range(2)),
    }
    for before, after in samples.values():
        for edit in (before, after, flat, original):
            assert np.isnan(drift.drift(before, edit, after)).all()


@pytest.mark.parametrize("side", [64, 128])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_truth_of_a_texture_that_is_too_fine_for_the_coarse_sizes_does_not_drift(side: int, seed: int) -> None:
    """A sample counts because its real last frame lies on its input: that frame cannot be its worst edit."""
    original, truth = (jpeg(picture, 95) for picture in moved("move right", side=side, seed=seed))
    shift, zoom, color = drift.drift(original, truth, truth)
    assert (shift, zoom, color) == pytest.approx((0, 0, 0), abs=0.6)


SHARMA_2005 = [  # table 1: two colors and their difference
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((50, 2.5, 0), (50, 3.2592, 0.3350), 1.0000),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((36.4612, 47.8580, 18.3852), (36.2715, 50.5065, 21.2231), 1.4146),
    ((90.9257, -0.5406, -0.9208), (88.6381, -0.8985, -0.7239), 1.5381),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


def test_color_differences_are_those_that_were_published() -> None:
    ones, others, differences = (np.array(each) for each in zip(*SHARMA_2005, strict=True))
    assert ciede2000(ones, others) == pytest.approx(differences, abs=5e-5)
    assert ciede2000(others, ones) == pytest.approx(differences, abs=5e-5)
    assert (ciede2000(ones, ones) == 0).all()
