"""The wanted frames of a video, in one forward pass."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import BinaryIO

import av
from av.video.frame import VideoFrame

from actionpairs.records import Reason
from actionpairs.storage import Folder
from actionpairs.video.index import PacketTable, TimeZero
from actionpairs.video.reader import KeysDifferError, Reader
from actionpairs.video.runs import Run, plan
from actionpairs.video.scaling import Picture, Scaler, Unfit

# Codecs whose non-reference frames no other frame ever needs. Not HEVC: a frame that its own layer does not
# need may be needed by a higher one.
_DROPPABLE = frozenset({"h264", "mpeg4", "mpeg2video", "mpeg1video"})
_DELAY_FRAMES = 17  # decoders hold back up to 16 frames to put them in order
_NOT_GIVEN = Unfit(Reason.DECODE_ERROR, "the decoder does not give this frame")
_DAMAGED = Unfit(Reason.DAMAGED_PICTURE, "damaged, or made from a frame that is")


def _nothing() -> None:
    pass


@contextmanager
def opened(
    folder: Folder, file: str, *, time_zero: TimeZero = "first frame", at_work: Callable[[], object] = _nothing
) -> Iterator[Video]:
    """Open a folder's video: by its path where it lies on this disk, which reads fastest, else as a file."""
    if folder.is_local:
        with Video(str(folder.local_path(file)), time_zero=time_zero, at_work=at_work) as video:
            yield video
    else:
        with folder.open(file) as source, Video(source, time_zero=time_zero, at_work=at_work) as video:
            yield video


class Video:
    """An open video: its packet table, and the pictures at wanted presentation times.

    source: a path, or a file that can seek. time_zero: what the annotations' time 0 means. at_work: called before
    every packet that is read. Raises VideoError where it cannot be opened as a video.
    """

    def __init__(
        self,
        source: str | BinaryIO,
        *,
        time_zero: TimeZero = "first frame",
        at_work: Callable[[], object] = _nothing,
    ) -> None:
        self._reader = Reader(source, time_zero=time_zero, at_work=at_work)
        self.decoded_frames = 0  # so far; what a plan is worth can be read off it
        self._place_of = {pts: place for place, pts in enumerate(self.table.order) if pts is not None}

    @property
    def table(self) -> PacketTable:
        """When every frame is shown."""
        return self._reader.table

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def pictures(self, wanted: Sequence[int], *, short_side: int) -> Iterator[tuple[int, Picture | Unfit]]:
        """Decode the frames at the wanted pts, upright and with square pixels, at most `short_side` small.

        Yields (pts, picture) in ascending order; where a frame cannot be had whole, (pts, why not).
        """
        left = deque(sorted(set(wanted)))
        try:
            for pts, picture in self._planned(left.copy(), short_side):
                left.popleft()
                yield pts, picture
        except KeysDifferError:
            self._reader.read_through()
            yield from self._planned(left, short_side)

    def _planned(self, wanted: Sequence[int], short_side: int) -> Iterator[tuple[int, Picture | Unfit]]:
        scaler = Scaler(self._reader.stream, short_side=short_side)
        for run in plan(self.table, self._place_of, wanted):
            missing = deque(run.wanted)
            for pts, picture in self._sound(run, scaler):
                while missing and missing[0] < pts:
                    yield missing.popleft(), _NOT_GIVEN
                if missing and missing[0] == pts:  # broken files give a time twice, or one that is past
                    yield missing.popleft(), picture
            for pts in missing:
                yield pts, _NOT_GIVEN

    def _sound(self, run: Run, scaler: Scaler) -> Iterator[tuple[int, Picture | Unfit]]:
        """The run's wanted frames; those that damage reached are unfit.

        A frame is held back until every frame that was decoded before it has come out, since any of them may
        turn out to be broken: the next key frame mends what is broken, and nothing else does.
        """
        wanted = set(run.wanted)
        broken: list[int] = []  # places of packets
        held: deque[tuple[int, int, Picture | Unfit]] = deque()  # number of the frame, pts, picture
        number = 0
        for number, frame in enumerate(self._decoded(run, broken)):
            self.decoded_frames += 1
            if frame.pts is None:
                continue
            if frame.is_corrupt and frame.pts in self._place_of:
                broken.append(self._place_of[frame.pts])
            if frame.pts in wanted:
                held.append((number, frame.pts, scaler.picture(frame)))
            while held and held[0][0] <= number - _DELAY_FRAMES:
                yield self._judged(held.popleft(), broken)
        for item in held:
            yield self._judged(item, broken)

    def _judged(
        self, item: tuple[int, int, Picture | Unfit], broken: Sequence[int]
    ) -> tuple[int, Picture | Unfit]:
        _, pts, picture = item
        return pts, _DAMAGED if any(self._reaches(place, pts) for place in broken) else picture

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
