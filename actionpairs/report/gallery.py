"""The pictures of a report's page, small enough for one file."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from actionpairs import templates
from actionpairs.data import examples
from actionpairs.data.examples import Example, Shape
from actionpairs.errors import ScoreError
from actionpairs.evaluation.predictions import Predictions
from actionpairs.metrics import optical_flow
from actionpairs.metrics.side import side_of
from actionpairs.report import page_pictures

Item = TypeVar("Item")

_SIDES = (512, 384, 256, 192, 128, 96, 64)
_CELLS, _STILL_PERCENT = 12, 1.0  # cells a side of a square; motion shorter than that share of it is left out
_PAGE_LIMIT_BYTES = 5_000_000  # of pictures: 6.7 MB in base64, which leaves room for the texts of a page below 8


@dataclass(frozen=True, slots=True)
class GallerySample:
    """The pictures of one sample: the input, every model's edit and the truth. All of one shape: H W 3 uint8."""

    key: str
    original: np.ndarray
    edits: Mapping[str, np.ndarray]  # row name → picture
    truth: np.ndarray


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The same as data URIs, and the motion of each edit and of the truth, as `motion_text` writes it.

    shape: the height and width of all of them, before they were made small.
    """

    key: str
    shape: Shape
    original: str
    edits: Mapping[str, str]
    truth: str
    edit_motion: Mapping[str, str]  # row name → text
    true_motion: str

    @property
    def stretch(self) -> float:
        """The width in shares of the side of a square of the same area; the height is one over it."""
        return math.sqrt(self.shape[1] / self.shape[0])

    @property
    def motion_columns(self) -> int:
        """How many of the cells of a motion are in a row."""
        return _grid(self.shape)[1]


def load_pictures(
    samples: Sequence[Example], predictions: Sequence[Predictions], shape_of: Mapping[str, Shape], *, most: int
) -> list[GallerySample]:
    """The pictures of at most so many samples, evenly spread over all that every row has a prediction for."""
    whole = [sample for sample in samples if all(each.has(sample.name) for each in predictions)]
    pictures = []
    for sample in spread(whole, most):
        original, truth = examples.load_pair(sample, shape_of[sample.name])
        edits = {each.name: each.load(sample.name) for each in predictions}
        pictures.append(GallerySample(sample.name, original, edits, truth))
    return pictures


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly spread over all."""
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def thumbnails(samples: Sequence[GallerySample]) -> tuple[Thumbnails, ...]:
    """Turn every picture into WebP of the largest size at which all fit into one page below 8 MB; aspects stay.

    Raises ScoreError where they do not fit at an area of 64 × 64 pixels.
    """
    motions = [_motions(sample) for sample in samples]
    every = [picture for each in samples for picture in (each.original, *each.edits.values(), each.truth)]
    likely = page_pictures.first_that_fits(
        _SIDES, len(every), lambda number, side: _webp(every[number], side), budget=_PAGE_LIMIT_BYTES * 4 // 3
    )
    for side in _SIDES[_SIDES.index(likely) :]:
        small = tuple(_thumbnails(sample, side, motion) for sample, motion in zip(samples, motions, strict=True))
        if sum(map(_size, small)) <= _PAGE_LIMIT_BYTES * 4 / 3:
            return small
    raise ScoreError(f"{len(samples)} samples are too many pictures for one page.", cure="Lower `eval.gallery`.")


def motion_text(field: np.ndarray) -> str:
    """Optical flow, H W 2 in pixels, for a page's script to draw; empty where nothing moves.

    The mean flow in each cell of a grid, row by row, right and down, as signed bytes of half a hundredth of the
    side (of the square of the same area), in base64: a path of arrows would be thirty times as long, and a page
    holds thousands.
    """
    rows, columns = _grid(field.shape[:2])
    cells = cv2.resize(field, (columns, rows), interpolation=cv2.INTER_AREA) * (100 / side_of(field))
    moves = np.linalg.norm(cells, axis=-1, keepdims=True) >= _STILL_PERCENT
    if not moves.any():
        return ""
    halves = np.where(moves, 2 * cells, 0).round().clip(-127, 127).astype(np.int8)
    return base64.b64encode(halves.tobytes()).decode()


def _grid(shape: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of cells that are about square."""
    stretch = math.sqrt(shape[1] / shape[0])
    return max(1, round(_CELLS / stretch)), max(1, round(_CELLS * stretch))


def _motions(sample: GallerySample) -> dict[str, str]:
    """The motion of every edit by the name of its row, and that of the truth by the empty name."""
    pictures = {**sample.edits, "": sample.truth}
    return {
        name: motion_text(optical_flow.between(sample.original, picture)) for name, picture in pictures.items()
    }


def _thumbnails(sample: GallerySample, side: int, motion: Mapping[str, str]) -> Thumbnails:
    height, width = sample.original.shape[:2]
    return Thumbnails(
        sample.key,
        (height, width),
        _webp(sample.original, side),
        {name: _webp(picture, side) for name, picture in sample.edits.items()},
        _webp(sample.truth, side),
        {name: text for name, text in motion.items() if name},
        motion[""],
    )


def _webp(picture: np.ndarray, side: int) -> str:
    scale = side / side_of(picture)
    height, width = (max(1, round(length * scale)) for length in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) if scale < 1 else picture
    _, data = cv2.imencode(".webp", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 82])
    return templates.picture(data.tobytes(), "webp")


def _size(pictures: Thumbnails) -> int:
    return len(pictures.original) + len(pictures.truth) + sum(map(len, pictures.edits.values()))
