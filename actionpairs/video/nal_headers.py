"""What H.264 and HEVC have in common: packets made of NAL units, parameter sets, picture order counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from actionpairs.video.headers import HeaderError, PictureHeader


@dataclass(slots=True)
class OrderCount:
    """A reference picture's order count, from which the next one's high bits follow."""

    high: int = 0
    low: int = 0

    def full(self, low: int, modulus: int) -> int:
        """The order count whose low bits are given: the nearest one to this picture's (8.2.1.1, 8.3.1)."""
        high = self.high
        if low < self.low and self.low - low >= modulus // 2:
            high += modulus
        elif low > self.low and low - self.low > modulus // 2:
            high -= modulus
        return high + low


class NalHeaders(ABC):
    """The picture headers of a stream made of NAL units, length-prefixed (MP4, Matroska) or with start codes."""

    def __init__(self, extradata: bytes | None) -> None:
        data = extradata or b""
        self._length_bytes = 0  # 0: start codes
        self._sets: dict[tuple[int, int], bytes] = {}
        self._before = OrderCount()
        self._sequence = 0
        self._has_begun = self._configured_outside = False
        for unit in self._configured(data):
            self._parameter_set(unit)
        self._configured_outside = bool(self._sets)  # by the container; else packets bring all that is needed

    @abstractmethod
    def _configured(self, data: bytes) -> Iterator[bytes]:
        """The parameter sets of the container's configuration record; sets `_length_bytes`."""

    @abstractmethod
    def _parameter_set(self, unit: bytes) -> bool:
        """Learn a parameter set; True where another one, or none of its number, was in force."""

    @abstractmethod
    def read(self, data: memoryview) -> PictureHeader:
        """What a packet says of its picture; raises HeaderError where that cannot be told."""

    def has_slice(self, data: memoryview) -> bool:
        """Whether a packet has any part of a picture in it."""
        return any(self._is_slice(unit) for unit in self.units(data))

    @staticmethod
    @abstractmethod
    def _is_slice(unit: memoryview) -> bool:
        """Whether a unit is a part of a picture."""

    def units(self, data: memoryview) -> Iterator[memoryview]:
        """The NAL units of a packet."""
        if not self._length_bytes:
            yield from start_coded(data)
            return
        place, end, length = 0, len(data), self._length_bytes
        while place + length < end:
            size = int.from_bytes(data[place : place + length], "big")
            place += length
            if size == 0 or place + size > end:
                raise HeaderError("a NAL unit that is longer than its packet")
            yield data[place : place + size]
            place += size

    def _learn(self, kind: int, number: int, unit: bytes) -> bool:
        unit = unit.rstrip(b"\0")
        if self._sets.get((kind, number)) == unit:
            return False
        self._sets[kind, number] = unit
        return self._has_begun or self._configured_outside


def start_coded(data: memoryview) -> Iterator[memoryview]:
    """The units between start codes 00 00 01."""
    whole = bytes(data)
    place = whole.find(b"\0\0\1")
    while place >= 0:
        following = whole.find(b"\0\0\1", place + 3)
        unit = data[place + 3 : following if following >= 0 else len(whole)]
        if len(unit):
            yield unit
        place = following


def plain(unit: memoryview | bytes, size: int | None = None) -> bytes:
    """A unit's bytes, all or the first so many, without emulation prevention (7.4.1)."""
    data = bytes(unit if size is None else unit[:size])
    return data.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in data else data
