"""Decode wanted frames of a video: only the packets that they need, or the whole video if the plan fails."""

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
from actionpairs.video.reader import NotAsPlannedError, PacketReader
from actionpairs.video.runs import Run, plan_runs
from actionpairs.video.scaling import FrameError, Picture, Scaler
from actionpairs.video.timeline import Timeline, TimeZero

DecodeMode = Literal["planned", "read through"]
# Codecs whose non-reference frames are never needed by other frames. Not HEVC: a frame that is not a reference in
# its own layer may be one for a higher layer.
_DROPPABLE_CODECS = frozenset({"h264", "mpeg4", "mpeg2video", "mpeg1video"})


def _ignore() -> None:
    pass


@contextmanager
def open_video(
    folder: Folder,
    file: str,
    *,
    short_side: int,
    hdr: Literal["refuse", "tonemap"] = "refuse",
    time_zero: TimeZero = "first frame",
    on_packet: Callable[[], object] = _ignore,
) -> Iterator[Video]:
    """Open a video of a folder: by path on a local disk, which is fastest, otherwise as a file object."""
    if folder.is_local:
        path = str(folder.local_path(file))
        with Video(path, short_side=short_side, hdr=hdr, time_zero=time_zero, on_packet=on_packet) as video:
            yield video
    else:
        with (
            folder.open(file) as source,
            Video(source, short_side=short_side, hdr=hdr, time_zero=time_zero, on_packet=on_packet) as video,
        ):
            yield video


class Video:
    """An open video: its timeline, and the pictures at chosen positions.

    source: a path, or a seekable file. short_side: pixels; pictures are scaled down, never up. hdr: refuse or
    tone-map high dynamic range. time_zero: what the annotations' time 0 means. on_packet: called before every
    packet that is read, as a sign of progress. Raises VideoError if it cannot be opened as a video.

    decode_mode: "planned" (only the needed packets are decoded) or "read through" (the whole video is decoded);
    fallback_reason: why it is read through, or "".
    """

    def __init__(
        self,
        source: str | BinaryIO,
        *,
        short_side: int,
        hdr: Literal["refuse", "tonemap"] = "refuse",
        time_zero: TimeZero = "first frame",
        on_packet: Callable[[], object] = _ignore,
    ) -> None:
        self._reader = PacketReader(source, time_zero=time_zero, on_packet=on_packet)
        self._scaler = Scaler(self._reader.stream, short_side=short_side, hdr=hdr)
        self._full_decode: FullDecode | None = None
        self.decode_mode: DecodeMode = "planned"
        self.fallback_reason = ""
        self.decoded_frames = 0  # so far; benchmarks compare it with the number needed
        if self._reader.table.problem:
            self.read_through(self._reader.table.problem)

    @property
    def timeline(self) -> Timeline:
        """When every frame is shown, by the packet table or, once read through, by the full decode."""
        return self._full_decode.timeline if self._full_decode else self._reader.table.timeline

    @property
    def read_error(self) -> str:
        """The error that ended the reading of the file early, or ""."""
        return self._reader.table.read_error

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def read_through(self, reason: str) -> None:
        """Decode the whole video from now on; the timeline may change. reason: why the plan was not used."""
        self._full_decode = FullDecode(self._reader)
        self.decoded_frames += self._full_decode.frame_count
        self.decode_mode, self.fallback_reason = "read through", reason

    def pictures(self, positions: Sequence[int]) -> Iterator[tuple[int, Picture | FrameError]]:
        """The pictures at positions of the timeline, upright and with square pixels, in ascending order.

        A frame that cannot be used comes as a FrameError. Raises NotAsPlannedError if the decoder's output differs
        from the plan: then discard all pictures of this video, call `read_through`, and call this again.
        """
        if self._full_decode:
            yield from self._full_decode.pictures(positions, self._scaler)
            return
        wanted, times = set(positions), self.timeline.frame_times
        # The first frame is always decoded: seconds count from it.
        left = {times[position]: position for position in wanted | {0}}
        while left:
            try:
                for run in plan_runs(self._reader.table, sorted(left)):
                    for time, frame in self._decode_run(run):
                        position = left.pop(time)
                        if position in wanted:
                            yield position, self._scaler.picture(frame)
            except _BadEntryError as error:  # start at the entry before
                self._reader.remove_entry(error.index)

    def _decode_run(self, run: Run) -> Iterator[tuple[int, VideoFrame]]:
        """The wanted frames of a run with their times; every decoded frame is checked against the packet table."""
        table, last, left = self._reader.table, None, deque(run.wanted)
        for frame in self._decode_packets(run):
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

    def _decode_packets(self, run: Run) -> Iterator[VideoFrame]:
        """Decode a run's packets, but skip those that no wanted frame needs."""
        wanted, start = set(run.wanted), self._reader.table.times[run.first]
        check = _HeaderCheck(self._reader, run.first) if self._reader.is_from_index else None
        # Pictures shown before the last wanted one may come after it in the file.
        ahead = self._reader.reorder_depth + 1 if check else 0
        context = None
        try:
            for index, packet in enumerate(self._reader.packets(run.first, run.last + ahead), run.first):
                context = self._reader.stream.codec_context
                if packet.pts not in wanted and _is_before(packet.pts, start):
                    continue  # an open GOP's leading frames need the previous entry; no later frame needs them
                if check is not None:
                    check.add(packet)
                if index > run.last:
                    continue
                droppable = context.name in _DROPPABLE_CODECS and packet.pts not in wanted
                context.skip_frame = "NONREF" if droppable else "DEFAULT"
                errors_before = _logged_errors()
                frames = context.decode(packet)
                if _logged_errors() != errors_before:
                    raise NotAsPlannedError("pictures that the decoder complains of")
                yield from frames
            if context is not None:
                yield from context.decode(None)
        except av.FFmpegError as error:
            raise NotAsPlannedError(f"the decoder: {error.strerror}") from None
        finally:
            if context is not None:
                context.flush_buffers()


