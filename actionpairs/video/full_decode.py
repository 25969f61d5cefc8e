"""A video's frames by a full decode, for files whose packet table cannot be trusted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.frame import VideoFrame

from actionpairs.errors import VideoError
from actionpairs.records import Reason
from actionpairs.video import headers
from actionpairs.video.clock import FrameClock
from actionpairs.video.packet_table import median_step
from actionpairs.video.reader import PacketReader
from actionpairs.video.scaling import FrameError, Picture, Scaler
from actionpairs.video.timeline import Timeline

_FLUSHES = 64  # more frames than any decoder holds
_DAMAGED = FrameError(Reason.DAMAGED_PICTURE, "damaged, or made from a frame that is")
_MISSING = FrameError(Reason.DECODE_ERROR, "the decoder gives it once and not again")


@dataclass(frozen=True, slots=True)
class _FrameInfo:
    """A decoded frame without its pixels. index: of the packet that it came from."""

    time: int
    index: int
    is_key: bool
    is_corrupt: bool
    duration: int


class FullDecode:
    """All frames of a video, decoded from the first packet to the last, including the flush.

    The first pass records when each frame is shown; `pictures` decodes again and keeps the wanted frames. Raises
    VideoError if no frame can be decoded.
    """

    def __init__(self, reader: PacketReader) -> None:
        self._reader = reader
        self._failed: list[int] = []  # indexes of packets
        self._aspect_changes: dict[int, Fraction | None] = {}  # from a packet on: its pixel aspect
        clock = FrameClock(reader.frame_step)
        self._frames = [
            _FrameInfo(clock.time_of(frame), index, frame.key_frame, frame.is_corrupt, frame.duration)
            for index, frame in self._decode_all(self._failed)
        ]
        if not self._frames:
            raise VideoError("no frame of it can be decoded.", cure="Play the file to see whether it is whole.")
        # The sort is stable: frames with the same time stay in decoder order.
        self._order = sorted(range(len(self._frames)), key=lambda number: self._frames[number].time)
        self.timeline = self._timeline()
        self._damaged = self._find_damaged()

    @property
    def frame_count(self) -> int:
        """How many frames one pass decodes."""
        return len(self._frames)

    def pictures(self, positions: Sequence[int], scaler: Scaler) -> Iterator[tuple[int, Picture | FrameError]]:
        """The pictures at positions of the timeline, ascending."""
        wanted = sorted(set(positions))
        position_of = {self._order[position]: position for position in wanted}
        ready: dict[int, Picture | FrameError] = {}
        waiting = iter(wanted)
        awaited = next(waiting, None)
        for number, (index, frame) in enumerate(self._decode_all([])):
            position = position_of.pop(number, None)
            if position is not None:
                changes = reversed(self._aspect_changes.items())
                aspect = next((new for first, new in changes if first <= index), None)
                ready[position] = _DAMAGED if number in self._damaged else scaler.picture(frame, aspect=aspect)
            while awaited is not None and awaited in ready:
                yield awaited, ready.pop(awaited)
                awaited = next(waiting, None)
            if not position_of:
                break
        while awaited is not None:
            yield awaited, ready.pop(awaited, _MISSING)
            awaited = next(waiting, None)

    def _decode_all(self, failed: list[int]) -> Iterator[tuple[int, VideoFrame]]:
        """Every frame with its packet's index; adds indexes of pictures that cannot be decoded to `failed`."""
        index, has_begun, aspect = 0, False, None
        for index, packet in enumerate(self._reader.all_packets()):
            # A tuple, not the int: PyAV keeps opaque objects by identity, and small ints are shared objects.
            packet.opaque = (index,)
            context = self._reader.stream.codec_context
            try:
                frames = context.decode(packet)
                if has_begun and aspect != context.sample_aspect_ratio:
                    self._aspect_changes[index] = context.sample_aspect_ratio
                aspect = context.sample_aspect_ratio
                for frame in frames:
                    has_begun = True
                    yield _packet_index(frame, index), frame
            except av.FFmpegError:
                # An error before the first frame, or in a packet without a picture, loses nothing.
                if has_begun and headers.has_picture(context, memoryview(packet)):
                    failed.append(index)
        for _ in range(_FLUSHES):  # an error does not end the flushing
            with suppress(av.FFmpegError):
                flushed = self._reader.stream.codec_context.decode(None)
                if not flushed:
                    break
                for frame in flushed:
                    yield _packet_index(frame, index), frame

    def _timeline(self) -> Timeline:
        time_base = self._reader.table.timeline.time_base
        frame_times = tuple(self._frames[number].time for number in self._order)
        table = self._reader.table
        sent = (time for index, time in enumerate(table.times) if index not in table.hidden)
        return Timeline(
            time_base,
            frame_times,
            frame_times[-1] + (self._frames[self._order[-1]].duration or median_step(frame_times)),
            self._reader.origin_rule.origin(frame_times[0], sent, time_base),
        )

    def _find_damaged(self) -> frozenset[int]:
        """Frames that are damaged or predicted from damage: all up to the next key frame."""
        damaged_packets = sorted({*self._failed, *(info.index for info in self._frames if info.is_corrupt)})
        keys = sorted((info.index, info.time) for info in self._frames if info.is_key and not info.is_corrupt)
        key_indexes = [index for index, _ in keys]

        def is_damaged(info: _FrameInfo) -> bool:
            last = bisect_right(damaged_packets, info.index) - 1
            if last < 0:
                return False
            next_key = bisect_right(key_indexes, damaged_packets[last])
            # Leading frames come after a key frame in the file, are shown before it, and need earlier frames.
            return next_key == len(keys) or info.index < keys[next_key][0] or info.time < keys[next_key][1]

        if not damaged_packets:
            return frozenset()
        return frozenset(number for number, info in enumerate(self._frames) if is_damaged(info))


def _packet_index(frame: VideoFrame, latest: int) -> int:
    return frame.opaque[0] if isinstance(frame.opaque, tuple) else latest
