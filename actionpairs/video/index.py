"""The packet table: when every frame is shown and where decoding can begin, without decoding any.

It is a plan that has to prove itself. `doubt` says why a file's table proves nothing: then only a full decode
tells its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
from av.packet import Packet
from av.stream import Stream

from actionpairs.errors import VideoError
from actionpairs.video.headers import HeaderReader, PictureHeader
from actionpairs.video.timeline import Timeline, TimeZero, origin


@dataclass(frozen=True, slots=True)
class PacketTable:
    """The packets of one video stream, by their place in the file, which is decoding order.

    times: the presentation time of every packet. entries: the places where decoding can begin. hidden: places of
    packets whose picture is decoded but not shown. doubt: why frames cannot be told from this table, or "".
    stopped: what ended the reading of the file early, or "".
    """

    times: tuple[int | None, ...]
    entries: tuple[int, ...]
    hidden: frozenset[int]
    timeline: Timeline
    doubt: str
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """What the origin of seconds depends on besides the frames shown.

    sound_seconds: when sound begins. sends_ahead: whether sound is sent before the pictures that it belongs to,
    and counts from the first packet of pictures on. time_zero: what time 0 means.
    """

    sound_seconds: Fraction | None
    sends_ahead: bool
    time_zero: TimeZero

    def origin(self, first: int, packets: Iterable[int | None], time_base: Fraction) -> int:
        """The time, in ticks, that seconds count from.

        first: the time of the first frame shown. packets: those of all packets that should show one.
        """
        sound = self.sound_seconds
        if sound is not None and self.sends_ahead:
            sent = next((time for time in packets if time is not None), first)
            sound = max(sound, sent * time_base)
        return origin(first, time_base, sound_seconds=sound, time_zero=self.time_zero)


def is_frame(packet: Packet[Any]) -> bool:
    """Whether a packet holds data; the last one that a demuxer gives does not, nor those of dropped frames."""
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


class _Pass:
    """What one pass over the packets notes."""

    def __init__(self, headers: HeaderReader | None, *, blank: bool) -> None:
        self._headers = headers
        self.times: list[int | None] = []
        self.decoding: list[int | None] = []
        self.latest = (-(1 << 63), 0)  # the latest time, and how long its frame is shown
        self.keys: list[int] = []
        self.discarded: set[int] = set()
        self.pictures: list[PictureHeader] = []
        self.doubt = "" if headers or blank else "no reader of its picture headers"

    def add(self, packet: Packet[Any]) -> None:
        place = len(self.times)
        time = packet.pts
        self.times.append(time)
        if self._headers is None:
            self.decoding.append(packet.dts)
            if packet.is_keyframe:
                self.keys.append(place)
        if packet.is_discard:
            self.discarded.add(place)
        elif time is not None and time > self.latest[0]:
            self.latest = time, packet.duration or 0
        if place and packet.has_sidedata("new_extradata"):
            self.doubt = self.doubt or "several sample descriptions"
        if packet.is_corrupt:
            self.doubt = self.doubt or f"packet {place}: damaged, or not all there"
        if self._headers and not self.doubt:
            try:
                picture = self._headers.read(memoryview(packet))
            except (ValueError, IndexError) as error:
                self.doubt = f"packet {place}: {error}"
            else:
                self.pictures.append(picture)
                if picture.sets_changed:
                    self.doubt = "parameter sets that change on the way"


def read(
    packets: Iterable[Packet[Any]],
    time_base: Fraction,
    *,
    start: Start,
    headers: HeaderReader | None,
    reorder_depth: int,
    blank: bool = False,
) -> PacketTable:
    """Read the packet table in one pass over a stream's packets; raises VideoError where there is none.

    headers: reads the packets' own headers, by which the table is proven. reorder_depth: how many frames the
    decoder holds back to put them in order. blank: the packets are without their pictures; the container's times
    and keys stand for the headers, where they do not contradict each other, until pictures are read.
    """
    noted, stopped = _Pass(None if blank else headers, blank=blank), ""
    try:
        for packet in packets:
            if is_frame(packet):
                noted.add(packet)
    except av.FFmpegError as error:
        stopped = str(error.strerror)
    if not noted.times:
        raise VideoError(f"cannot be read: {stopped or 'no frame'}.", cure=_CURE)
    if blank:
        doubt = noted.doubt or _doubt_of_times(noted.times, noted.decoding, reorder_depth)
        entries = noted.keys
    else:
        doubt = noted.doubt or _doubt_of_order(noted.times, noted.pictures, reorder_depth)
        entries = [place for place, picture in enumerate(noted.pictures) if picture.is_entry]
    if entries[:1] != [0]:
        doubt = doubt or "it does not begin at a picture that can be decoded alone"
    hidden = noted.discarded | {place for place, picture in enumerate(noted.pictures) if not picture.is_shown}
    if len(hidden) == len(noted.times):
        doubt = doubt or "no packet whose picture is shown"
    return PacketTable(
        times=tuple(noted.times),
        entries=tuple(entries),
        hidden=frozenset(hidden),
        timeline=_timeline(noted, hidden, time_base, start),
        doubt=doubt,
        stopped=stopped,
    )


def _timeline(noted: _Pass, hidden: Set[int], time_base: Fraction, start: Start) -> Timeline:
    """When frames are shown, by the packets' word."""
    sent = [time for place, time in enumerate(noted.times) if place not in hidden]
    shown = sorted(time for time in sent if time is not None)
    if not shown:  # only decoding can tell
        return Timeline(time_base, (0,), 0, 0)
    latest, duration = noted.latest
    known = duration if latest == shown[-1] and duration else typical_step(shown)
    return Timeline(time_base, tuple(shown), shown[-1] + known, start.origin(shown[0], sent, time_base))


