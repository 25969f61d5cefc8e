"""Pictures keep their aspect, and few shapes come out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpairs.data import shapes
from actionpairs.data.examples import Example

SIDES = st.integers(16, 4000)


@given(width=SIDES, height=SIDES, resolution=st.sampled_from([256, 512, 768, 1024]))
@settings(max_examples=300, deadline=None)
def test_a_shape_has_the_area_that_is_asked_and_keeps_most_of_the_picture(
    width: int, height: int, resolution: int
) -> None:
    tall, wide = shapes.fit_shape(width, height, resolution=resolution, multiple=16)
    assert tall % 16 == wide % 16 == 0
    assert abs(tall * wide / resolution**2 - 1) <= 1 / 8
    if max(width, height) <= 3 * min(width, height):
        scale = max(tall / height, wide / width)
        assert tall * wide / (scale * height * scale * width) > 0.9


@given(width=SIDES, height=SIDES, resolution=st.sampled_from([64, 256, 512, 768]))
@settings(max_examples=300, deadline=None)
def test_a_picture_that_has_a_bucket_s_shape_is_neither_resized_nor_cropped(
    width: int, height: int, resolution: int
) -> None:
    tall, wide = shapes.fit_shape(width, height, resolution=resolution, multiple=8)
    assert shapes.fit_shape(wide, tall, resolution=resolution, multiple=8) == (tall, wide)


@given(width=SIDES, height=SIDES)
@settings(max_examples=100, deadline=None)
def test_a_turned_picture_has_the_turned_shape(width: int, height: int) -> None:
    one, other = (
        shapes.fit_shape(*size, resolution=512, multiple=16) for size in [(width, height), (height, width)]
    )
    assert one == other[::-1]


@pytest.mark.parametrize(
    ("size", "shape"),
    [((1920, 1080), (384, 672)), ((456, 256), (384, 672)), ((640, 480), (448, 576)), ((1050, 1080), (512, 512))],
)
def test_common_videos_fall_into_few_buckets(size: tuple[int, int], shape: tuple[int, int]) -> None:
    assert shapes.fit_shape(*size, resolution=512, multiple=16) == shape


def test_a_very_wide_picture_is_cropped() -> None:
    for width in (5000, 1024 * 4):
        tall, wide = shapes.fit_shape(width, width // 16, resolution=512, multiple=16)
        assert wide <= 3.2 * tall


def test_the_index_alone_gives_the_shapes(pairs: tuple[Example, ...]) -> None:
    wide = [replace(pair, entry=replace(pair.entry, width=1280, height=720)) for pair in pairs[:2]]
    options = {"resolution": 256, "multiple": 8}
    assert shapes.of([*wide, pairs[2]], **options) == ((192, 336), (192, 336), (256, 256))
    assert shapes.of([*wide, pairs[2]], **options, square=True) == ((256, 256),) * 3


def test_a_description_names_the_largest_buckets_first() -> None:
    many = [(384, 672)] * 1200 + [(576, 448)] + [(448, 576)] * 90
    assert shapes.describe(many) == "3 buckets: 384×672 (1,200 pairs), 448×576 (90), 576×448 (1)"
    assert shapes.describe([(512, 512)]) == "1 bucket: 512×512 (1 pair)"
    assert shapes.describe([(side, 64) for side in range(9)]).startswith("9 buckets: 0×64 (1 pair), 1×64 (1), ")
    assert shapes.describe([(side, 64) for side in range(9)]).endswith("5×64 (1), …")
