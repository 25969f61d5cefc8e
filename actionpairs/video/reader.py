"""An open file: its packet table, and any stretch of its packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from actionpairs.errors import NoVideoStreamError, VideoError
from actionpairs.ranges import RangedFile
from actionpairs.video import index
from actionpairs.video.index import PacketTable, TimeZero

# Containers without an index to seek by: they are read from front to back.
_INDEXED = "mov,mp4,m4a,3gp,3g2,mj2"  # its demuxer reads an index of every packet when it opens a file
_UNSEEKABLE = frozenset({"mpegts", "mpeg", "h264", "hevc", "m4v"})
_WORTH_A_SEEK_PACKETS = 8
_BUFFER_BYTES = 32 << 10  # by which a demuxer reads ahead


class KeysDifferError(Exception):
    """A file's index calls other packets keys than its pictures do."""


class Reader:
    """The first video stream of a file, and a cursor that moves over its packets.

    source: a path, or a file that can seek. at_work: called before every packet that is read, so that somebody
    can watch whether things go on. Raises VideoError where it cannot be opened as a video.

    The table of a far file is made of its container's index where it has one, and no picture is read for it. That
    index may be wrong about the keys, which only pictures tell for certain: `stretch` raises KeysDifferError
    where it is, and `read_through` makes the table as that of a near file.
    """

    def __init__(self, source: str | BinaryIO, *, time_zero: TimeZero, at_work: Callable[[], object]) -> None:
        self._source = source
        self._far = source if isinstance(source, RangedFile) else None
        self._time_zero = time_zero
        self._at_work = at_work
        self.stream: VideoStream = self._open()
        self._keys: frozenset[int] | None = None  # by the index
        try:
            self.table: PacketTable = self._indexed() or self._read()
        except VideoError:
            self.close()
            raise
        self._packets: Iterator[Packet[Any]] = iter(())
        self._place = len(self.table.order)  # in the table's order, of the packet that comes next

    def read_through(self) -> None:
        """Make the table of all packets, read from front to back."""
        self._reopen()
        self._keys, self.table = None, self._read()
        self._place = len(self.table.order)

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def stretch(self, first: int, last: int) -> Iterator[Packet[Any]]:
        """The packets from one place of the table's order to another, both included."""
        if self._far is not None and self._keys is not None:
            entries = self.stream.index_entries[first : last + 1]
            stop = max(entry.pos + entry.size for entry in entries)
            self._far.expect(min(entry.pos for entry in entries), stop + _BUFFER_BYTES)
        self._go_to(first)
        while self._place <= last:
            packet = self._next()
            if packet is None:
                return
            if self._place > first:
                yield packet

    def _read(self) -> PacketTable:
        return index.read(self._demux(), self.stream, time_zero=self._time_zero)

    def _indexed(self) -> PacketTable | None:
        """The table of a far file by its container's index; None where it has none, or one of other packets."""
        if self._far is None or not self._has_index:
            return None
        entries = [(entry.pos, entry.is_keyframe) for entry in self.stream.index_entries]
        agreed = 0

        def noted() -> Iterator[Packet[Any]]:
            nonlocal agreed
            for packet in filter(index.is_frame, self._demux()):
                if agreed == len(entries) or packet.pos != entries[agreed][0]:
                    agreed = -1
                    return
                agreed += 1
                yield packet

        # The demuxer tells times and order by itself; what it reads of the pictures does not matter.
        table = None
        with suppress(VideoError), self._far.blanked(index.parts(self._container.streams)):
            table = index.read(noted(), self.stream, time_zero=self._time_zero)
        self._reopen()  # what the demuxer has read ahead is blank
        if table is None or agreed < 0:
            return None
        self._keys = frozenset(place for place, (_, is_key) in enumerate(entries[:agreed]) if is_key)
        return replace(table, keys=tuple(sorted(self._keys)))

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
        moving = (
            each for each in self._container.streams.video if not each.disposition & Disposition.attached_pic
        )
        stream = next(moving, None)
        if stream is None:
            self.close()
            raise NoVideoStreamError(
                "no video stream.", cure="Give the file that has the pictures, not the sound."
            )
        if getattr(stream, "codec_context", None) is None:  # PyAV's types say that it never is
            self.close()
            raise VideoError("coded in a way that is not known here.", cure=_CURE)
        if self._has_index:
            for other in self._container.streams:
                other.discard = Discard.default if other is stream else Discard.all
        # One thread here, one process per core outside: frames come out in order and cores stay busy.
        stream.codec_context.thread_count = 1
        return stream

    def _demux(self) -> Iterator[Packet[Any]]:
        self._at_work()
        while True:
            try:
                for packet in self._container.demux(self.stream):
                    yield packet
                    self._at_work()
            except IndexError:
                continue  # a packet of a stream that began in mid-file, which PyAV does not know: it is behind us
            return

    def _next(self) -> Packet[Any] | None:
        # What cannot be read is not there: the frames that are missed for it are told by name.
        with suppress(av.FFmpegError):
            for packet in self._packets:
                if index.is_frame(packet):
                    if self._keys is not None and packet.is_keyframe != (self._place in self._keys):
                        raise KeysDifferError
                    self._place += 1
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
        """Seek to a key packet; False where that leads behind it, or to a packet that the table does not have."""
        target = self.table.order[place]
        if target is None:
            return False
        try:
            self._container.seek(target, stream=self.stream, backward=True)
            packets = self._demux()
            landed = next((packet for packet in packets if index.is_frame(packet)), None)
        except av.FFmpegError:
            return False
        found = None if landed is None else self._key_at(landed.pts)
        if landed is None or found is None or found > place:
            return False
        self._packets, self._place = chain([landed], packets), found
        return True

    def _key_at(self, pts: int | None) -> int | None:
        return next((place for place in self.table.keys if self.table.order[place] == pts), None)


_CURE = "Play the file to see whether it is whole; download it again or convert it with ffmpeg."
