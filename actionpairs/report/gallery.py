"""The pictures of a report's page, small enough for one file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actionpairs import templates
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.errors import ScoreError
from actionpairs.evaluation.predictions import Predictions
from actionpairs.metrics import optical_flow

_SIDES = (256, 192, 128, 96, 64)
_CELLS, _STILL_PERCENT = 12, 1.0  # cells a side; motion shorter than that share of the side is left out
_PAGE_LIMIT_BYTES = 5_000_000  # of pictures: 6.7 MB in base64, which leaves room for the texts of a page below 8


@dataclass(frozen=True, slots=True)
class GallerySample:
    """The pictures of one sample: the input, every model's edit and the truth. All square: S S 3 uint8."""

    key: str
    original: np.ndarray
    edits: Mapping[str, np.ndarray]  # row name → picture
    truth: np.ndarray


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The same as data URIs, and the motion of each edit and of the truth, as `motion_text` writes it."""

    key: str
    original: str
    edits: Mapping[str, str]
    truth: str
    edit_motion: Mapping[str, str]  # row name → text
    true_motion: str


def load_pictures(
    samples: Sequence[Example], predictions: Sequence[Predictions], *, most: int, side: int
) -> list[GallerySample]:
    """The pictures of at most so many samples, evenly spread over all."""
    count = min(most, len(samples))
    pictures = []
    for sample in (samples[i * len(samples) // count] for i in range(count)):
        original, truth = examples.load_pair(sample, side)
        edits = {each.name: each.load(sample.name) for each in predictions}
        pictures.append(GallerySample(sample.name, original, edits, truth))
    return pictures


def thumbnails(samples: Sequence[GallerySample]) -> tuple[Thumbnails, ...]:
    """Turn every picture into WebP of the largest size at which all fit into one page below 8 MB.

    Raises ScoreError where they do not fit at 64 pixels.
    """
    motions = [_motions(sample) for sample in samples]
    for side in _SIDES:
        small = tuple(_thumbnails(sample, side, motion) for sample, motion in zip(samples, motions, strict=True))
        if sum(map(_size, small)) <= _PAGE_LIMIT_BYTES * 4 / 3:
            return small
    raise ScoreError(f"{len(samples)} samples are too many pictures for one page.", cure="Lower `eval.gallery`.")


def motion_text(field: np.ndarray) -> str:
    """Optical flow, S S 2 in pixels, for a page's script to draw; empty where nothing moves.

    The mean flow in each cell of a grid, row by row, right and down, as signed bytes of half a hundredth of the
    side, in base64: a path of arrows would be thirty times as long, and a page holds thousands.
    """
    cells = cv2.resize(field, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) * (100 / len(field))
    moves = np.linalg.norm(cells, axis=-1, keepdims=True) >= _STILL_PERCENT
    if not moves.any():
        return ""
    halves = np.where(moves, 2 * cells, 0).round().clip(-127, 127).astype(np.int8)
    return base64.b64encode(halves.tobytes()).decode()


def _motions(sample: GallerySample) -> dict[str, str]:
    """The motion of every edit by the name of its row, and that of the truth by the empty name."""
    pictures = {**sample.edits, "": sample.truth}
    return {
        name: motion_text(optical_flow.between(sample.original, picture)) for name, picture in pictures.items()
    }


def _thumbnails(sample: GallerySample, side: int, motion: Mapping[str, str]) -> Thumbnails:
    return Thumbnails(
        sample.key,
        _webp(sample.original, side),
        {name: _webp(picture, side) for name, picture in sample.edits.items()},
        _webp(sample.truth, side),
        {name: text for name, text in motion.items() if name},
        motion[""],
    )


def _webp(picture: np.ndarray, side: int) -> str:
    small = examples.fit(picture, side) if len(picture) > side else picture
    _, data = cv2.imencode(".webp", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 82])
    return templates.picture(data.tobytes(), "webp")


def _size(pictures: Thumbnails) -> int:
    return len(pictures.original) + len(pictures.truth) + sum(map(len, pictures.edits.values()))
