"""The wanted frames of a video, in one forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, BinaryIO

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actionpairs.errors import VideoError
from actionpairs.video import index
from actionpairs.video.index import PacketTable

Pixels = NDArray[np.uint8]  # H W 3, BGR as OpenCV has it


class Video:
    """An open video: its packet table, and the pictures at wanted presentation times.

    Raises VideoError where the source cannot be opened as a video.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._open()
        try:
            self.table: PacketTable = index.read(self._container, self._stream)
        except VideoError:
            self._container.close()
            raise

    def _open(self) -> None:
        self._source.seek(0)
        try:
            self._container: InputContainer = av.open(self._source, mode="r")
        except (av.FFmpegError, OSError) as error:
            text = getattr(error, "strerror", None) or error
            raise VideoError(f"cannot be opened as a video: {text}.", cure=_CURE) from None
        if not self._container.streams.video:
            self._container.close()
            raise VideoError("no video stream.", cure=_CURE)
        self._stream: VideoStream = self._container.streams.video[0]
        # One thread here, one process per core outside: frames come out in order and cores stay busy.
        self._stream.codec_context.thread_count = 1

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def pictures(self, wanted: Sequence[int], *, short_side: int) -> Iterator[tuple[int, Pixels | str]]:
        """Decode the frames at the wanted pts, upright and with square pixels, at most `short_side` small.

        Yields (pts, pixels) in ascending order; where a frame cannot be had whole, (pts, why not).
        """
        targets = sorted(set(wanted))
        for _, run in groupby(targets, key=self.table.key_for if self.table.seekable else lambda _: None):
            missing = list(run)
            reason = "the decoder does not give this frame"
            try:
                for frame in self._frames_from(missing[0]):
                    while missing and frame.pts is not None and missing[0] < frame.pts:
                        yield missing.pop(0), reason
                    if missing and frame.pts == missing[0]:
                        damaged = frame.is_corrupt
                        yield (
                            missing.pop(0),
                            "damaged picture" if damaged else self._pixels(frame, short_side),
                        )
                    if not missing:
                        break
            except av.FFmpegError as error:
                reason = f"the decoder stopped: {error.strerror}"
            for pts in missing:
                yield pts, reason

    def _frames_from(self, pts: int) -> Iterator[VideoFrame]:
        if self.table.seekable:
            self._container.seek(self.table.key_for(pts), stream=self._stream, backward=True)
        else:
            self._container.close()
            self._open()
        yield from self._container.decode(self._stream)

    def _pixels(self, frame: VideoFrame, short_side: int) -> Pixels:
        pixels: Pixels = frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
        height, width = pixels.shape[:2]
        aspect = self._stream.sample_aspect_ratio
        width = round(width * float(aspect)) if aspect else width
        scale = min(1.0, short_side / min(height, width))
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        if size != (pixels.shape[1], pixels.shape[0]):
            smaller = size[0] <= pixels.shape[1] and size[1] <= pixels.shape[0]
            pixels = _uint8(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))
        turns = round(frame.rotation / 90) % 4
        return _uint8(np.ascontiguousarray(np.rot90(pixels, turns))) if turns else pixels


def _uint8(array: Any) -> Pixels:
    pixels: Pixels = np.asarray(array, dtype=np.uint8)
    return pixels


_CURE = "Play the file to see whether it is whole; download it again or convert it with ffmpeg."
