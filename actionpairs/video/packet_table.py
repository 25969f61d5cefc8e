"""The packet table: when every frame is shown and where decoding can start, without decoding.

If `problem` is not empty, the table cannot be trusted and the video needs a full decode.
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
from actionpairs.video.picture_header import HeaderParser, PictureHeader
from actionpairs.video.timeline import Timeline, TimeZero, origin


@dataclass(frozen=True, slots=True)
class PacketTable:
    """The packets of one video stream in file order, which is decoding order.

    times: the presentation time of every packet. entries: indexes of packets where decoding can start. hidden:
    indexes of packets whose picture is decoded but not shown. problem: why the table cannot be trusted, or "".
    read_error: the error that ended the reading of the file early, or "".
    """

    times: tuple[int | None, ...]
    entries: tuple[int, ...]
    hidden: frozenset[int]
    timeline: Timeline
    problem: str
    read_error: str = ""


@dataclass(frozen=True, slots=True)
class OriginRule:
    """Where second 0 of a file is, given its first frame.

    sound_seconds: when the sound starts, or None. sends_ahead: the container sends sound before its pictures, so
    sound before the first video packet does not count. time_zero: what time 0 means.
    """

    sound_seconds: Fraction | None
    sends_ahead: bool
    time_zero: TimeZero

    def origin(self, first: int, packets: Iterable[int | None], time_base: Fraction) -> int:
        """The time, in ticks, that is second 0.

        first: the time of the first frame. packets: the times of all packets with a shown picture, in file order.
        """
        sound = self.sound_seconds
        if sound is not None and self.sends_ahead:
            sent = next((time for time in packets if time is not None), first)
            sound = max(sound, sent * time_base)
        return origin(first, time_base, sound_seconds=sound, time_zero=self.time_zero)


def has_data(packet: Packet[Any]) -> bool:
    """Whether a packet holds data; a demuxer's last packet and those of dropped frames are empty."""
    return packet.size > 0


def indexed_ranges(streams: Iterable[Stream]) -> list[tuple[int, int]]:
    """The byte ranges [start, stop) of all packets in a file's index, ascending and merged."""
    entries = (entry for each in streams for entry in each.index_entries)
    ranges: list[tuple[int, int]] = []
    for start, stop in sorted((entry.pos, entry.pos + entry.size) for entry in entries):
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], stop)
        else:
            ranges.append((start, stop))
    return ranges


class _TableBuilder:
    """Collects what the table needs in one pass over the packets."""

    def __init__(self, parser: HeaderParser | None, *, from_index: bool) -> None:
        self._parser = parser
        self.times: list[int | None] = []
        self.decoding: list[int | None] = []
        self.latest = (-(1 << 63), 0)  # the latest time, and the duration of its frame
        self.keys: list[int] = []
        self.discarded: set[int] = set()
        self.pictures: list[PictureHeader] = []
        self.problem = "" if parser or from_index else "no reader of its picture headers"

    def add_all(self, packets: Iterable[Packet[Any]]) -> str:
        """Add all packets with data; returns the error that ended the reading early, or ""."""
        try:
            for packet in packets:
                if has_data(packet):
                    self._add(packet)
        except av.FFmpegError as error:
            return str(error.strerror)
        return ""

    def _add(self, packet: Packet[Any]) -> None:
        index = len(self.times)
        time = packet.pts
        self.times.append(time)
        if self._parser is None:
            self.decoding.append(packet.dts)
            if packet.is_keyframe:
                self.keys.append(index)
        if packet.is_discard:
            self.discarded.add(index)
        elif time is not None and time > self.latest[0]:
            self.latest = time, packet.duration or 0
        if index and packet.has_sidedata("new_extradata"):
            self.problem = self.problem or "several sample descriptions"
        if packet.is_corrupt:
            self.problem = self.problem or f"packet {index}: damaged, or not all there"
        if self._parser and not self.problem:
            try:
                picture = self._parser.parse(memoryview(packet))
            except (ValueError, IndexError) as error:
                self.problem = f"packet {index}: {error}"
            else:
                self.pictures.append(picture)
                if picture.parameter_sets_changed:
                    self.problem = "parameter sets that change on the way"

    @property
    def hidden(self) -> set[int]:
        """Indexes of packets whose picture is not shown."""
        return self.discarded | {index for index, picture in enumerate(self.pictures) if not picture.is_shown}


