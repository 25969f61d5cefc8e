"""Motion on a page: one vector for each cell, and an empty text where nothing moves."""

from __future__ import annotations

import base64

import numpy as np

from actionpairs.report import gallery


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
