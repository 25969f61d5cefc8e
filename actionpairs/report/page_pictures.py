"""Pictures inside a page: as large as its size allows, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass

import cv2
import numpy as np

from actionpairs import pairs, templates
from actionpairs.storage import Folder

BUDGET_BYTES = 3_400_000  # of pictures: 4.5 MB in base64, which leaves room for the texts of a page below 5 MB
_LONG_SIDES = (1280, 1024, 768, 640, 512, 448, 384, 320, 256, 192, 128, 64)  # pixels
_WEBP_QUALITY, _TRIED = 80, 12


@dataclass(frozen=True, slots=True)
class PairPictures:
    """Both pictures of some pairs as data URIs, by id. long_side: in pixels; None if they are as stored."""

    uris: Mapping[str, tuple[str, str]]
    long_side: int | None


def load_pairs(source: Folder, ids: Sequence[str], *, budget: int = BUDGET_BYTES) -> PairPictures:
    """Both pictures of these pairs of a pairs folder; only row groups with one of them are read.

    They are the stored JPEGs if all fit into `budget` bytes, else WebP of the largest size at which all do.
    """
    wanted = set(ids)
    stored = {
        pair_id: (before, after)
        for name in pairs.file_names(source)
        for pair_id, before, after in pairs.pictures(source, name, wanted)
    }
    if sum(len(before) + len(after) for before, after in stored.values()) <= budget:
        uris = {
            pair_id: (templates.picture(one), templates.picture(two)) for pair_id, (one, two) in stored.items()
        }
        return PairPictures(uris, None)
    return _smaller(stored, budget)


def first_that_fits(sizes: Sequence[int], count: int, encode: Callable[[int, int], Sized], *, budget: int) -> int:
    """The first of these sizes at which `count` pictures are likely to fit into `budget` bytes, else the last.

    encode: picture number and size to bytes or a text. Only some of the pictures are encoded, evenly spaced.
    """
    tried = range(0, count, max(count // _TRIED, 1))
    for size in sizes:
        if sum(len(encode(number, size)) for number in tried) * count <= 0.93 * budget * len(tried):
            return size
    return sizes[-1]


def _smaller(stored: Mapping[str, tuple[bytes, bytes]], budget: int) -> PairPictures:
    every = [jpeg for pair_id in sorted(stored) for jpeg in stored[pair_id]]
    size = first_that_fits(_LONG_SIDES, len(every), lambda number, side: _webp(every[number], side), budget=budget)
    for side in _LONG_SIDES[_LONG_SIDES.index(size) :]:  # the first is only likely to fit
        small = {pair_id: (_webp(before, side), _webp(after, side)) for pair_id, (before, after) in stored.items()}
        if sum(len(before) + len(after) for before, after in small.values()) <= budget:
            break
    uris = {
        pair_id: (templates.picture(before, "webp"), templates.picture(after, "webp"))
        for pair_id, (before, after) in small.items()
    }
    return PairPictures(uris, side)


def _webp(jpeg: bytes, long_side: int) -> bytes:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return webp(picture, long_side)


def webp(picture: np.ndarray, long_side: int) -> bytes:
    """A picture, H W 3 uint8 in BGR, as WebP that is at most so wide and high; it is never enlarged."""
    scale = min(1.0, long_side / max(picture.shape[:2]))
    if scale < 1:
        height, width = (max(round(length * scale), 1) for length in picture.shape[:2])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])[1].tobytes())