def typical_step(times: Sequence[int]) -> int:
    """The median time from one frame to the next; 0 where there is but one."""
    steps = sorted(after - before for before, after in pairwise(times))
    return steps[len(steps) // 2] if steps else 0


def _doubt_of_order(times: Sequence[int | None], pictures: Sequence[PictureHeader], reorder_depth: int) -> str:
    """Why the container's times are not those that a decoder will give; "" where they are.

    A decoder gives frames in the order that their headers say, each with its packet's time. Where these times
    ascend strictly, they are also libavcodec's best effort (see clock.py).
    """
    if None in times:
        return "packets without a presentation time"
    order = sorted(range(len(pictures)), key=lambda place: (pictures[place].sequence, pictures[place].order))
    in_order = [times[place] for place in order if pictures[place].is_shown]
    if any(before >= after for before, after in pairwise(in_order)):  # type: ignore[operator]  # none is None
        return "presentation times that are not in the order of the pictures"
    if max((place - rank for rank, place in enumerate(order)), default=0) > reorder_depth:
        return "pictures further out of order than the decoder expects"
    return ""


def _doubt_of_times(times: Sequence[int | None], decoding: Sequence[int | None], reorder_depth: int) -> str:
    """Why a container's own times contradict each other; "" where they do not.

    Encoders take decoding times from the presentation times in ascending order, shifted by the depth of
    reordering; where these two tables agree, or all steps are alike, no single time of either is wrong.
    """
    known = [time for time in times if time is not None]
    if len(known) < len(times) or len(set(known)) < len(known):
        return "packets without a presentation time of their own"
    ranks = sorted(range(len(known)), key=known.__getitem__)
    depth = max((place - rank for rank, place in enumerate(ranks)), default=0)
    if depth > reorder_depth:
        return "pictures further out of order than the decoder expects"
    if reorder_depth and not depth:
        return "presentation times in decoding order, though the decoder expects another"
    shown = sorted(known)
    shifts = {after - time for time, after in zip(shown, decoding[depth:], strict=False) if after is not None}
    step = typical_step(shown)
    even = all(step < 2 * (after - before) < 3 * step for before, after in pairwise(shown))
    return "" if even or len(shifts) <= 1 else "presentation and decoding times that contradict each other"


_CURE = "Play the file to see whether it is whole; download it again or convert it with ffmpeg."
