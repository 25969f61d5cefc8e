"""The pictures that a report shows, small enough for one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from actionpairs import pages
from actionpairs.errors import ScoreError
from actionpairs.learning import examples

_SIDES = (256, 192, 128, 96, 64)
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
    """The same as data URIs."""

    key: str
    original: str
    edits: Mapping[str, str]
    truth: str


def thumbnails(exhibits: Sequence[Exhibit]) -> tuple[Thumbnails, ...]:
    """Turn every picture into WebP of the largest size at which all fit into one page below 8 MB.

    Raises ScoreError where they do not fit at 64 pixels.
    """
    for side in _SIDES:
        made = tuple(_thumbnails(exhibit, side) for exhibit in exhibits)
        if sum(_size(shown) for shown in made) <= _PAGE_LIMIT_BYTES * 4 / 3:
            return made
    raise ScoreError(f"{len(exhibits)} samples are too many pictures for one page.", cure="Lower `eval.gallery`.")


def _thumbnails(exhibit: Exhibit, side: int) -> Thumbnails:
    return Thumbnails(
        exhibit.key,
        _webp(exhibit.original, side),
        {name: _webp(picture, side) for name, picture in exhibit.edits.items()},
        _webp(exhibit.truth, side),
    )


def _webp(picture: np.ndarray, side: int) -> str:
    shown = examples.fit(picture, side) if len(picture) > side else picture
    _, data = cv2.imencode(".webp", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 82])
    return pages.picture(data.tobytes(), "webp")


def _size(shown: Thumbnails) -> int:
    return len(shown.original) + len(shown.truth) + sum(map(len, shown.edits.values()))
