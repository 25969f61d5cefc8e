"""A video's frames as a full decode gives them: the truth, wherever a packet table cannot be trusted."""

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
from actionpairs.video.index import typical_step
from actionpairs.video.reader import Reader
from actionpairs.video.scaling import FrameError, Picture, Scaler
from actionpairs.video.timeline import Timeline

_FLUSHES = 64  # more than any decoder holds frames
_DAMAGED = FrameError(Reason.DAMAGED_PICTURE, "damaged, or made from a frame that is")
_GONE = FrameError(Reason.DECODE_ERROR, "the decoder gives it once and not again")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A decoded frame without its pixels. place: of the packet that it came from."""

    time: int
    place: int
    is_key: bool
    is_corrupt: bool
    duration: int


class FullDecode:
    """All frames of a video, decoded from the first packet to the last and flushed.

    A first pass notes when each frame is shown; `pictures` decodes again and keeps those that are wanted. Raises
    VideoError where nothing can be decoded.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._refused: list[int] = []  # places of packets
        self._aspects: dict[int, Fraction | None] = {}  # of pixels, by the packets from which they change
        clock = FrameClock(reader.step)
        self._seen = [
            _Seen(clock.time_of(frame), place, frame.key_frame, frame.is_corrupt, frame.duration)
            for place, frame in self._decoded(self._refused)
        ]
        if not self._seen:
            raise VideoError("no frame of it can be decoded.", cure="Play the file to see whether it is whole.")
        # Frames of one time stay in the order in which the decoder gives them.
        self._order = sorted(range(len(self._seen)), key=lambda number: self._seen[number].time)
        self.timeline = self._timeline()
        self._damaged = self._reached_by_damage()

    @property
    def frame_count(self) -> int:
        """How many frames one pass decodes."""
        return len(self._seen)

    def pictures(self, positions: Sequence[int], scaler: Scaler) -> Iterator[tuple[int, Picture | FrameError]]:
        """The pictures at positions of the timeline, ascending."""
        wanted = sorted(set(positions))
        position_of = {self._order[position]: position for position in wanted}
        held: dict[int, Picture | FrameError] = {}
        waiting = iter(wanted)
        awaited = next(waiting, None)
        for number, (place, frame) in enumerate(self._decoded([])):
            position = position_of.pop(number, None)
            if position is not None:
                aspect = next((new for first, new in reversed(self._aspects.items()) if first <= place), None)
                held[position] = _DAMAGED if number in self._damaged else scaler.picture(frame, aspect=aspect)
            while awaited is not None and awaited in held:
                yield awaited, held.pop(awaited)
                awaited = next(waiting, None)
            if not position_of:
                break
        while awaited is not None:
            yield awaited, held.pop(awaited, _GONE)
            awaited = next(waiting, None)

    def _decoded(self, refused: list[int]) -> Iterator[tuple[int, VideoFrame]]:
        """Every frame with the place of its packet; places of pictures that are refused are added to `refused`."""
        place, has_begun, aspect = 0, False, None
        for place, packet in enumerate(self._reader.every()):
            # Not the number itself: PyAV keeps objects by identity, and small numbers are one object.
            packet.opaque = (place,)
            context = self._reader.stream.codec_context
            try:
                frames = context.decode(packet)
                if has_begun and aspect != context.sample_aspect_ratio:
                    self._aspects[place] = context.sample_aspect_ratio
                aspect = context.sample_aspect_ratio
                for frame in frames:
                    has_begun = True
                    yield _place_of(frame, place), frame
            except av.FFmpegError:
                # Before the first frame, and in a packet without a picture, nothing is lost by it.
                if has_begun and headers.holds_picture(context, memoryview(packet)):
                    refused.append(place)
        for _ in range(_FLUSHES):  # an error does not end the flushing
            with suppress(av.FFmpegError):
                flushed = self._reader.stream.codec_context.decode(None)
                if not flushed:
                    break
                for frame in flushed:
                    yield _place_of(frame, place), frame

    def _timeline(self) -> Timeline:
        time_base = self._reader.table.timeline.time_base
        shown = tuple(self._seen[number].time for number in self._order)
        table = self._reader.table
        sent = (time for place, time in enumerate(table.times) if place not in table.hidden)
        return Timeline(
            time_base,
            shown,
            shown[-1] + (self._seen[self._order[-1]].duration or typical_step(shown)),
            self._reader.start.origin(shown[0], sent, time_base),
        )

    def _reached_by_damage(self) -> frozenset[int]:
        """Frames that are damaged or were predicted from damage, which the next key frame mends."""
        broken = sorted({*self._refused, *(seen.place for seen in self._seen if seen.is_corrupt)})
        keys = sorted((seen.place, seen.time) for seen in self._seen if seen.is_key and not seen.is_corrupt)
        key_places = [place for place, _ in keys]

        def is_reached(seen: _Seen) -> bool:
            last = bisect_right(broken, seen.place) - 1
            if last < 0:
                return False
            mended = bisect_right(key_places, broken[last])
            # Leading frames are decoded after a key frame, shown before it, and need what was before.
            return mended == len(keys) or seen.place < keys[mended][0] or seen.time < keys[mended][1]

        if not broken:
            return frozenset()
        return frozenset(number for number, seen in enumerate(self._seen) if is_reached(seen))


def _place_of(frame: VideoFrame, latest: int) -> int:
    return frame.opaque[0] if isinstance(frame.opaque, tuple) else latest
