"""The pictures that a report shows, small enough for one page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actionpairs import pages
from actionpairs.errors import ScoreError
from actionpairs.learning import examples
from actionpairs.scoring import flow

_SIDES = (256, 192, 128, 96, 64)
_ARROWS, _STILL_PERCENT = 12, 1.0  # arrows a side; motion shorter than that share of the side is left out
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
    """The same as data URIs, and how each edit and the truth moved, as a path in a square of 100 units."""

    key: str
    original: str
    edits: Mapping[str, str]
    truth: str
    edit_motion: Mapping[str, str]  # row name → path
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


def arrows(field: np.ndarray) -> str:
    """Optical flow, S S 2 in pixels, as an SVG path in a square of 100 units; nothing where nothing moves.

    An arrow for each cell of a grid, with the mean flow there, where that is longer than noise.
    """
    cells = cv2.resize(field, (_ARROWS, _ARROWS), interpolation=cv2.INTER_AREA) * (100 / len(field))
    step = 100 / _ARROWS
    return "".join(
        _arrow(step * (column + 0.5), step * (line + 0.5), *map(float, cells[line, column]))
        for line in range(_ARROWS)
        for column in range(_ARROWS)
        if np.hypot(*cells[line, column]) >= _STILL_PERCENT
    )


def _arrow(x: float, y: float, dx: float, dy: float) -> str:
    """A line with two barbs at its end."""
    length = math.hypot(dx, dy)
    barb, side = min(2.5, 0.5 * length) / length, 0.6
    tip = f"{x + dx:.1f} {y + dy:.1f}"
    ends = [(-barb * (dx - sign * side * dy), -barb * (dy + sign * side * dx)) for sign in (1, -1)]
    barbs = "".join(f"M{tip}l{right:.1f} {down:.1f}" for right, down in ends)
    return f"M{x:.1f} {y:.1f}L{tip}{barbs}"


def _motions(exhibit: Exhibit) -> dict[str, str]:
    """The path of every edit by the name of its row, and that of the truth by the name that no row has."""
    pictures = {**exhibit.edits, "": exhibit.truth}
    return {name: arrows(flow.between(exhibit.original, picture)) for name, picture in pictures.items()}


def _thumbnails(exhibit: Exhibit, side: int, motion: Mapping[str, str]) -> Thumbnails:
    return Thumbnails(
        exhibit.key,
        _webp(exhibit.original, side),
        {name: _webp(picture, side) for name, picture in exhibit.edits.items()},
        _webp(exhibit.truth, side),
        {name: path for name, path in motion.items() if name},
        motion[""],
    )


def _webp(picture: np.ndarray, side: int) -> str:
    shown = examples.fit(picture, side) if len(picture) > side else picture
    _, data = cv2.imencode(".webp", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 82])
    return pages.picture(data.tobytes(), "webp")


def _size(shown: Thumbnails) -> int:
    return len(shown.original) + len(shown.truth) + sum(map(len, shown.edits.values()))
