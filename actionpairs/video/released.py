"""Frames that a data set releases as numbered JPEGs, read in place from a folder or a tar.

EPIC-KITCHENS does so: `P01/rgb_frames/P01_01.tar` or `P01/rgb_frames/P01_01/frame_0000000001.jpg`, resampled to 60
frames a second (2018) or 50. They offer what a video offers: a table of times, and the pictures at wanted times.
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
from actionpairs.rates import exact
from actionpairs.records import Reason
from actionpairs.storage import Folder
from actionpairs.video.catalog import Catalog, loosest
from actionpairs.video.scaling import FrameError, Picture
from actionpairs.video.timeline import Timeline

_NOT_RELEASED = FrameError(Reason.DECODE_ERROR, "not among the released frames")


def find(folder: Folder, videos: Iterable[str]) -> dict[str, list[str]]:
    """Where the frames of each video lie: its tars, and folders of its name.

    Folders of frames are never listed, only those above them: EPIC's hold twenty million files.
    """
    videos = set(videos)
    wanted = {loosest(video) for video in videos}
    found: list[str] = []
    waiting = [""]
    while waiting:
        for name, is_folder in folder.entries(waiting.pop()):
            pure = PurePosixPath(name)
            if not is_folder:
                if pure.suffix == ".tar" and loosest(pure.stem) in wanted:
                    found.append(name)
            elif loosest(pure.name) in wanted:
                found.append(name)
            else:
                waiting.append(name)
    catalog = Catalog(found, suffixes=frozenset({".tar"}))
    return {video: list(catalog.find(video)) for video in videos}


class ReleasedFrames:
    """One video's numbered frames: the table of their times, and the pictures at wanted ones.

    file: a tar or a folder below `folder`. A time is a frame's number; seconds are number / rate, where the rate
    "epic" is told by the file's name. Raises VideoError where there is no frame, StorageError where nothing can be
    read.
    """

    way, reason, stopped = "released", "", ""  # as an open video has them

    def __init__(
        self, folder: Folder, file: str, *, rate: float | Literal["epic"], pattern: str, short_side: int
    ) -> None:
        self._short_side = short_side
        self._stack = ExitStack()
        numbered = _expression(pattern)
        listed = self._in_tar(folder, file) if file.endswith(".tar") else _in_folder(folder, file)
        self._read: dict[int, Callable[[], bytes]] = {}
        for name, read in listed:
            match = numbered.fullmatch(PurePosixPath(name).name)
            if match:
                self._read[int(match[1])] = read
        if not self._read:
            raise VideoError(
                f"no frame that is called like {pattern.format(1)}.",
                cure="Check `extract.released_frames.pattern` in the recipe.",
            )
        numbers = tuple(range(min(self._read), max(self._read) + 1))
        per_second = exact(_epic_rate(file) if rate == "epic" else rate)
        self.timeline = Timeline(1 / per_second, shown=numbers, end=numbers[-1] + 1, origin=0)

    def __enter__(self) -> ReleasedFrames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def pictures(self, positions: Sequence[int]) -> Iterator[tuple[int, Picture | FrameError]]:
        """Read the frames at positions of the timeline, in ascending order."""
        for position in sorted(set(positions)):
            read = self._read.get(self.timeline.shown[position])
            yield position, _picture(read(), self._short_side) if read else _NOT_RELEASED

    def _in_tar(self, folder: Folder, file: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
        source = self._stack.enter_context(folder.open(file))
        try:
            with tarfile.open(fileobj=source, mode="r:") as tar:
                for member in tar:
                    if member.isfile():
                        yield member.name, _part_reader(source, member.offset_data, member.size)
        except tarfile.TarError as error:
            raise VideoError(f"not a whole tar: {error}.", cure="Download it again.") from None


def _part_reader(source: BinaryIO, offset: int, size: int) -> Callable[[], bytes]:
    def read() -> bytes:
        source.seek(offset)
        return source.read(size)

    return read


def _in_folder(folder: Folder, name: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for file, is_folder in folder.entries(name):
        if not is_folder:
            yield file, partial(folder.read_bytes, file)


def _expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern's numbers: `frame_{:010d}.jpg` → `frame_(\\d+)\\.jpg`."""
    head, _, tail = re.split(r"(\{[^}]*\})", pattern, maxsplit=1)
    return re.compile(f"{re.escape(head)}(\\d+){re.escape(tail)}")


def _epic_rate(file: str) -> int:
    """EPIC-KITCHENS' rate: two digits after the participant are a video of 2018."""
    found = re.fullmatch(r"P\d+_(\d+)", PurePosixPath(file).stem)
    if not found:
        raise VideoError(
            f"{PurePosixPath(file).stem} is not called like a video of EPIC-KITCHENS (P01_01).",
            cure="Set `extract.released_frames.rate` in the recipe to frames per second.",
        )
    return 60 if len(found[1]) == 2 else 50


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
