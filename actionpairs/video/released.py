"""Frames that a data set releases as numbered JPEGs, read from a folder or a tar.

EPIC-KITCHENS has `P01/rgb_frames/P01_01.tar` or `P01/rgb_frames/P01_01/frame_0000000001.jpg`, resampled to 60
frames per second (2018) or 50. `ReleasedFrames` has the same interface as `decode.Video`.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import PurePosixPath
from types import TracebackType
from typing import BinaryIO, Literal

import cv2
import numpy as np

from actionpairs.errors import VideoError
from actionpairs.rates import parse_rate
from actionpairs.records import Reason
from actionpairs.storage import Folder
from actionpairs.video.catalog import Catalog, loose_key
from actionpairs.video.scaling import FrameError, Picture
from actionpairs.video.timeline import Timeline

_NOT_RELEASED = FrameError(Reason.DECODE_ERROR, "not among the released frames")


def find(folder: Folder, videos: Iterable[str]) -> dict[str, list[str]]:
    """The tars and folders that hold the frames of each video.

    Folders of frames are not listed, only the folders above them: EPIC-KITCHENS has twenty million frames.
    """
    videos = set(videos)
    wanted = {loose_key(video) for video in videos}
    paths: list[str] = []
    folders = [""]
    while folders:
        for name, is_folder in folder.entries(folders.pop()):
            pure = PurePosixPath(name)
            if not is_folder:
                if pure.suffix == ".tar" and loose_key(pure.stem) in wanted:
                    paths.append(name)
            elif loose_key(pure.name) in wanted:
                paths.append(name)
            else:
                folders.append(name)
    catalog = Catalog(paths, suffixes=frozenset({".tar"}))
    return {video: list(catalog.find(video)) for video in videos}


class ReleasedFrames:
    """One video's numbered frames: their timeline, and the pictures at chosen positions.

    file: a tar or a folder in `folder`. A frame's time is its number; seconds are number / rate. The rate "epic"
    follows from the file's name. Raises VideoError if there is no frame, StorageError if nothing can be read.
    """

    decode_mode, fallback_reason, read_error = "released", "", ""  # as in decode.Video

    def __init__(
        self, folder: Folder, file: str, *, rate: float | Literal["epic"], pattern: str, short_side: int
    ) -> None:
        self._short_side = short_side
        self._stack = ExitStack()
        numbered = _pattern_regex(pattern)
        files = self._in_tar(folder, file) if file.endswith(".tar") else _in_folder(folder, file)
        self._loaders: dict[int, Callable[[], bytes]] = {}
        for name, load in files:
            match = numbered.fullmatch(PurePosixPath(name).name)
            if match:
                self._loaders[int(match[1])] = load
        if not self._loaders:
            raise VideoError(
                f"no frame that is called like {pattern.format(1)}.",
                cure="Check `extract.released_frames.pattern` in the recipe.",
            )
        numbers = tuple(range(min(self._loaders), max(self._loaders) + 1))
        per_second = parse_rate(_epic_rate(file) if rate == "epic" else rate)
        self.timeline = Timeline(1 / per_second, frame_times=numbers, end=numbers[-1] + 1, origin=0)

    def __enter__(self) -> ReleasedFrames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def pictures(self, positions: Sequence[int]) -> Iterator[tuple[int, Picture | FrameError]]:
        """The pictures at positions of the timeline, in ascending order."""
        for position in sorted(set(positions)):
            load = self._loaders.get(self.timeline.frame_times[position])
            yield position, _picture(load(), self._short_side) if load else _NOT_RELEASED

    def _in_tar(self, folder: Folder, file: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
        source = self._stack.enter_context(folder.open(file))
        try:
            with tarfile.open(fileobj=source, mode="r:") as tar:
                for member in tar:
                    if member.isfile():
                        yield member.name, _make_loader(source, member.offset_data, member.size)
        except tarfile.TarError as error:
            raise VideoError(f"not a whole tar: {error}.", cure="Download it again.") from None


def _make_loader(source: BinaryIO, offset: int, size: int) -> Callable[[], bytes]:
    def load() -> bytes:
        source.seek(offset)
        return source.read(size)

    return load


def _in_folder(folder: Folder, name: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for file, is_folder in folder.entries(name):
        if not is_folder:
            yield file, partial(folder.read_bytes, file)


def _pattern_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression that matches a format string: `frame_{:010d}.jpg` → `frame_(\\d+)\\.jpg`."""
    head, _, tail = re.split(r"(\{[^}]*\})", pattern, maxsplit=1)
    return re.compile(f"{re.escape(head)}(\\d+){re.escape(tail)}")


def _epic_rate(file: str) -> int:
    """EPIC-KITCHENS' frame rate: video numbers of two digits are from 2018 (60 per second), others have 50."""
    match = re.fullmatch(r"P\d+_(\d+)", PurePosixPath(file).stem)
    if not match:
        raise VideoError(
            f"{PurePosixPath(file).stem} is not called like a video of EPIC-KITCHENS (P01_01).",
            cure="Set `extract.released_frames.rate` in the recipe to frames per second.",
        )
    return 60 if len(match[1]) == 2 else 50


def _picture(jpeg: bytes, short_side: int) -> Picture | FrameError:
    if jpeg and not jpeg.rstrip(b"\0").endswith(b"\xff\xd9"):
        return FrameError(Reason.DAMAGED_PICTURE, "the JPEG has no end")
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
    if pixels is None:
        return FrameError(Reason.DECODE_ERROR, "not a picture that can be opened")
    height, width = pixels.shape[:2]
    scale = short_side / min(height, width)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return Picture(pixels.astype(np.uint8, copy=False))
