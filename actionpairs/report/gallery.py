"""The pictures that a report shows, small enough for one page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actionpairs import templates
from actionpairs.data import examples
from actionpairs.errors import ScoreError
from actionpairs.metrics import optical_flow

_SIDES = (256, 192, 128, 96, 64)
_CELLS, _STILL_PERCENT = 12, 1.0  # cells a side; motion shorter than that share of the side is left out
_PAGE_LIMIT_BYTES = 5_000_000  # of pictures: 6.7 MB in base64, which leaves room for the texts of a page below 8


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One sample to be shown; original, truth and every model's edit are square: S S 3 uint8."""

    key: str
    original: np.ndarray
    edits: Mapping[str, np.ndarray]  # row name → picture
    truth: np.ndarray


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """The same as data URIs, and how each edit and the truth moved, as `motion_text` writes it."""

    key: str
    original: str
    edits: Mapping[str, str]
    truth: str
    edit_motion: Mapping[str, str]  # row name → text
    true_motion: str


def thumbnails(exhibits: Sequence[Exhibit]) -> tuple[Thumbnails, ...]:
    """Turn every picture into WebP of the largest size at which all fit into one page below 8 MB.

    Raises ScoreError where they do not fit at 64 pixels.
    """
    motions = [_motions(exhibit) for exhibit in exhibits]
    for side in _SIDES:
        made = tuple(_thumbnails(exhibit, side, motion) for exhibit, motion in zip(exhibits, motions, strict=True))
        if sum(_size(shown) for shown in made) <= _PAGE_LIMIT_BYTES * 4 / 3:
            return made
    raise ScoreError(f"{len(exhibits)} samples are too many pictures for one page.", cure="Lower `eval.gallery`.")


def motion_text(field: np.ndarray) -> str:
    """Optical flow, S S 2 in pixels, for a page's script to draw; nothing where nothing moves.

    The mean flow in each cell of a grid, row by row, right and down, as signed bytes of half a hundredth of the
    side, in base64: a path of arrows would be thirty times as long, and a page holds thousands.
    """
    cells = cv2.resize(field, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) * (100 / len(field))
    moves = np.linalg.norm(cells, axis=-1, keepdims=True) >= _STILL_PERCENT
    if not moves.any():
        return ""
    halves = np.where(moves, 2 * cells, 0).round().clip(-127, 127).astype(np.int8)
    return base64.b64encode(halves.tobytes()).decode()


def _motions(exhibit: Exhibit) -> dict[str, str]:
    """The motion of every edit by the name of its row, and that of the truth by the name that no row has."""
    pictures = {**exhibit.edits, "": exhibit.truth}
    return {
        name: motion_text(optical_flow.between(exhibit.original, picture)) for name, picture in pictures.items()
    }


def _thumbnails(exhibit: Exhibit, side: int, motion: Mapping[str, str]) -> Thumbnails:
    return Thumbnails(
        exhibit.key,
        _webp(exhibit.original, side),
        {name: _webp(picture, side) for name, picture in exhibit.edits.items()},
        _webp(exhibit.truth, side),
        {name: text for name, text in motion.items() if name},
        motion[""],
    )


def _webp(picture: np.ndarray, side: int) -> str:
    shown = examples.fit(picture, side) if len(picture) > side else picture
    _, data = cv2.imencode(".webp", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 82])
    return templates.picture(data.tobytes(), "webp")


def _size(shown: Thumbnails) -> int:
    return len(shown.original) + len(shown.truth) + sum(map(len, shown.edits.values()))
