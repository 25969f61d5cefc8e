"""Sharpness: more blur gives a lower value, and the content hardly matters."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from actionpairs.measures.sharpness import measure_sharpness
from tests.measures.pictures import add_noise, compress, list_rendered_pairs, make_texture


def blur_by_motion(picture: np.ndarray, *, pixels: int, vertical: bool = False) -> np.ndarray:
    return cv2.blur(picture, (1, pixels) if vertical else (pixels, 1))


@pytest.mark.parametrize("number", range(0, 30, 6))
def test_sharpness_falls_with_every_step_of_blur(number: int) -> None:
    picture = list_rendered_pairs("fixed")[number].before
    values = [measure_sharpness(picture)]
    values += [measure_sharpness(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (0.5, 1, 2, 3)]
    assert all(blurred < sharp - 0.02 for sharp, blurred in pairwise(values)), values
    assert values[-1] < values[0] / 2.5


@pytest.mark.parametrize("vertical", [False, True])
def test_motion_blur_in_one_direction_is_enough_to_lower_it(vertical: bool) -> None:
    for pair in list_rendered_pairs("fixed")[::6]:
        blurred = blur_by_motion(pair.before, pixels=15, vertical=vertical)
        assert measure_sharpness(blurred) < measure_sharpness(pair.before) / 1.5


def test_both_directions_count_the_same() -> None:
    picture = list_rendered_pairs("fixed")[0].before
    turned = np.ascontiguousarray(picture.transpose(1, 0, 2))
    assert measure_sharpness(turned) == measure_sharpness(picture)


def test_upscaling_lowers_it() -> None:
    for pair in list_rendered_pairs("fixed")[::6]:
        height, width = pair.before.shape[:2]
        small = cv2.resize(pair.before, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        assert measure_sharpness(cv2.resize(small, (width, height))) < measure_sharpness(pair.before) - 0.1


def test_every_rendered_picture_is_sharper_than_every_blurred_one() -> None:
    pictures = [pair.after for pair in (*list_rendered_pairs("fixed"), *list_rendered_pairs("head"))]
    blurred = [cv2.GaussianBlur(picture, (0, 0), 2) for picture in pictures]
    assert min(map(measure_sharpness, pictures)) > max(map(measure_sharpness, blurred))


def test_brightness_does_not_change_it() -> None:
    picture = make_texture()
    for brighter in (cv2.convertScaleAbs(picture, alpha=0.6), cv2.convertScaleAbs(picture, beta=30)):
        assert measure_sharpness(brighter) == pytest.approx(measure_sharpness(picture), abs=0.01)


def test_a_high_quality_jpeg_has_nearly_the_same() -> None:
    for pair in list_rendered_pairs("fixed")[::6]:
        assert measure_sharpness(compress(pair.before, 95)) == pytest.approx(
            measure_sharpness(pair.before), abs=0.06
        )


def test_noise_does_not_hide_a_strong_blur() -> None:
    picture = list_rendered_pairs("fixed")[0].before
    noisy = add_noise(cv2.GaussianBlur(picture, (0, 0), 3), 1)
    assert measure_sharpness(noisy) < measure_sharpness(add_noise(picture, 1)) - 0.05


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_color_has_none(level: int) -> None:
    assert measure_sharpness(np.full((90, 160, 3), level, np.uint8)) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3)])
def test_it_is_a_share_at_any_size(size: tuple[int, int]) -> None:
    picture = make_texture(height=size[0], width=size[1], tile=1)
    assert 0 <= measure_sharpness(picture) <= 1
