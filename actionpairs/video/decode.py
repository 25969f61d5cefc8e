"""The wanted frames of a video, in one forward pass."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from actionpairs.video.index import PacketTable
from actionpairs.video.reader import Reader
from actionpairs.video.runs import Run, plan

Pixels = NDArray[np.uint8]  # H W 3, BGR as OpenCV has it

# Codecs whose non-reference frames no other frame ever needs. Not HEVC: a frame that its own layer does not
# need may be needed by a higher one.
_DROPPABLE = frozenset({"h264", "mpeg4", "mpeg2video", "mpeg1video"})
# Areas are averaged, so that nothing aliases; exact rounding and whole chroma keep colours where they are.
_SMALLER = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_LARGER = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_DELAY_FRAMES = 17  # decoders hold back up to 16 frames to put them in order


class Video:
    """An open video: its packet table, and the pictures at wanted presentation times.

    source: a path, or a file that can seek. Raises VideoError where it cannot be opened as a video.
    """

    def __init__(self, source: str | BinaryIO) -> None:
        self._reader = Reader(source)
        self.table: PacketTable = self._reader.table
        self._place_of = {pts: place for place, pts in enumerate(self.table.order) if pts is not None}

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def pictures(self, wanted: Sequence[int], *, short_side: int) -> Iterator[tuple[int, Pixels | str]]:
        """Decode the frames at the wanted pts, upright and with square pixels, at most `short_side` small.

        Yields (pts, pixels) in ascending order; where a frame cannot be had whole, (pts, why not).
        """
        for run in plan(self.table, self._place_of, wanted):
            missing = deque(run.wanted)
            for pts, pixels in self._sound(run, short_side):
                while missing[0] < pts:
                    yield missing.popleft(), "the decoder does not give this frame"
                yield missing.popleft(), pixels
            for pts in missing:
                yield pts, "the decoder does not give this frame"

    def _sound(self, run: Run, short_side: int) -> Iterator[tuple[int, Pixels | str]]:
        """The run's wanted frames; those that damage reached become a word.

        A frame is held back until every frame that was decoded before it has come out, since any of them may
        turn out to be broken: the next key frame mends what is broken, and nothing else does.
        """
        wanted = set(run.wanted)
        broken: list[int] = []  # places of packets
        held: deque[tuple[int, int, Pixels]] = deque()  # number of the frame, pts, pixels
        number = 0
        for number, frame in enumerate(self._decoded(run, broken)):
            if frame.pts is None:
                continue
            if frame.is_corrupt and frame.pts in self._place_of:
                broken.append(self._place_of[frame.pts])
            if frame.pts in wanted:
                held.append((number, frame.pts, self._pixels(frame, short_side)))
            while held and held[0][0] <= number - _DELAY_FRAMES:
                yield self._judged(held.popleft(), broken)
        for item in held:
            yield self._judged(item, broken)

    def _judged(self, item: tuple[int, int, Pixels], broken: Sequence[int]) -> tuple[int, Pixels | str]:
        _, pts, pixels = item
        return pts, "damaged picture" if any(self._reaches(place, pts) for place in broken) else pixels

    def _reaches(self, broken: int, pts: int) -> bool:
        """Whether a broken packet can be seen in a frame: from there up to the next key."""
        keys, place = self.table.keys, self._place_of[pts]
        following = bisect_right(keys, broken)
        if place < broken or following == len(keys):
            return place >= broken
        key_pts = self.table.order[keys[following]]
        return place < keys[following] or (key_pts is not None and pts < key_pts)

    def _decoded(self, run: Run, broken: list[int]) -> Iterator[VideoFrame]:
        """Feed a run to the decoder, without what nobody needs; packets that it refuses are added to `broken`."""
        wanted = set(run.wanted)
        start = self.table.order[run.first]
        packets = self._reader.stretch(run.first, run.last)
        context = None
        for packet in packets:
            context = self._reader.stream.codec_context
            if packet.pts is not None and start is not None and packet.pts < start and packet.pts not in wanted:
                continue  # an open GOP's leading frames need the key before; nothing that follows needs them
            droppable = context.name in _DROPPABLE and packet.pts not in wanted
            context.skip_frame = "NONREF" if droppable else "DEFAULT"
            try:
                yield from context.decode(packet)
            except av.FFmpegError:
                if packet.pts is not None:
                    broken.append(self._place_of[packet.pts])
        if context is not None:
            with suppress(av.FFmpegError):
                yield from context.decode(None)
            context.flush_buffers()

    def _pixels(self, frame: VideoFrame, short_side: int) -> Pixels:
        """Upright BGR with square pixels; colours by the stream's own matrix and range."""
        aspect = self._reader.stream.sample_aspect_ratio
        wide = frame.width * float(aspect) if aspect else frame.width
        scale = min(1.0, short_side / min(frame.height, wide))
        width, height = max(round(wide * scale), 1), max(round(frame.height * scale), 1)
        smaller = width <= frame.width and height <= frame.height
        found = frame.reformat(
            width=width, height=height, format="bgr24", interpolation=_SMALLER if smaller else _LARGER
        ).to_ndarray()
        turned = np.rot90(found, round(frame.rotation / 90) % 4)
        return np.ascontiguousarray(turned, dtype=np.uint8)