def _logged_errors() -> int:
    """How many errors FFmpeg has logged in this process: it does not flag every frame that it conceals."""
    if av.logging.get_level() is None:
        av.logging.set_level(av.logging.FATAL)  # errors are counted from then on, and hardly any are printed
    return av.logging.get_last_error()[0]


def _is_before(time: int | None, other: int | None) -> bool:
    """Whether both times exist, and the first is earlier."""
    return time is not None and other is not None and time < other


class _BadEntryError(Exception):
    """Decoding cannot start at a packet that the container's index marks as a key frame."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index


class _HeaderCheck:
    """Checks the picture headers of a run against a table that was built from the container's index alone."""

    def __init__(self, reader: PacketReader, first: int) -> None:
        self._parser = headers.make_parser(reader.stream.codec_context)
        self._first = first
        self._pictures: list[tuple[tuple[int, int], int]] = []
        self._has_begun = False

    def add(self, packet: Packet[Any]) -> None:
        """Check the next packet of the run; raises NotAsPlannedError if it contradicts the table."""
        if self._parser is None:
            raise NotAsPlannedError("no reader of its picture headers")
        try:
            picture = self._parser.parse(memoryview(packet))
        except (ValueError, IndexError) as error:
            raise NotAsPlannedError(str(error)) from None
        if not self._has_begun and not picture.is_entry:
            raise _BadEntryError(self._first)
        if picture.parameter_sets_changed:
            raise NotAsPlannedError("parameter sets that change on the way")
        self._has_begun = True
        if picture.is_shown and packet.pts is not None:
            entry = ((picture.sequence, picture.order), packet.pts)
            index = bisect_left(self._pictures, entry)
            before, after = self._pictures[index - 1 : index], self._pictures[index : index + 1]
            if any(pts >= packet.pts for _, pts in before) or any(pts <= packet.pts for _, pts in after):
                raise NotAsPlannedError("presentation times that are not in the order of the pictures")
            self._pictures.insert(index, entry)
