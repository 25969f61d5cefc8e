"""Picture headers of H.264, parsed from slice headers; nothing is decoded.

Source: ITU-T H.264 (08/2021), 7.3.2.1.1, 7.3.2.2, 7.3.3 and 8.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from actionpairs.video.bits import BitReader
from actionpairs.video.nal_headers import NalHeaders, OrderCount, split_start_codes, unescaped
from actionpairs.video.picture_header import HeaderError, PictureHeader

_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8
_PARTITIONS = frozenset({2, 3, 4})
_WITH_CHROMA_FORMAT = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})  # profiles
_SLICE_BYTES = 16  # enough: the parsed fields of a slice header take 94 bits at most


@dataclass(frozen=True, slots=True)
class _Sps:
    frame_number_bits: int
    order_type: int
    order_bits: int
    frames_only: bool
    separate_planes: bool


class H264Headers(NalHeaders):
    """Picture headers of H.264; separate field packets and order counts of type 1 are not supported."""

    def __init__(self, extradata: bytes | None) -> None:
        self._sequences: dict[int, _Sps] = {}
        self._sequence_of: dict[int, int] = {}  # picture parameter set → sequence parameter set
        self._last_frame_number = 0  # the frame number of the last reference picture
        super().__init__(extradata)

    def parse(self, data: memoryview) -> PictureHeader:
        changed, set_kinds = False, set()
        slices = []
        for unit in self.units(data):
            kind = unit[0] & 31
            if kind in (_SLICE, _IDR):
                slices.append(unit)
            elif kind in _PARTITIONS:
                raise HeaderError("data partitions")
            elif kind in (_SPS, _PPS):
                changed = self._parse_parameter_set(bytes(unit)) or changed
                set_kinds.add(kind)
        # A picture starts where first_mb_in_slice is 0, which is a single bit.
        if not slices or [unit[1] >> 7 for unit in slices] != [1, *[0] * (len(slices) - 1)]:
            raise HeaderError("a packet without one whole picture")
        is_idr = slices[0][0] & 31 == _IDR
        order = self._parse_order(slices[0], is_idr=is_idr)
        # Not at recovery points: nothing proves that later pictures do not need earlier ones.
        is_entry = is_idr and (self._configured_by_container or set_kinds == {_SPS, _PPS})
        return PictureHeader(self._sequence, order, is_entry=is_entry, parameter_sets_changed=changed)

    @staticmethod
    def _is_slice(unit: memoryview) -> bool:
        return 1 <= unit[0] & 31 <= _IDR

    def _parse_order(self, unit: memoryview, *, is_idr: bool) -> int:
        bits = BitReader(unescaped(unit, _SLICE_BYTES), skip_bytes=1)
        bits.take(1)
        bits.exp_golomb()
        sequence = self._sequences.get(self._sequence_of.get(bits.exp_golomb(), -1))
        if sequence is None:
            raise HeaderError("a slice without its parameter sets")
        if sequence.separate_planes:
            bits.take(2)
        frame_number = bits.take(sequence.frame_number_bits)
        if not sequence.frames_only and bits.take(1):
            raise HeaderError("fields")
        if is_idr:
            bits.exp_golomb()
            self._sequence, self._previous = self._sequence + 1, OrderCount()
        elif self._has_begun and frame_number != (self._last_frame_number + 1) % (1 << sequence.frame_number_bits):
            raise HeaderError("a gap before a picture")
        self._has_begun = True
        if unit[0] & 0x60:
            self._last_frame_number = frame_number
        if sequence.order_type == 2:
            self._previous = OrderCount(high=self._previous.high + 1)
            return self._previous.high
        if sequence.order_type != 0:
            raise HeaderError("picture order counts of type 1")
        modulus = 1 << sequence.order_bits
        low = bits.take(sequence.order_bits)
        order = self._previous.full(low, modulus)
        if unit[0] & 0x60:  # a reference picture
            self._previous.high, self._previous.low = order - low, low
        return order

    def _container_sets(self, data: bytes) -> Iterator[bytes]:
        if data[:1] != b"\1":
            yield from (bytes(unit) for unit in split_start_codes(memoryview(data)))
            return
        if len(data) < 7:
            raise HeaderError("no whole configuration record")
        self._length_bytes = (data[4] & 3) + 1
        offset, sets_left = 6, data[5] & 31
        for _ in range(2):
            for _ in range(sets_left):
                size = int.from_bytes(data[offset : offset + 2], "big")
                yield data[offset + 2 : offset + 2 + size]
                offset += 2 + size
            sets_left, offset = (data[offset] if offset < len(data) else 0), offset + 1

    def _parse_parameter_set(self, unit: bytes) -> bool:
        kind = unit[0] & 31 if unit else 0
        if kind == _SPS:
            number, sequence = _parse_sps(unit)
            self._sequences[number] = sequence
        elif kind == _PPS:
            bits = BitReader(unescaped(unit), skip_bytes=1)
            number = bits.exp_golomb()
            self._sequence_of[number] = bits.exp_golomb()
        else:
            return False
        return self._store_set(kind, number, unit)


def _parse_sps(unit: bytes) -> tuple[int, _Sps]:
    bits = BitReader(unescaped(unit), skip_bytes=1)
    profile = bits.take(8)
    bits.take(16)
    number = bits.exp_golomb()
    separate = False
    if profile in _WITH_CHROMA_FORMAT:
        chroma = bits.exp_golomb()
        separate = chroma == 3 and bool(bits.take(1))
        bits.exp_golomb()
        bits.exp_golomb()
        bits.take(1)
        if bits.take(1):
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
    frame_number_bits = bits.exp_golomb() + 4
    order_type = bits.exp_golomb()
    order_bits = bits.exp_golomb() + 4 if order_type == 0 else 0
    if order_type == 1:
        bits.take(1)
        bits.exp_golomb()
        bits.exp_golomb()
        for _ in range(bits.exp_golomb()):
            bits.exp_golomb()
    bits.exp_golomb()
    bits.take(1)
    bits.exp_golomb()
    bits.exp_golomb()
    return number, _Sps(frame_number_bits, order_type, order_bits, bool(bits.take(1)), separate)


def _skip_scaling_lists(bits: BitReader, lists: int) -> None:
    for number in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.signed_exp_golomb()) % 256
            last = following or last
