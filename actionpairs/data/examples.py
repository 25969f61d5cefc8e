"""The pairs of one or several shards folders, and their pictures as arrays."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from actionpairs import manifest, shards
from actionpairs.errors import ShardError, TrainingError
from actionpairs.records import Entry
from actionpairs.storage import Folder

Item = TypeVar("Item")
Result = TypeVar("Result")
_NAMES = shards.ORIGINAL, shards.EDITED
_REDUCED = (
    (8, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_COLOR_RGB),  # RGB wins over gray; with COLOR_8, BGR would
    (4, cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_COLOR_RGB),
    (2, cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB),
)


@dataclass(frozen=True, slots=True)
class Example:
    """One pair, the folder it lies in, and a name that is its own among all folders."""

    folder: Folder
    name: str
    entry: Entry


def training(folders: Sequence[Folder]) -> tuple[Example, ...]:
    """Every training pair of every folder, sorted by name; raises TrainingError where a name comes twice."""
    examples = [example for folder in folders for example in _of(folder, [_splits(folder).train])]
    return _sorted(examples)


def testing(folders: Sequence[Folder]) -> tuple[Example, ...]:
    """Every test pair of every folder, sorted by name; none where no folder holds any out."""
    examples = [example for folder in folders for example in _of(folder, _splits(folder).tests)]
    return _sorted(examples)


def read(example: Example, size: int) -> np.ndarray:
    """Both pictures of a pair, original first, each fitted to a square: 2 size size 3, uint8, RGB."""
    pictures = np.empty((2, size, size, 3), np.uint8)
    read_into(pictures, example)
    return pictures


def read_into(pictures: np.ndarray, example: Example, *, flipped: bool = False) -> None:
    """Read both pictures of a pair into an array as `read` gives it; flipped mirrors both."""
    jpegs = shards.read_pictures(example.folder, example.entry)
    for place, (name, jpeg) in enumerate(zip(_NAMES, jpegs, strict=True)):
        picture = _decoded(jpeg, pictures.shape[1], short_side=min(example.entry.width, example.entry.height))
        if picture is None:
            raise ShardError(
                f"{example.folder}/{example.entry.shard}: {example.entry.key}.{name} cannot be decoded.",
                cure="Make the shards anew with `actionpairs shard`, or copy them again.",
            )
        if flipped:
            cv2.flip(picture, 1, dst=pictures[place])
        else:
            pictures[place] = picture


def read_all(examples: Sequence[Example], size: int, *, workers: int = 0) -> Iterator[np.ndarray]:
    """The pictures of every pair in order, as `read` gives them; `workers` threads decode ahead."""
    return ahead(lambda example: read(example, size), examples, workers=workers)


def ahead(work: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """What work makes of each item, in order; `workers` threads work ahead, none means in this one.

    Threads, not processes: OpenCV decodes outside Python's lock, and no picture is copied between processes.
    """
    if not workers:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, "loader") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 4 * workers:  # bounds how many results wait in memory
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decoded(jpeg: bytes, size: int, *, short_side: int) -> np.ndarray | None:
    """A JPEG fitted to a square, size size 3 uint8 RGB; None where it cannot be decoded.

    It is decoded at 1/2, 1/4 or 1/8 of its size, as libjpeg can, while that is no smaller than what is wanted.
    short_side: the JPEG's, in pixels.
    """
    flags = next((flag for by, flag in _REDUCED if short_side // by >= size), cv2.IMREAD_COLOR_RGB)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags)
    return None if picture is None else fit(picture, size)


def fit(picture: np.ndarray, size: int) -> np.ndarray:
    """Resize a picture's short side and cut out the middle square: H W 3 in, size size 3 out."""
    height, width = picture.shape[:2]
    if height == width == size:
        return picture
    scale = size / min(height, width)
    shape = max(size, round(width * scale)), max(size, round(height * scale))
    resized = cv2.resize(picture, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (shape[1] - size) // 2, (shape[0] - size) // 2
    return resized[top : top + size, left : left + size]


def to_signed(pictures: np.ndarray, device: torch.device) -> Tensor:
    """Pictures as a network takes them: … H W 3 uint8 in, … 3 H W float32 in [-1, 1] out."""
    channels_first = torch.from_numpy(pictures).to(device).movedim(-1, -3)
    return channels_first.float() / 127.5 - 1


@dataclass(frozen=True, slots=True)
class _Splits:
    train: str
    tests: tuple[str, ...]


def _splits(folder: Folder) -> _Splits:
    """Which split of a shards folder trains and which are held out, as its own recipe says."""
    try:
        splits = json.loads(folder.read_bytes(manifest.RECIPE_FILE))["config"]["splits"]
        return _Splits(str(splits["train"]), tuple(splits["tests"]))
    except (ValueError, TypeError, KeyError):
        raise ShardError(
            f"{folder}/{manifest.RECIPE_FILE}: does not say which split trains.",
            cure="Give a folder that `actionpairs shard` wrote.",
        ) from None


def _of(folder: Folder, splits: Sequence[str]) -> Iterator[Example]:
    index = shards.read_index(folder)
    for split in splits:
        if split in index.samples_per_split:
            for entry in shards.entries(folder, split):
                yield Example(folder, f"{index.dataset}/{entry.key}", entry)


def _sorted(examples: Sequence[Example]) -> tuple[Example, ...]:
    by_name = {example.name: example for example in examples}
    if len(by_name) < len(examples):
        raise TrainingError(
            f"{len(examples) - len(by_name)} pairs come twice, in one data set's name.",
            cure="Give each shards folder once; name data sets differently in `shard.dataset`.",
        )
    return tuple(by_name[name] for name in sorted(by_name))
