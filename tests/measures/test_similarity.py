"""Change, SSIM and cut: how similar two frames are."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from actionpairs.measures import measure
from actionpairs.measures.similarity import block_similarity, changed_area, structural_similarity
from tests.measures.pictures import HEIGHT, WIDTH, add_noise, compress, list_rendered_pairs, make_texture

ALL = np.ones((128, 228), np.bool_)


def make_gray(seed: int = 0) -> np.ndarray:
    return cv2.cvtColor(make_texture(seed, height=128, width=228, tile=8), cv2.COLOR_BGR2GRAY)


def invert(picture: np.ndarray, share: float) -> np.ndarray:
    """Invert the left part of a picture."""
    result = picture.copy()
    columns = round(share * picture.shape[1])
    result[:, :columns] = 255 - result[:, :columns]
    return result


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
def test_change_is_the_share_of_the_area_that_differs(share: float) -> None:
    gray = np.random.default_rng(0).choice(np.array([20, 60, 200, 240], np.uint8), (16, 30))
    gray = np.repeat(np.repeat(gray, 8, axis=0), 8, axis=1)[:128, :228]
    assert changed_area(gray, invert(gray, share), ALL) == pytest.approx(share, abs=0.03)


def test_the_change_of_a_rendered_pair_is_that_of_noise_unless_something_moved() -> None:
    pairs = list_rendered_pairs("fixed")
    assert {pair.measures.change for pair in pairs if not pair.truth.moved} == {0}
    assert min(pair.measures.change for pair in pairs if pair.truth.moved) > 0.01


def test_change_ignores_noise_jpeg_and_small_exposure_drift() -> None:
    picture = make_texture()
    for other in (add_noise(picture, 4), compress(picture, 60), cv2.convertScaleAbs(picture, alpha=0.95)):
        assert measure(picture, other).change == 0


def test_change_counts_only_where_both_frames_show_something() -> None:
    gray = make_gray()
    overlap = ALL.copy()
    overlap[:, :114] = False
    assert changed_area(gray, invert(gray, 0.5), overlap) < 0.01
    assert changed_area(gray, invert(gray, 0.5), ~overlap) > 0.7


def test_without_an_overlap_everything_changed() -> None:
    gray = make_gray()
    assert changed_area(gray, gray, ~ALL) == 1
    assert structural_similarity(gray, gray, ~ALL) == 0
    assert block_similarity(gray, gray, ~ALL) == 0


def test_ssim_is_1_for_equal_frames_and_falls_with_noise() -> None:
    gray = make_gray()
    values = [structural_similarity(gray, add_noise(gray, deviation), ALL) for deviation in (0, 5, 10, 20, 40)]
    assert values[0] == pytest.approx(1)
    assert all(noisier < value - 0.02 for value, noisier in pairwise(values)), values


def test_ssim_falls_with_blur() -> None:
    gray = make_gray()
    values = [structural_similarity(gray, cv2.GaussianBlur(gray, (0, 0), sigma), ALL) for sigma in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5


def test_ssim_is_symmetric_and_negative_for_inverted_frames() -> None:
    one, two = make_gray(0), make_gray(1)
    assert structural_similarity(one, two, ALL) == pytest.approx(structural_similarity(two, one, ALL))
    assert structural_similarity(one, 255 - one, ALL) < -0.3


def test_ssim_ignores_a_small_change_of_brightness() -> None:
    gray = make_gray()
    assert structural_similarity(gray, cv2.add(gray, 10), ALL) > 0.97


def test_ssim_agrees_with_the_formula_on_uniform_frames() -> None:
    one, two = (np.full((128, 228), level, np.uint8) for level in (100, 150))
    constant = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + constant) / (100**2 + 150**2 + constant)
    assert structural_similarity(one, two, ALL) == pytest.approx(expected, abs=1e-4)


def test_cut_is_near_0_for_a_still_scene_and_near_1_across_scenes() -> None:
    pairs = list_rendered_pairs("fixed")
    assert max(pair.measures.cut for pair in pairs) < 0.05
    across = [measure(one.before, two.after).cut for one, two in zip(pairs[:10], pairs[10:20], strict=True)]
    assert min(across) > 0.8


def test_cut_separates_a_moving_camera_from_another_scene() -> None:
    pairs = list_rendered_pairs("head")
    across = [measure(one.before, two.after).cut for one, two in zip(pairs[:10], pairs[10:20], strict=True)]
    assert max(pair.measures.cut for pair in pairs) < min(across)


def test_cut_stays_near_0_when_the_exposure_changes() -> None:
    picture = make_texture()
    assert measure(picture, cv2.convertScaleAbs(picture, alpha=0.6)).cut < 0.1


def test_cut_stays_near_0_when_a_third_of_the_picture_changes() -> None:
    assert measure(make_texture(), invert(make_texture(), 0.33)).cut < 0.1


def test_cut_is_1_without_texture_since_nothing_can_agree() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    assert measure(flat, flat).cut == 1
    assert measure(flat, make_texture()).cut == 1
