"""What H.264 and HEVC share: NAL units, parameter sets and picture order counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from actionpairs.video.picture_header import HeaderError, PictureHeader


@dataclass(slots=True)
class OrderCount:
    """The order count of the last reference picture; the next one's high bits follow from it."""

    high: int = 0
    low: int = 0

    def full(self, low: int, modulus: int) -> int:
        """The order count with these low bits that is nearest to this picture's (8.2.1.1, 8.3.1)."""
        high = self.high
        if low < self.low and self.low - low >= modulus // 2:
            high += modulus
        elif low > self.low and low - self.low > modulus // 2:
            high -= modulus
        return high + low


class NalHeaders(ABC):
    """Picture headers of a stream of NAL units, length-prefixed (MP4, Matroska) or with start codes."""

    def __init__(self, extradata: bytes | None) -> None:
        data = extradata or b""
        self._length_bytes = 0  # 0: start codes
        self._sets: dict[tuple[int, int], bytes] = {}
        self._previous = OrderCount()
        self._sequence = 0
        self._has_begun = self._configured_by_container = False
        for unit in self._container_sets(data):
            self._parse_parameter_set(unit)
        self._configured_by_container = bool(self._sets)  # else the packets hold all sets

    @abstractmethod
    def _container_sets(self, data: bytes) -> Iterator[bytes]:
        """The parameter sets in the container's configuration record; sets `_length_bytes`."""

    @abstractmethod
    def _parse_parameter_set(self, unit: bytes) -> bool:
        """Store a parameter set; True if it is new or differs from the one with its number."""

    @abstractmethod
    def parse(self, data: memoryview) -> PictureHeader:
        """The header of a packet's picture; raises HeaderError if it cannot be parsed."""

    def has_slice(self, data: memoryview) -> bool:
        """Whether a packet holds any part of a picture."""
        return any(self._is_slice(unit) for unit in self.units(data))

    @staticmethod
    @abstractmethod
    def _is_slice(unit: memoryview) -> bool:
        """Whether a unit is part of a picture."""

    def units(self, data: memoryview) -> Iterator[memoryview]:
        """The NAL units of a packet."""
        if not self._length_bytes:
            yield from split_start_codes(data)
            return
        offset, end, length = 0, len(data), self._length_bytes
        while offset + length < end:
            size = int.from_bytes(data[offset : offset + length], "big")
            offset += length
            if size == 0 or offset + size > end:
                raise HeaderError("a NAL unit that is longer than its packet")
            yield data[offset : offset + size]
            offset += size

    def _store_set(self, kind: int, number: int, unit: bytes) -> bool:
        unit = unit.rstrip(b"\0")
        if self._sets.get((kind, number)) == unit:
            return False
        self._sets[kind, number] = unit
        return self._has_begun or self._configured_by_container


def split_start_codes(data: memoryview) -> Iterator[memoryview]:
    """The units between the start codes 00 00 01."""
    whole = bytes(data)
    offset = whole.find(b"\0\0\1")
    while offset >= 0:
        next_start = whole.find(b"\0\0\1", offset + 3)
        unit = data[offset + 3 : next_start if next_start >= 0 else len(whole)]
        if len(unit):
            yield unit
        offset = next_start


def unescaped(unit: memoryview | bytes, size: int | None = None) -> bytes:
    """A unit's bytes, all or the first `size`, without emulation prevention (7.4.1)."""
    data = bytes(unit if size is None else unit[:size])
    return data.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in data else data
