"""An open file: its video stream, its packet table, and any stretch of its packets."""

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
from actionpairs.video import headers, index
from actionpairs.video.clock import Joined
from actionpairs.video.index import PacketTable
from actionpairs.video.timeline import TimeZero

_INDEXED = "mov,mp4,m4a,3gp,3g2,mj2"  # its demuxer reads an index of every packet when it opens a file
# Containers without an index to seek by: they are read from front to back.
_UNSEEKABLE = frozenset({"mpegts", "mpeg", "h264", "hevc", "m4v"})
_WORTH_A_SEEK_PACKETS = 8
_USUAL_RATE = Fraction(25)
_BUFFER_BYTES = 32 << 10  # by which a demuxer reads ahead


class NotAsPlannedError(Exception):
    """What comes out of a file is not what its packet table foretold; the message says what."""


class Reader:
    """The video stream of a file that players show, and a cursor that moves over its packets.

    source: a path, or a file that can seek. at_work: called before every packet that is read, so that somebody
    can watch whether things go on. Raises VideoError where it cannot be opened as a video.

    The table of a far file is made of its container's index where it has one, and no picture is read for it.
    """

    def __init__(self, source: str | BinaryIO, *, time_zero: TimeZero, at_work: Callable[[], object]) -> None:
        self._source = source
        self._far = source if isinstance(source, RangedFile) else None
        self._at_work = at_work
        self.stream: VideoStream = self._open()
        sends_ahead = self._joined is not None  # transport and program streams send sound before its pictures
        self.start = index.Start(self._sound_seconds(), sends_ahead, time_zero)
        context = self.stream.codec_context
        self.size = (context.width, context.height)  # in pixels, as the container or the first pictures say
        self.reorder_depth = context.reorder_depth
        rate = self.stream.average_rate or self.stream.base_rate or _USUAL_RATE
        self.step = round(1 / (rate * self.stream.time_base)) if self.stream.time_base else 0
        self.is_planned_blank = False
        self._packets: Iterator[Packet[Any]] = iter(())
        try:
            self.table: PacketTable = self._indexed() or self._read()
        except VideoError:
            self.close()
            raise
        self._place_of = {time: place for place, time in enumerate(self.table.times) if time is not None}
        self._place = len(self.table.times)  # of the packet that comes next

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def stretch(self, first: int, last: int) -> Iterator[Packet[Any]]:
        """The packets from one place of the table to another, both included.

        Raises NotAsPlannedError where they are not those of the table.
        """
        if self._far is not None and self.is_planned_blank:
            entries = self.stream.index_entries[first : last + 1]
            stop = max(entry.pos + entry.size for entry in entries)
            self._far.expect(min(entry.pos for entry in entries), stop + _BUFFER_BYTES)
        last = min(last, len(self.table.times) - 1)
        self._go_to(first)
        while self._place <= last:
            packet = self._next()
            if packet is None or packet.pts != self.table.times[self._place]:
                raise NotAsPlannedError("the packets are others when they are read again")
            self._place += 1
            if self._place > first:  # the place behind the packet
                yield packet

    def strike_entry(self, place: int) -> None:
        """Decoding cannot begin at a place of the table; NotAsPlannedError where there is none before."""
        if place == 0:
            raise NotAsPlannedError("decoding cannot begin where the container says so")
        self.table = replace(self.table, entries=tuple(entry for entry in self.table.entries if entry != place))

    def every(self) -> Iterator[Packet[Any]]:
        """All packets that hold data, from the first to where the file ends or cannot be read on."""
        self._reopen()
        while (packet := self._next()) is not None:
            yield packet

    def _read(self) -> PacketTable:
        return self._table(self._demux(), blank=False)

    def _table(self, packets: Iterator[Packet[Any]], *, blank: bool) -> PacketTable:
        if self.stream.time_base is None:
            raise VideoError("the video stream has no time base.", cure=_CURE)
        table = index.read(
            packets,
            self.stream.time_base,
            start=self.start,
            headers=headers.reader(self.stream.codec_context),
            reorder_depth=self.reorder_depth,
            blank=blank,
        )
        if self._joined is not None and self._joined.seams:
            return replace(table, doubt=table.doubt or "a clock that starts anew on the way")
        return table

    def _indexed(self) -> PacketTable | None:
        """The table of a far file by its container's index; None where it has none, or one of other packets."""
        if self._far is None or not self._has_index:
            return None
        entries = [(entry.pos, entry.size, entry.is_keyframe) for entry in self.stream.index_entries]
        agreed = 0

        def noted() -> Iterator[Packet[Any]]:
            nonlocal agreed
            for packet in filter(index.is_frame, self._demux()):
                if agreed == len(entries) or (packet.pos, packet.size) != entries[agreed][:2]:
                    agreed = -1
                    return
                packet.is_keyframe = entries[agreed][2]  # the demuxer may have looked for keys in blank pictures
                agreed += 1
                yield packet

        # The demuxer tells times and order by itself; what it reads of the pictures does not matter.
        table = None
        with suppress(VideoError), self._far.blanked(index.parts(self._container.streams)):
            table = self._table(noted(), blank=True)
        self._reopen()  # what the demuxer has read ahead is blank
        if table is None or agreed < 0:
            return None
        self.is_planned_blank = True
        return table

    @property
    def _has_index(self) -> bool:
        return self._far is not None and self._container.format.name == _INDEXED

    def _open(self) -> VideoStream:
        if not isinstance(self._source, str):
            self._source.seek(0)
        self._at_work()
        try:
            self._container: InputContainer = av.open(self._source, mode="r", metadata_errors="replace")
        except (av.FFmpegError, OSError) as error:
            text = getattr(error, "strerror", None) or error
            raise VideoError(f"cannot be opened as a video: {text}.", cure=_CURE) from None
        # PyAV asks FFmpeg to make up times that are missing. ffmpeg does not, and leaves them to the decoder.
        self._container.flags &= ~int(ContainerFlags.gen_pts.value)  # type: ignore[call-overload]
        try:
            stream = _shown_stream(self._container)
        except VideoError:
            self.close()
            raise
        # As players do: a stream that nobody looks at must not end the reading where it is broken.
        for other in self._container.streams:
            other.discard = Discard.default if other is stream else Discard.all
        # One thread here, one process per core outside: frames come out in order and cores stay busy.
        stream.codec_context.thread_count = 1
        stream.codec_context.copy_opaque = True  # a frame says which packet it came from
        flags = int(self._container.format.flags)
        has_seams = bool(flags & int(Flags.ts_discont.value))  # type: ignore[call-overload]  # an int
        self._joined = Joined(stream.time_base) if has_seams and stream.time_base else None
        return stream

    def _sound_seconds(self) -> Fraction | None:
        """When sound begins, by the container; None where there is none."""
        begins = [
            each.start_time * each.time_base
            for each in self._container.streams.audio
            if each.start_time is not None and each.time_base is not None
        ]
        return min(begins, default=None)

    def _demux(self) -> Iterator[Packet[Any]]:
        self._at_work()
        while True:
            try:
                for packet in self._container.demux(self.stream):
                    if self._joined is not None:
                        self._joined.correct(packet)
                    yield packet
                    self._at_work()
            except IndexError:
                continue  # a packet of a stream that began in mid-file, which PyAV does not know: it is behind us
            return

    def _next(self) -> Packet[Any] | None:
        # What cannot be read is not there, as for the ffmpeg command.
        with suppress(av.FFmpegError):
            for packet in self._packets:
                if index.is_frame(packet):
                    return packet
        return None

    def _go_to(self, place: int) -> None:
        """Stand at a packet, or at one not far before it."""
        ahead = place - self._place
        seekable = self._container.format.name not in _UNSEEKABLE
        if ahead >= 0 and (ahead <= _WORTH_A_SEEK_PACKETS or not seekable):
            return
        if not (seekable and self._seek(place)):
            self._reopen()

    def _reopen(self) -> None:
        """Stand at the first packet."""
        self.close()
        self.stream = self._open()
        self._packets, self._place = self._demux(), 0

    def _seek(self, place: int) -> bool:
        """Seek to a packet at or before a place; False where that leads behind it, or to one that is not known."""
        target = self.table.times[place]
        if target is None:
            return False
        try:
            self._container.seek(target, stream=self.stream, backward=True)
            packets = self._demux()
            landed = next((packet for packet in packets if index.is_frame(packet)), None)
        except av.FFmpegError:
            return False
        at = None if landed is None or landed.pts is None else self._place_of.get(landed.pts)
        if landed is None or at is None or at > place:
            return False
        self._packets, self._place = chain([landed], packets), at
        return True


def _shown_stream(container: InputContainer) -> VideoStream:
    """The stream that players show: marked default, no still picture; of several, as FFmpeg finds the best."""
    stills = Disposition.attached_pic | Disposition.timed_thumbnails
    moving = [each for each in container.streams.video if not each.disposition & stills]
    if not moving:
        raise NoVideoStreamError("no video stream.", cure="Give the file that has the pictures, not the sound.")
    decodable = [each for each in moving if getattr(each, "codec_context", None) is not None]
    if not decodable:
        raise VideoError("coded in a way that is not known here.", cure=_CURE)
    best = container.streams.best("video")
    return best if isinstance(best, VideoStream) and best in decodable else decodable[0]


_CURE = "Play the file to see whether it is whole; download it again or convert it with ffmpeg."
