"""The pairs of one or several shards folders, and their pictures as NumPy arrays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from actionpairs import shards
from actionpairs.errors import ShardError, TrainingError
from actionpairs.records import Entry
from actionpairs.storage import Folder

Item = TypeVar("Item")
Result = TypeVar("Result")
Shape = tuple[int, int]  # height and width, in pixels
_NAMES = shards.ORIGINAL, shards.EDITED
_REDUCED = (
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_COLOR_RGB),  # RGB wins over gray; with COLOR_8, BGR would
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_COLOR_RGB),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB),
)


@dataclass(frozen=True, slots=True)
class Example:
    """One pair and the shards folder that holds it. `name` is unique among all folders: DATASET/KEY."""

    folder: Folder
    name: str
    entry: Entry


def load_train(folders: Sequence[Folder]) -> tuple[Example, ...]:
    """Every training pair of every folder, sorted by name. Raises TrainingError if a name comes twice."""
    return _sorted(example for folder in folders for example in _examples(folder, train=True))


def load_test(folders: Sequence[Folder]) -> tuple[Example, ...]:
    """Every pair of every test split of every folder, sorted by name. Empty if no folder has a test split."""
    return _sorted(example for folder in folders for example in _examples(folder, train=False))


def load_pair(example: Example, size: int | Shape) -> np.ndarray:
    """Both pictures of a pair, original first, resized and center-cropped: 2 H W 3, uint8, RGB.

    size: the side of a square, or height and width.
    """
    pictures = np.empty((2, *_shape(size), 3), np.uint8)
    load_pair_into(pictures, example)
    return pictures


def load_pair_into(pictures: np.ndarray, example: Example, *, flipped: bool = False) -> None:
    """As `load_pair`, into an array that exists, at its height and width. flipped: mirror both pictures."""
    tall, wide = pictures.shape[1:3]
    stored = example.entry.height, example.entry.width
    jpegs = shards.load_pictures(example.folder, example.entry)
    for number, (name, jpeg) in enumerate(zip(_NAMES, jpegs, strict=True)):
        picture = _decode(jpeg, (tall, wide), stored=stored)
        if picture is None:
            raise ShardError(
                f"{example.folder}/{example.entry.shard}: {example.entry.key}.{name} cannot be decoded.",
                cure="Run `actionpairs shard` again, or copy the shards again.",
            )
        if flipped:
            cv2.flip(picture, 1, dst=pictures[number])
        else:
            pictures[number] = picture


def iter_pairs(examples: Sequence[Example], size: int | Shape, *, workers: int = 0) -> Iterator[np.ndarray]:
    """The pictures of every pair in order, as `load_pair` gives them. `workers` threads decode ahead."""
    return threaded_map(lambda example: load_pair(example, size), examples, workers=workers)


def threaded_map(work: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """work(item) for each item, in order. `workers` threads run ahead; with 0, everything runs in this thread.

    Threads, not processes: OpenCV decodes outside Python's lock, and no picture is copied between processes.
    """
    if not workers:
        yield from map(work, items)
        return
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, "loader") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > 4 * workers:  # bounds how many results wait in memory
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(jpeg: bytes, shape: Shape, *, stored: Shape) -> np.ndarray | None:
    """A JPEG resized and cropped to this height and width: H W 3, uint8, RGB. None if it cannot be decoded.

    libjpeg decodes it at 1/2, 1/4 or 1/8 of its size if that still covers the shape. stored: the JPEG's own shape.
    """
    reduction = min(own // side for own, side in zip(stored, shape, strict=True))
    flags = next((flag for by, flag in _REDUCED if by <= reduction), cv2.IMREAD_COLOR_RGB)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags)
    return None if picture is None else fit(picture, shape)


def fit(picture: np.ndarray, size: int | Shape) -> np.ndarray:
    """Resize to cover the size, then crop the center, as PIL's ImageOps.fit: H W 3 in and out.

    size: the side of a square, or height and width.
    """
    height, width = picture.shape[:2]
    tall, wide = _shape(size)
    if (height, width) == (tall, wide):
        return picture
    scale = max(tall / height, wide / width)
    shape = max(wide, round(width * scale)), max(tall, round(height * scale))
    resized = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (shape[1] - tall) // 2, (shape[0] - wide) // 2
    return resized[top : top + tall, left : left + wide]


def _shape(size: int | Shape) -> Shape:
    return (size, size) if isinstance(size, int) else size


def to_signed(pictures: np.ndarray, device: torch.device) -> Tensor:
    """Pictures as networks take them: … H W 3 uint8 in, … 3 H W float32 in [-1, 1] out."""
    channels_first = torch.from_numpy(pictures).to(device).movedim(-1, -3)
    return channels_first.float() / 127.5 - 1


def _examples(folder: Folder, *, train: bool) -> Iterator[Example]:
    """The pairs of a folder's training split, or of its test splits; splits without samples are left out."""
    index = shards.load_index(folder)
    for split in [index.train_split] if train else index.test_splits:
        if split in index.samples_per_split:
            for entry in shards.load_entries(folder, split):
                yield Example(folder, f"{index.dataset}/{entry.key}", entry)


def _sorted(examples: Iterable[Example]) -> tuple[Example, ...]:
    ordered = sorted(examples, key=lambda example: example.name)
    repeated = len(ordered) - len({example.name for example in ordered})
    if repeated:
        raise TrainingError(
            f"{repeated} pairs come twice under the same data set name.",
            cure="Give each shards folder once. Give each data set its own name in `shard.dataset`.",
        )
    return tuple(ordered)
