"""The packet table: when every frame is shown and where decoding can begin, without decoding any."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

import av
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from actionpairs.errors import VideoError

# What an annotation's time 0 means: the first frame shown, as in players and in ffmpeg, or the file's own clock.
TimeZero = Literal["first frame", "pts"]
# An annotation's time is a rounded number; a frame this near to it counts as shown at it.
_SLACK_SECONDS = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class PacketTable:
    """The packets of one video stream; times are in units of `time_base` seconds.

    `order` has the presentation time of every packet as they stand in the file, which is decoding order;
    `shown` those of the frames that a player shows, ascending; `end` is when the last one leaves the screen;
    `keys` are the places in `order` where decoding can begin. `origin` is the time that seconds count from.
    """

    time_base: Fraction
    order: tuple[int | None, ...]
    shown: tuple[int, ...]
    keys: tuple[int, ...]
    end: int
    origin: int

    @property
    def end_seconds(self) -> float:
        """When the last frame leaves the screen."""
        return self.seconds_of(self.end)

    def seconds_of(self, pts: int) -> float:
        """A presentation time in seconds from the origin."""
        return float((pts - self.origin) * self.time_base)

    def on_screen_at(self, seconds: float) -> int:
        """The frame on screen at a time: the last one with pts <= time."""
        return self.shown[max(bisect_right(self.shown, self._ticks(seconds, _SLACK_SECONDS)) - 1, 0)]

    def last_before(self, seconds: float) -> int:
        """The last frame that comes on screen before a time: the last one with pts < time."""
        return self.shown[max(bisect_left(self.shown, self._ticks(seconds, -_SLACK_SECONDS)) - 1, 0)]

    def _ticks(self, seconds: float, slack: Fraction) -> Fraction:
        # Fraction(str(…)) is the decimal number that the annotator wrote, not its binary neighbour.
        return (Fraction(str(seconds)) + slack) / self.time_base + self.origin


def is_frame(packet: Packet[Any]) -> bool:
    """Whether a packet holds a frame; the last one that a demuxer gives does not."""
    return packet.size > 0


def parts(streams: Iterable[Stream]) -> list[tuple[int, int]]:
    """Where a file's packets lie by its index: bytes [start, stop), ascending and apart."""
    entries = (entry for each in streams for entry in each.index_entries)
    found: list[tuple[int, int]] = []
    for start, stop in sorted((entry.pos, entry.pos + entry.size) for entry in entries):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], stop)
        else:
            found.append((start, stop))
    return found


def read(packets: Iterable[Packet[Any]], stream: VideoStream, *, time_zero: TimeZero) -> PacketTable:
    """Read the packet table in one pass over a stream's packets; raises VideoError where there is none."""
    if stream.time_base is None:
        raise VideoError("the video stream has no time base.", cure=_CURE)
    order: list[int | None] = []
    keys: list[int] = []
    shown: list[int] = []
    last_duration = 0
    try:
        for packet in packets:
            if not is_frame(packet):
                continue
            if packet.is_keyframe:
                keys.append(len(order))
            order.append(packet.pts)
            if packet.pts is not None and not packet.is_discard:
                shown.append(packet.pts)
                last_duration = packet.duration or last_duration
    except av.FFmpegError as error:
        if not shown:
            raise VideoError(f"cannot be read: {error.strerror}.", cure=_CURE) from None
    if not shown:
        raise VideoError("no frame with a presentation time.", cure=_CURE)
    shown.sort()
    steps = sorted(after - before for before, after in pairwise(shown))
    typical = steps[len(steps) // 2] if steps else 0
    return PacketTable(
        time_base=stream.time_base,
        order=tuple(order),
        shown=tuple(shown),
        keys=tuple(keys),
        end=shown[-1] + (last_duration or typical),
        origin=shown[0] if time_zero == "first frame" else 0,
    )


_CURE = "Play the file to see whether it is whole; download it again or convert it with ffmpeg."
