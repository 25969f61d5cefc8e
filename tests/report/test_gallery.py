"""Pictures on a page keep their aspect; motion is one vector for each cell, and an empty text if nothing moves."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest

from actionpairs.data.examples import Shape
from actionpairs.report import demo_page, gallery
from tests.report.test_files import mixed_pictures


def cells(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.int8).reshape(12, 12, 2)


def test_motion_is_in_half_hundredths_of_the_side() -> None:
    field = np.zeros((240, 240, 2), np.float32)
    field[:20, 220:] = 24, -12  # pixels, in the last cell of the first row: 10 and −5 hundredths
    vectors = cells(gallery.motion_text(field))
    assert vectors[0, 11].tolist() == [20, -10]
    assert np.count_nonzero(vectors) == 2


def test_motion_shorter_than_a_hundredth_is_left_out() -> None:
    field = np.zeros((200, 200, 2), np.float32)
    field[...] = 1.9, 0
    assert gallery.motion_text(field) == ""
    field[...] = 2.1, 0
    assert (cells(gallery.motion_text(field))[..., 0] == 2).all()


def test_motion_beyond_the_picture_is_cut() -> None:
    field = np.full((120, 120, 2), -500, np.float32)
    assert (cells(gallery.motion_text(field)) == -127).all()


@pytest.mark.parametrize(("shape", "grid"), [((144, 256), (9, 16)), ((256, 144), (16, 9)), ((100, 100), (12, 12))])
def test_cells_are_square_and_motion_is_the_same_in_every_shape(shape: Shape, grid: tuple[int, int]) -> None:
    field = np.zeros((*shape, 2), np.float32)
    field[...] = np.sqrt(shape[0] * shape[1]) * np.array([0.1, -0.05])  # 10 and −5 hundredths
    vectors = np.frombuffer(base64.b64decode(gallery.motion_text(field)), np.int8).reshape(*grid, 2)
    assert (vectors == (20, -10)).all()


def test_thumbnails_keep_the_aspect_of_every_shape() -> None:
    shapes = (90, 160), (300, 400), (700, 400), (64, 64)
    small = gallery.thumbnails(mixed_pictures(shapes))
    for shape, each in zip(shapes, small, strict=True):
        assert each.shape == shape
        for picture in (each.original, each.truth, *each.edits.values()):
            data = np.frombuffer(base64.b64decode(picture.partition(",")[2]), np.uint8)
            height, width = cv2.imdecode(data, cv2.IMREAD_COLOR).shape[:2]
            assert height / width == pytest.approx(shape[0] / shape[1], rel=0.01)
            assert height * width == pytest.approx(min(shape[0] * shape[1], 512 * 512), rel=0.01)


@pytest.mark.parametrize("shape", [(48, 88), (64, 64)], ids=str)
def test_the_demo_cuts_input_and_truth_to_the_shape_of_the_edit(shape: Shape) -> None:
    thumbnails = [demo_page._edit_thumbnail(np.zeros((*size, 3), np.uint8), shape) for size in (shape, (144, 256))]
    one, other = (
        cv2.imdecode(np.frombuffer(base64.b64decode(each.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
        for each in thumbnails
    )
    assert one.shape == other.shape == (round(128 * shape[0] / shape[1]), 128, 3)
