"""Read packets of a video file: its stream, its packet table, and any range of its packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import Any, BinaryIO

import av
from av.container import Flags as ContainerFlags
from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from actionpairs.errors import NoVideoStreamError, VideoError
from actionpairs.ranges import RangedFile
from actionpairs.video import headers, packet_table
from actionpairs.video.clock import DiscontinuityFixer
from actionpairs.video.packet_table import PacketTable
from actionpairs.video.timeline import TimeZero

_MP4_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2"  # this demuxer loads an index of all packets when it opens a file
# Containers without an index for seeking: they are read from start to end.
_UNSEEKABLE = frozenset({"mpegts", "mpeg", "h264", "hevc", "m4v"})
_MIN_SEEK_PACKETS = 8  # nearer packets are read and dropped, which is faster
_DEFAULT_RATE = Fraction(25)
_BUFFER_BYTES = 32 << 10  # how far a demuxer reads ahead


class NotAsPlannedError(Exception):
    """The decoded frames or packets differ from the packet table; the message says how."""


class PacketReader:
    """The video stream that players show, and a cursor over its packets.

    source: a path, or a seekable file. on_packet: called before every packet that is read, so that a caller can
    detect a hang. Raises VideoError if it cannot be opened as a video.

    The table of a remote MP4 is built from the container's index; no picture is downloaded for it.
    """

    def __init__(self, source: str | BinaryIO, *, time_zero: TimeZero, on_packet: Callable[[], object]) -> None:
        self._source = source
        self._ranged_file = source if isinstance(source, RangedFile) else None
        self._on_packet = on_packet
        self.stream: VideoStream = self._open()
        # Transport and program streams send sound before the pictures that it belongs to.
        sends_ahead = self._discontinuity_fixer is not None
        self.origin_rule = packet_table.OriginRule(self._sound_seconds(), sends_ahead, time_zero)
        context = self.stream.codec_context
        self.size = (context.width, context.height)  # in pixels, by the container or the first picture
        self.reorder_depth = context.reorder_depth
        rate = self.stream.average_rate or self.stream.base_rate or _DEFAULT_RATE
        self.frame_step = round(1 / (rate * self.stream.time_base)) if self.stream.time_base else 0
        self.is_from_index = False
        self._packets: Iterator[Packet[Any]] = iter(())
        try:
            self.table: PacketTable = self._table_from_index() or self._table_from_packets()
        except VideoError:
            self.close()
            raise
        self._index_of = {time: index for index, time in enumerate(self.table.times) if time is not None}
        self._next_index = len(self.table.times)  # of the packet that is read next

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def packets(self, first: int, last: int) -> Iterator[Packet[Any]]:
        """The packets with indexes from `first` to `last` of the table, both included.

        Raises NotAsPlannedError if they differ from the table.
        """
        if self._ranged_file is not None and self.is_from_index:
            entries = self.stream.index_entries[first : last + 1]
            stop = max(entry.pos + entry.size for entry in entries)
            self._ranged_file.expect(min(entry.pos for entry in entries), stop + _BUFFER_BYTES)
        last = min(last, len(self.table.times) - 1)
        self._move_to(first)
        while self._next_index <= last:
            packet = self._next_packet()
            if packet is None or packet.pts != self.table.times[self._next_index]:
                raise NotAsPlannedError("the packets are others when they are read again")
            self._next_index += 1
            if self._next_index > first:  # it is already the index after the packet
                yield packet

    def remove_entry(self, index: int) -> None:
        """Remove an entry where decoding cannot start; raises NotAsPlannedError for the first packet."""
        if index == 0:
            raise NotAsPlannedError("decoding cannot begin where the container says so")
        self.table = replace(self.table, entries=tuple(entry for entry in self.table.entries if entry != index))

    def all_packets(self) -> Iterator[Packet[Any]]:
        """All packets with data, from the first to the end of the file or to a read error."""
        self._reopen()
        while (packet := self._next_packet()) is not None:
            yield packet

    def _table_from_packets(self) -> PacketTable:
        return self._build_table(self._demux(), from_index=False)

    def _build_table(self, packets: Iterator[Packet[Any]], *, from_index: bool) -> PacketTable:
        if self.stream.time_base is None:
            raise VideoError("the video stream has no time base.", cure=_CURE)
        table = packet_table.build_packet_table(
            packets,
            self.stream.time_base,
            origin_rule=self.origin_rule,
            parser=headers.make_parser(self.stream.codec_context),
            reorder_depth=self.reorder_depth,
            from_index=from_index,
        )
        if self._discontinuity_fixer is not None and self._discontinuity_fixer.discontinuities:
            return replace(table, problem=table.problem or "a clock that starts anew on the way")
        return table

    def _table_from_index(self) -> PacketTable | None:
        """The table of a remote file from its container's index; None if it has none, or one that is wrong."""
        if self._ranged_file is None or not self._has_index:
            return None
        entries = [(entry.pos, entry.size, entry.is_keyframe) for entry in self.stream.index_entries]
        matched = 0

        def indexed_packets() -> Iterator[Packet[Any]]:
            nonlocal matched
            for packet in filter(packet_table.has_data, self._demux()):
                if matched == len(entries) or (packet.pos, packet.size) != entries[matched][:2]:
                    matched = -1
                    return
                packet.is_keyframe = entries[matched][2]  # the demuxer may have looked at the zeroed payload
                matched += 1
                yield packet

        # Times and order come from the index, so the payload can be read as zeros instead of being downloaded.
        table = None
        with suppress(VideoError), self._ranged_file.zeroed(packet_table.indexed_ranges(self._container.streams)):
            table = self._build_table(indexed_packets(), from_index=True)
        self._reopen()  # the demuxer has zeros in its buffer
        if table is None or matched < 0:
            return None
        self.is_from_index = True
        return table

    @property
    def _has_index(self) -> bool:
        return self._ranged_file is not None and self._container.format.name == _MP4_FORMATS

    def _open(self) -> VideoStream:
        if not isinstance(self._source, str):
            self._source.seek(0)
        self._on_packet()
        try:
            self._container: InputContainer = av.open(self._source, mode="r", metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            text = getattr(error, "strerror", None) or error
            raise VideoError(f"cannot be opened as a video: {text}.", cure=_CURE) from None
        # PyAV makes FFmpeg invent missing times. The ffmpeg command does not: the decoder supplies them.
        self._container.flags &= ~int(ContainerFlags.gen_pts.value)  # type: ignore[call-overload]
        try:
            stream = _select_stream(self._container)
        except VideoError:
            self.close()
            raise
        # As players do: damage in another stream must not end the reading.
        for other in self._container.streams:
            other.discard = Discard.default if other is stream else Discard.all
        # One thread per decoder and one process per core: frames come out in order and all cores are used.
        stream.codec_context.thread_count = 1
        stream.codec_context.copy_opaque = True  # a frame carries the index of its packet
        flags = int(self._container.format.flags)
        may_jump = bool(flags & int(Flags.ts_discont.value))  # type: ignore[call-overload]  # an int
        self._discontinuity_fixer = DiscontinuityFixer(stream.time_base) if may_jump and stream.time_base else None
        return stream

    def _sound_seconds(self) -> Fraction | None:
        """When sound starts, according to the container; None if there is no sound."""
        begins = [
            each.start_time * each.time_base
            for each in self._container.streams.audio
            if each.start_time is not None and each.time_base is not None
        ]
        return min(begins, default=None)

    def _demux(self) -> Iterator[Packet[Any]]:
        self._on_packet()
        while True:
            try:
                for packet in self._container.demux(self.stream):
                    if self._discontinuity_fixer is not None:
                        self._discontinuity_fixer.correct(packet)
                    yield packet
                    self._on_packet()
            except IndexError:
                continue  # PyAV raises for a packet of a stream that started in mid-file; that packet is skipped
            return

    def _next_packet(self) -> Packet[Any] | None:
        # A read error ends the file, as in the ffmpeg command.
        with suppress(av.FFmpegError):
            for packet in self._packets:
                if packet_table.has_data(packet):
                    return packet
        return None

    def _move_to(self, index: int) -> None:
        """Move the cursor to a packet, or to one not far before it."""
        ahead = index - self._next_index
        seekable = self._container.format.name not in _UNSEEKABLE
        if ahead >= 0 and (ahead <= _MIN_SEEK_PACKETS or not seekable):
            return
        if not (seekable and self._seek(index)):
            self._reopen()

    def _reopen(self) -> None:
        """Open the file again, with the cursor at the first packet."""
        self.close()
        self.stream = self._open()
        self._packets, self._next_index = self._demux(), 0

    def _seek(self, index: int) -> bool:
        """Seek to a packet at or before `index`; False if the seek lands after it or on an unknown packet."""
        target = self.table.times[index]
        if target is None:
            return False
        try:
            self._container.seek(target, stream=self.stream, backward=True)
            packets = self._demux()
            landed = next((packet for packet in packets if packet_table.has_data(packet)), None)
        except av.FFmpegError:
            return False
        at = None if landed is None or landed.pts is None else self._index_of.get(landed.pts)
        if landed is None or at is None or at > index:
            return False
        self._packets, self._next_index = chain([landed], packets), at
        return True


def _select_stream(container: InputContainer) -> VideoStream:
    """The stream that players show: FFmpeg's best video stream that is no still picture."""
    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    video_streams = [each for each in container.streams.video if not each.disposition & stills]
    if not video_streams:
        raise NoVideoStreamError("no video stream.", cure="Give the file that has the pictures, not the sound.")
    decodable = [each for each in video_streams if getattr(each, "codec_context", None) is not None]
    if not decodable:
        raise VideoError("coded in a way that is not known here.", cure=_CURE)
    best = container.streams.best("video")
    return best if isinstance(best, VideoStream) and best in decodable else decodable[0]


_CURE = "Play the file to see whether it is whole; download it again or convert it with ffmpeg."
