"""The wanted frames of a video: by a plan that proves itself, or else by a full decode."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, BinaryIO, Literal

import av
import av.logging
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from actionpairs.storage import Folder
from actionpairs.video import headers
from actionpairs.video.full_decode import FullDecode
from actionpairs.video.reader import NotAsPlannedError, Reader
from actionpairs.video.runs import Run, plan
from actionpairs.video.scaling import FrameError, Picture, Scaler
from actionpairs.video.timeline import Timeline, TimeZero

Way = Literal["planned", "read through"]
# Codecs whose non-reference frames no other frame ever needs. Not HEVC: a frame that its own layer does not
# need may be needed by a higher one.
_DROPPABLE = frozenset({"h264", "mpeg4", "mpeg2video", "mpeg1video"})


def _nothing() -> None:
    pass


@contextmanager
def opened(
    folder: Folder,
    file: str,
    *,
    short_side: int,
    hdr: Literal["refuse", "tonemap"] = "refuse",
    time_zero: TimeZero = "first frame",
    at_work: Callable[[], object] = _nothing,
) -> Iterator[Video]:
    """Open a folder's video: by its path where it lies on this disk, which reads fastest, else as a file."""
    if folder.is_local:
        path = str(folder.local_path(file))
        with Video(path, short_side=short_side, hdr=hdr, time_zero=time_zero, at_work=at_work) as video:
            yield video
    else:
        with (
            folder.open(file) as source,
            Video(source, short_side=short_side, hdr=hdr, time_zero=time_zero, at_work=at_work) as video,
        ):
            yield video


class Video:
    """An open video: when its frames are shown, and the pictures at wanted positions.

    source: a path, or a file that can seek. short_side: pixels; pictures are made smaller, never larger. hdr: what
    becomes of high dynamic range. time_zero: what the annotations' time 0 means. at_work: called before every
    packet that is read. Raises VideoError where it cannot be opened as a video.

    `way` says whether frames come by plan or by reading through, and `reason` why not by plan.
    """

    def __init__(
        self,
        source: str | BinaryIO,
        *,
        short_side: int,
        hdr: Literal["refuse", "tonemap"] = "refuse",
        time_zero: TimeZero = "first frame",
        at_work: Callable[[], object] = _nothing,
    ) -> None:
        self._reader = Reader(source, time_zero=time_zero, at_work=at_work)
        self._scaler = Scaler(self._reader.stream, short_side=short_side, hdr=hdr)
        self._truth: FullDecode | None = None
        self.way: Way = "planned"
        self.reason = ""
        self.decoded_frames = 0  # so far; what a plan is worth can be read off it
        if self._reader.table.doubt:
            self.read_through(self._reader.table.doubt)

    @property
    def timeline(self) -> Timeline:
        """When every frame is shown: as the packet table foretells, or as a full decode has shown."""
        return self._truth.timeline if self._truth else self._reader.table.timeline

    @property
    def stopped(self) -> str:
        """What ended the reading of the file early, or ""."""
        return self._reader.table.stopped

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def read_through(self, reason: str) -> None:
        """Decode the whole video and trust nothing else from here on; the timeline may become another."""
        self._truth = FullDecode(self._reader)
        self.decoded_frames += self._truth.frame_count
        self.way, self.reason = "read through", reason

    def pictures(self, positions: Sequence[int]) -> Iterator[tuple[int, Picture | FrameError]]:
        """The pictures at positions of the timeline, upright and with square pixels, in ascending order.

        Where one cannot be had whole, the reason. Raises NotAsPlannedError where what is decoded is not what was
        planned: then everything that came of this video is in doubt, until it has been read through.
        """
        if self._truth:
            yield from self._truth.pictures(positions, self._scaler)
            return
        wanted, times = set(positions), self.timeline.shown
        # The first frame is always decoded: seconds count from it.
        left = {times[position]: position for position in wanted | {0}}
        while left:
            try:
                for run in plan(self._reader.table, sorted(left)):
                    for time, frame in self._run(run):
                        position = left.pop(time)
                        if position in wanted:
                            yield position, self._scaler.picture(frame)
            except _NoEntryError as error:  # decode from the one before
                self._reader.strike_entry(error.place)

    def _run(self, run: Run) -> Iterator[tuple[int, VideoFrame]]:
        """The wanted frames of a run by their times; each that is decoded is held against the packet table."""
        table, last, left = self._reader.table, None, deque(run.wanted)
        for frame in self._decoded(run):
            self.decoded_frames += 1
            is_entry = frame.pts == table.times[run.first] and (
                frame.key_frame or frame.pict_type == PictureType.I
            )
            if last is None and not is_entry and run.first not in table.hidden:
                raise NotAsPlannedError("decoding cannot begin where the packets say so")
            if frame.pts is None or (last is not None and frame.pts <= last):
                raise NotAsPlannedError("frames come in another order than their packets say")
            if frame.is_corrupt:
                raise NotAsPlannedError("damaged pictures")
            if (frame.width, frame.height) != self._reader.size:
                raise NotAsPlannedError("pictures of another size than the file says")
            last = frame.pts
            if left and left[0] < last:
                break
            if left and left[0] == last:
                yield left.popleft(), frame
        if left:
            raise NotAsPlannedError("frames that do not come out of the decoder")

    def _decoded(self, run: Run) -> Iterator[VideoFrame]:
        """Feed a run to the decoder, without what nobody needs."""
        wanted, start = set(run.wanted), self._reader.table.times[run.first]
        check = _HeaderCheck(self._reader, run.first) if self._reader.is_planned_blank else None
        # Pictures that are shown before the last wanted one may stand behind it.
        ahead = self._reader.reorder_depth + 1 if check else 0
        context = None
        try:
            for place, packet in enumerate(self._reader.stretch(run.first, run.last + ahead), run.first):
                context = self._reader.stream.codec_context
                if packet.pts not in wanted and _is_before(packet.pts, start):
                    continue  # an open GOP's leading frames need the entry before; nothing that follows needs them
                if check is not None:
                    check.add(packet)
                if place > run.last:
                    continue
                droppable = context.name in _DROPPABLE and packet.pts not in wanted
                context.skip_frame = "NONREF" if droppable else "DEFAULT"
                complaints = _complaints()
                frames = context.decode(packet)
                if _complaints() != complaints:
                    raise NotAsPlannedError("pictures that the decoder complains of")
                yield from frames
            if context is not None:
                yield from context.decode(None)
        except av.FFmpegError as error:
            raise NotAsPlannedError(f"the decoder: {error.strerror}") from None
        finally:
            if context is not None:
                context.flush_buffers()


