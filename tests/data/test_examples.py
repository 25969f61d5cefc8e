"""Pairs of several folders, and pictures that keep their aspect ratio."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.errors import ShardError, TrainingError
from actionpairs.storage import Folder
from tests.data.shaped import write_shaped
from tests.training.squares import SIDE, write_squares


def test_training_pairs_of_two_folders_are_taken_together(squares: Path, tmp_path: Path) -> None:
    write_squares(tmp_path / "other", 8, tests=2, name="OTHER")
    both = examples.load_train([Folder(squares), Folder(tmp_path / "other")])
    assert len(both) == 20 + 6
    assert {pair.entry.split for pair in both} == {"SQ-train", "OTHER-train"}
    swapped = examples.load_train([Folder(tmp_path / "other"), Folder(squares)])
    assert [pair.name for pair in both] == [pair.name for pair in swapped]
    assert len(examples.load_test([Folder(squares), Folder(tmp_path / "other")])) == 4 + 2


def test_the_same_folder_twice_is_refused(squares: Path) -> None:
    with pytest.raises(TrainingError, match="20 pairs come twice"):
        examples.load_train([Folder(squares), Folder(squares)])


def test_a_folder_that_is_no_shards_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(ShardError, match=r"does not say which split trains|not an index"):
        examples.load_train([Folder(tmp_path)])


def test_pictures_come_in_order_original_first_whatever_the_threads(pairs: tuple[Example, ...]) -> None:
    alone, shared = (list(examples.iter_pairs(pairs, SIDE, workers=workers)) for workers in (0, 3))
    assert all(np.array_equal(one, other) for one, other in zip(alone, shared, strict=True))
    left = next(both for pair, both in zip(pairs, alone, strict=True) if pair.entry.action == "move left")
    columns = [np.abs(picture.astype(int) - 200).sum((0, 2)).argmax() for picture in left]
    assert columns[1] < columns[0]


def test_pairs_of_an_index_without_split_names_are_found_by_the_recipe(squares: Path, tmp_path: Path) -> None:
    """Version 0.1 wrote the names of the splits into recipe.json alone."""
    shutil.copytree(squares, tmp_path / "old")
    path = tmp_path / "old/index.json"
    index = json.loads(path.read_text())
    del index["train_split"], index["test_splits"]
    path.write_text(json.dumps(index))
    for load in (examples.load_train, examples.load_test):
        names = [[pair.name for pair in load([Folder(folder)])] for folder in (squares, tmp_path / "old")]
        assert names[0] == names[1] != []


@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (10, 24), (33, 33)])
def test_fitting_cuts_the_middle_and_keeps_the_aspect(shape: tuple[int, int]) -> None:
    height, width = shape
    picture = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    radius = min(shape) // 4
    picture[(rows - height / 2 + 0.5) ** 2 + (columns - width / 2 + 0.5) ** 2 < radius**2] = 255
    fitted = examples.fit(picture, 64)
    assert fitted.shape == (64, 64, 3)
    bright = fitted[..., 0] > 127
    tall, wide = bright.any(1).sum(), bright.any(0).sum()
    assert abs(int(tall) - int(wide)) <= 4  # a disc stays a disc
    assert abs(bright.any(1).argmax() - (64 - tall) / 2) <= 2  # and in the middle


@pytest.mark.parametrize("stored", [(90, 160), (96, 72), (200, 40), (30, 31)])
@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (48, 48)])
def test_fitting_a_shape_cuts_what_pillow_cuts(stored: tuple[int, int], shape: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: stored[0], : stored[1]]
    smooth = np.stack([255 * rows / stored[0], 255 * columns / stored[1], 0 * rows], 2).astype(np.uint8)
    fitted = examples.fit(smooth, shape)
    other = np.asarray(ImageOps.fit(Image.fromarray(smooth), shape[::-1], Image.Resampling.BICUBIC))
    assert fitted.shape == (*shape, 3)
    # Half a pixel of the fitted picture: Pillow cuts at fractions of one, we at whole ones.
    assert np.abs(fitted.astype(int) - other)[1:-1, 1:-1].max() <= 255 / 24 * 0.75


@pytest.mark.parametrize(
    ("stored", "shape", "reduced"),
    [
        ((512, 912), (384, 672), 1),
        ((720, 1280), (80, 240), 4),  # an eighth is high enough, but not wide enough
        ((1280, 720), (240, 80), 4),
        ((720, 1280), (90, 160), 8),
        ((720, 1280), (91, 160), 4),
        ((64, 64), (96, 128), 1),
    ],
)
def test_a_picture_is_never_decoded_smaller_than_it_is_needed(
    stored: tuple[int, int], shape: tuple[int, int], reduced: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    fit = examples.fit
    monkeypatch.setattr(
        examples, "fit", lambda picture, size: decoded.append(picture.shape[:2]) or fit(picture, size)
    )
    jpeg = cv2.imencode(".jpg", np.zeros((*stored, 3), np.uint8))[1].tobytes()
    picture = examples._decode(jpeg, shape, stored=stored)
    assert picture is not None
    assert picture.shape == (*shape, 3)
    assert decoded == [(stored[0] // reduced, stored[1] // reduced)]


def test_original_and_edited_are_cut_alike(tmp_path: Path) -> None:
    """kohya-ss/sd-scripts#2368 resized the conditioning picture where it cropped the target."""
    write_shaped(tmp_path, [(60, 90)], alike=True)
    [pair] = examples.load_train([Folder(tmp_path)])
    for shape in [(24, 40), (40, 24), (60, 90)]:
        original, edited = examples.load_pair(pair, shape)
        assert original.shape == (*shape, 3)
        assert np.array_equal(original, edited)


def test_a_number_is_the_side_of_a_square(pairs: tuple[Example, ...]) -> None:
    for one, other in zip(examples.iter_pairs(pairs, 24), examples.iter_pairs(pairs, (24, 24)), strict=True):
        assert one.shape == (2, 24, 24, 3)
        assert np.array_equal(one, other)