def build_packet_table(
    packets: Iterable[Packet[Any]],
    time_base: Fraction,
    *,
    origin_rule: OriginRule,
    parser: HeaderParser | None,
    reorder_depth: int,
    from_index: bool = False,
) -> PacketTable:
    """Build the packet table in one pass over a stream's packets; raises VideoError if there are none.

    parser: parses the picture headers that the table is checked against. reorder_depth: how many frames the
    decoder holds back to reorder them. from_index: the packets have no payload. Then the container's times and key
    flags are used if they do not contradict each other, and headers are checked while decoding.
    """
    builder = _TableBuilder(None if from_index else parser, from_index=from_index)
    read_error = builder.add_all(packets)
    if not builder.times:
        raise VideoError(f"cannot be read: {read_error or 'no frame'}.", cure=_CURE)
    if from_index:
        entries = builder.keys
        problem = builder.problem or _find_time_problem(builder.times, builder.decoding, reorder_depth)
    else:
        entries = [index for index, picture in enumerate(builder.pictures) if picture.is_entry]
        problem = builder.problem or _find_order_problem(builder.times, builder.pictures, reorder_depth)
    hidden = builder.hidden
    if entries[:1] != [0]:
        problem = problem or "it does not begin at a picture that can be decoded alone"
    if len(hidden) == len(builder.times):
        problem = problem or "no packet whose picture is shown"
    return PacketTable(
        times=tuple(builder.times),
        entries=tuple(entries),
        hidden=frozenset(hidden),
        timeline=_timeline(builder, hidden, time_base, origin_rule),
        problem=problem,
        read_error=read_error,
    )


def _timeline(builder: _TableBuilder, hidden: Set[int], time_base: Fraction, origin_rule: OriginRule) -> Timeline:
    """The timeline according to the packets."""
    sent = [time for index, time in enumerate(builder.times) if index not in hidden]
    frame_times = sorted(time for time in sent if time is not None)
    if not frame_times:  # only a full decode knows them
        return Timeline(time_base, (0,), 0, 0)
    latest, duration = builder.latest
    last_duration = duration if latest == frame_times[-1] and duration else median_step(frame_times)
    return Timeline(
        time_base,
        tuple(frame_times),
        frame_times[-1] + last_duration,
        origin_rule.origin(frame_times[0], sent, time_base),
    )


def median_step(times: Sequence[int]) -> int:
    """The median time from one frame to the next; 0 for a single frame."""
    steps = sorted(after - before for before, after in pairwise(times))
    return steps[len(steps) // 2] if steps else 0


def _find_order_problem(times: Sequence[int | None], pictures: Sequence[PictureHeader], reorder_depth: int) -> str:
    """Why a decoder's times will differ from the container's times; "" if they will not.

    A decoder outputs frames in the order of their headers, each with its packet's time. If these times ascend
    strictly, they are also libavcodec's best-effort timestamps (see clock.py).
    """
    if None in times:
        return "packets without a presentation time"
    order = sorted(range(len(pictures)), key=lambda index: (pictures[index].sequence, pictures[index].order))
    in_order = [times[index] for index in order if pictures[index].is_shown]
    if any(before >= after for before, after in pairwise(in_order)):  # type: ignore[operator]  # none is None
        return "presentation times that are not in the order of the pictures"
    if max((index - rank for rank, index in enumerate(order)), default=0) > reorder_depth:
        return "pictures further out of order than the decoder expects"
    return ""


def _find_time_problem(times: Sequence[int | None], decoding: Sequence[int | None], reorder_depth: int) -> str:
    """Why a container's own times contradict each other; "" if they do not.

    Encoders make decoding times by sorting the presentation times and shifting them by the reorder depth. If the
    two lists agree, or all steps are about equal, no single time is wrong.
    """
    present = [time for time in times if time is not None]
    if len(present) < len(times) or len(set(present)) < len(present):
        return "packets without a presentation time of their own"
    ranks = sorted(range(len(present)), key=present.__getitem__)
    depth = max((index - rank for rank, index in enumerate(ranks)), default=0)
    if depth > reorder_depth:
        return "pictures further out of order than the decoder expects"
    if reorder_depth and not depth:
        return "presentation times in decoding order, though the decoder expects another"
    ascending = sorted(present)
    shifts = {after - time for time, after in zip(ascending, decoding[depth:], strict=False) if after is not None}
    step = median_step(ascending)
    even = all(step < 2 * (after - before) < 3 * step for before, after in pairwise(ascending))
    return "" if even or len(shifts) <= 1 else "presentation and decoding times that contradict each other"


_CURE = "Play the file to see whether it is whole; download it again or convert it with ffmpeg."
