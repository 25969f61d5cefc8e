"""Picture headers of HEVC, parsed from slice headers; nothing is decoded.

Source: ITU-T H.265 (08/2021), 7.3.2.2, 7.3.2.3, 7.3.6.1 and 8.3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from actionpairs.video.bits import BitReader
from actionpairs.video.nal_headers import NalHeaders, OrderCount, split_start_codes, unescaped
from actionpairs.video.picture_header import HeaderError, PictureHeader

_IRAP, _IDR, _CRA, _RASL = range(16, 24), (19, 20), 21, (8, 9)
_PARAMETER_SETS, _ENDS = frozenset({32, 33, 34}), frozenset({36, 37})
_SPS, _PPS = 33, 34
_SLICE_BYTES = 40  # enough for the parsed fields of a slice header


@dataclass(frozen=True, slots=True)
class _Pps:
    sequence: int
    has_output_flag: bool
    extra_bits: int


class HevcHeaders(NalHeaders):
    """Picture headers of HEVC; with several layers, those of the base layer."""

    def __init__(self, extradata: bytes | None) -> None:
        self._sequences: dict[int, tuple[int, bool]] = {}  # bits of the order count, separate color planes
        self._pictures: dict[int, _Pps] = {}
        super().__init__(extradata)

    def parse(self, data: memoryview) -> PictureHeader:
        pictures, changed, set_kinds = 0, False, set()
        first: memoryview | None = None
        for unit in self.units(data):
            kind, layer = unit[0] >> 1 & 63, (unit[0] & 1) << 5 | unit[1] >> 3
            if layer:
                continue
            if kind < 32:
                if unit[2] & 0x80:  # first_slice_segment_in_pic_flag
                    pictures += 1
                    first = first or unit
            elif kind in _PARAMETER_SETS:
                changed = self._parse_parameter_set(bytes(unit)) or changed
                set_kinds.add(kind)
            elif kind in _ENDS:
                raise HeaderError("an end of sequence, before which pictures may be dropped")
        if pictures != 1 or first is None:
            raise HeaderError("a packet without one whole picture")
        kind = first[0] >> 1 & 63
        if not self._has_begun and kind not in _IRAP:
            raise HeaderError("it does not begin at a picture that can be decoded alone")
        order = self._parse_order(first, kind)
        self._has_begun = True
        is_entry = kind in _IRAP and (self._configured_by_container or {_SPS, _PPS} <= set_kinds)
        return PictureHeader(self._sequence, order, is_entry=is_entry, parameter_sets_changed=changed)

    @staticmethod
    def _is_slice(unit: memoryview) -> bool:
        return unit[0] >> 1 & 63 < 32

    def _parse_order(self, unit: memoryview, kind: int) -> int:
        bits = BitReader(unescaped(unit, _SLICE_BYTES), skip_bytes=2)
        bits.take(1)
        if kind in _IRAP and bits.take(1) and self._has_begun and kind != _CRA:
            raise HeaderError("pictures before it that are never shown")
        picture = self._pictures.get(bits.exp_golomb())
        sequence = self._sequences.get(picture.sequence) if picture else None
        if picture is None or sequence is None:
            raise HeaderError("a slice without its parameter sets")
        bits.take(picture.extra_bits)
        bits.exp_golomb()
        if picture.has_output_flag and not bits.take(1):
            raise HeaderError("a picture that is not shown")
        order_bits, separate = sequence
        if separate:
            bits.take(2)
        begins = kind in _IRAP and (kind != _CRA or not self._has_begun)
        low = 0 if kind in _IDR else bits.take(order_bits)
        if begins:
            self._sequence, self._previous = self._sequence + 1, OrderCount(0, low)
            self._leading_pictures_lost = kind not in _IDR
            return low
        if kind == _CRA:
            self._leading_pictures_lost = False
        if kind in _RASL and self._leading_pictures_lost:
            raise HeaderError("leading pictures that cannot be decoded")
        order = self._previous.full(low, 1 << order_bits)
        is_base = unit[1] & 7 == 1 and not 6 <= kind <= 9 and (kind >= 16 or kind % 2 == 1)
        if is_base:
            self._previous = OrderCount(order - low, low)
        return order

    def _container_sets(self, data: bytes) -> Iterator[bytes]:
        if data[:3] in (b"\0\0\1", b"\0\0\0") or len(data) < 23:
            yield from (bytes(unit) for unit in split_start_codes(memoryview(data)))
            return
        self._length_bytes = (data[21] & 3) + 1
        offset = 23
        for _ in range(data[22]):
            count, offset = int.from_bytes(data[offset + 1 : offset + 3], "big"), offset + 3
            for _ in range(count):
                size = int.from_bytes(data[offset : offset + 2], "big")
                yield data[offset + 2 : offset + 2 + size]
                offset += 2 + size

    def _parse_parameter_set(self, unit: bytes) -> bool:
        kind = unit[0] >> 1 & 63 if len(unit) > 2 else 0
        if kind == _SPS:
            number, values = _parse_sps(unit)
            self._sequences[number] = values
        elif kind == _PPS:
            bits = BitReader(unescaped(unit), skip_bytes=2)
            number, sequence = bits.exp_golomb(), bits.exp_golomb()
            bits.take(1)
            self._pictures[number] = _Pps(sequence, bool(bits.take(1)), bits.take(3))
        else:
            return False
        return self._store_set(kind, number, unit)


def _parse_sps(unit: bytes) -> tuple[int, tuple[int, bool]]:
    bits = BitReader(unescaped(unit), skip_bytes=2)
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.take(88 * has_profile + 8 * has_level)
    number = bits.exp_golomb()
    separate = bits.exp_golomb() == 3 and bool(bits.take(1))
    bits.exp_golomb()
    bits.exp_golomb()
    if bits.take(1):
        for _ in range(4):
            bits.exp_golomb()
    bits.exp_golomb()
    bits.exp_golomb()
    return number, (bits.exp_golomb() + 4, separate)