def _complaints() -> int:
    """How many errors FFmpeg has logged in this process: it does not flag every frame that it paints over."""
    if av.logging.get_level() is None:
        av.logging.set_level(av.logging.FATAL)  # errors are counted then, and hardly anything is logged
    return av.logging.get_last_error()[0]


def _is_before(time: int | None, other: int | None) -> bool:
    """Whether both times are known, and one comes first."""
    return time is not None and other is not None and time < other


class _NoEntryError(Exception):
    """Decoding cannot begin at a place where a far file's index says so."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place


class _HeaderCheck:
    """Holds the pictures of a far file's run against its container's times, which nothing has proven before."""

    def __init__(self, reader: Reader, first: int) -> None:
        self._headers = headers.reader(reader.stream.codec_context)
        self._first = first
        self._shown: list[tuple[tuple[int, int], int]] = []
        self._has_begun = False

    def add(self, packet: Packet[Any]) -> None:
        """Take the next packet of the run; NotAsPlannedError where it contradicts what was planned."""
        if self._headers is None:
            raise NotAsPlannedError("no reader of its picture headers")
        try:
            picture = self._headers.read(memoryview(packet))
        except (ValueError, IndexError) as error:
            raise NotAsPlannedError(str(error)) from None
        if not self._has_begun and not picture.is_entry:
            raise _NoEntryError(self._first)
        if picture.sets_changed:
            raise NotAsPlannedError("parameter sets that change on the way")
        self._has_begun = True
        if picture.is_shown and packet.pts is not None:
            here = ((picture.sequence, picture.order), packet.pts)
            place = bisect_left(self._shown, here)
            before, after = self._shown[place - 1 : place], self._shown[place : place + 1]
            if any(pts >= packet.pts for _, pts in before) or any(pts <= packet.pts for _, pts in after):
                raise NotAsPlannedError("presentation times that are not in the order of the pictures")
            self._shown.insert(place, here)
