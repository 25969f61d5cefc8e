"""Picture headers of MPEG-1, -2 and -4, VP8, VP9 and AV1, and of intra-only codecs.

Sources: ISO/IEC 13818-2, 6.2.2 and 6.2.3; ISO/IEC 14496-2, 6.2.3 and 6.2.5; RFC 6386, 9.1; VP9 bitstream
specification 0.6, 6.2 and annex B; AV1 bitstream specification 1.0.0, 5.3 and 5.9.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from actionpairs.video.bits import BitReader
from actionpairs.video.picture_header import HeaderError, PictureHeader

_MAX_B_PICTURES = 1 << 20  # more than ever come between two reference pictures


class _ReferenceOrder:
    """Display order of MPEG-1, -2 and -4: a B-picture is shown before the latest reference picture."""

    def __init__(self) -> None:
        self._references = self._between = 0

    def next(self, *, is_b: bool) -> int:
        """The next picture's place in display order."""
        if is_b:
            if self._references < 2:
                raise HeaderError("leading pictures that cannot be decoded")
            self._between += 1
            return self._references * _MAX_B_PICTURES + self._between
        self._references, self._between = self._references + 1, 0
        return (self._references + 1) * _MAX_B_PICTURES - 1


class Mpeg2Headers:
    """MPEG-1 and MPEG-2 with one frame per packet; separate field packets are not supported."""

    def __init__(self) -> None:
        self._order = _ReferenceOrder()
        self._sequence = b""

    def parse(self, data: memoryview) -> PictureHeader:
        whole = bytes(data)
        offset = whole.find(b"\0\0\1\0")
        if offset < 0 or whole.find(b"\0\0\1\0", offset + 4) >= 0:
            raise HeaderError("a packet without one whole picture")
        kind = whole[offset + 5] >> 3 & 7
        if kind not in (1, 2, 3):
            raise HeaderError("a picture of no known type")
        extension = whole.find(b"\0\0\1\xb5", offset)
        if extension >= 0 and whole[extension + 4] >> 4 == 8 and whole[extension + 6] & 3 != 3:
            raise HeaderError("fields")
        start = whole.find(b"\0\0\1\xb3", 0, offset)
        # Size, aspect and rate; quantization matrices are often sent again.
        sequence = whole[start + 4 : start + 8] if start >= 0 else self._sequence
        changed, self._sequence = self._sequence not in (b"", sequence), sequence
        order = self._order.next(is_b=kind == 3)
        return PictureHeader(0, order, is_entry=kind == 1 and start >= 0, parameter_sets_changed=changed)


class Mpeg4Headers:
    """MPEG-4 part 2 (Xvid, DivX) with one coded picture per packet; packed bitstreams are not supported."""

    def __init__(self, extradata: bytes | None) -> None:
        self._order = _ReferenceOrder()
        self._time_bits: int | None = None
        self._last_layer = b""
        self._parse_layer(extradata or b"")

    def parse(self, data: memoryview) -> PictureHeader:
        whole = bytes(data)
        offset = whole.find(b"\0\0\1\xb6")
        if offset < 0 or whole.find(b"\0\0\1\xb6", offset + 4) >= 0:
            raise HeaderError("a packet without one whole picture")
        changed = self._parse_layer(whole[:offset])
        if self._time_bits is None:
            raise HeaderError("a picture without its video object layer")
        bits = BitReader(whole[offset + 4 : offset + 24])
        kind = bits.take(2)
        while bits.take(1):
            pass
        bits.take(1 + self._time_bits + 1)
        if not bits.take(1):
            raise HeaderError("a placeholder for a picture")
        order = self._order.next(is_b=kind == 2)
        return PictureHeader(0, order, is_entry=kind == 0, parameter_sets_changed=changed)

    def _parse_layer(self, data: bytes) -> bool:
        """Parse how many bits a picture's time has; true if the layer replaces another one."""
        starts = [*_start_codes(data), len(data)]
        offset = next((start for start in starts[:-1] if 0x20 <= data[start + 3] <= 0x2F), None)
        if offset is None:
            return False
        layer = data[offset : starts[starts.index(offset) + 1]].rstrip(b"\0")
        changed, self._last_layer = self._last_layer not in (b"", layer), layer
        bits = BitReader(data[offset + 4 : offset + 40])
        bits.take(1 + 8)
        if bits.take(1):
            bits.take(7)
        if bits.take(4) == 15:
            bits.take(16)
        if bits.take(1):
            bits.take(3)
            if bits.take(1):
                bits.take(79)
        bits.take(2 + 1)
        self._time_bits = max((bits.take(16) - 1).bit_length(), 1)
        return changed


def _start_codes(data: bytes) -> Iterator[int]:
    offset = data.find(b"\0\0\1")
    while 0 <= offset < len(data) - 3:
        yield offset
        offset = data.find(b"\0\0\1", offset + 3)


class _DecodingOrder:
    """Pictures that are shown in decoding order."""

    def __init__(self) -> None:
        self._count = 0

    def next(self, *, is_shown: bool = True, is_entry: bool = False) -> PictureHeader:
        self._count += 1
        return PictureHeader(0, self._count, is_shown=is_shown, is_entry=is_entry)


class IntraHeaders:
    """Codecs without prediction between pictures: ProRes, DNxHD, Motion JPEG …

    required: bytes that every self-contained picture has; without them it uses tables of an earlier picture.
    """

    def __init__(self, *, required: bytes = b"") -> None:
        self._order = _DecodingOrder()
        self._required = required

    def parse(self, data: memoryview) -> PictureHeader:
        return self._order.next(is_entry=not self._required or self._required in bytes(data))


class Vp8Headers:
    """VP8, including pictures that are only references (altref)."""

    def __init__(self) -> None:
        self._order = _DecodingOrder()

    def parse(self, data: memoryview) -> PictureHeader:
        is_shown, is_key = bool(data[0] >> 4 & 1), not data[0] & 1
        return self._order.next(is_shown=is_shown, is_entry=is_key and is_shown)


class Vp9Headers:
    """VP9: frames, or superframes of which at most one frame is shown."""

    def __init__(self) -> None:
        self._order = _DecodingOrder()

    def parse(self, data: memoryview) -> PictureHeader:
        kinds = [_parse_vp9_frame(frame) for frame in _split_vp9_frames(data)]
        shown_count = sum(is_shown for is_shown, _ in kinds)
        if shown_count > 1:
            raise HeaderError("a packet that shows several pictures")
        return self._order.next(is_shown=shown_count == 1, is_entry=shown_count == 1 and kinds[0][1])


def _split_vp9_frames(data: memoryview) -> Iterator[memoryview]:
    marker = data[-1]
    count, size_bytes = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index_bytes = 2 + count * size_bytes
    if marker & 0xE0 != 0xC0 or len(data) < index_bytes or data[-index_bytes] != marker:
        yield data
        return
    offset = 0
    for number in range(count):
        entry = len(data) - index_bytes + 1 + number * size_bytes
        size = int.from_bytes(data[entry : entry + size_bytes], "little")
        if size:
            yield data[offset : offset + size]
        offset += size


def _parse_vp9_frame(data: memoryview) -> tuple[bool, bool]:
    """Whether a frame is shown, and whether it is a key frame."""
    bits = BitReader(bytes(data[:4]))
    if bits.take(2) != 2:
        raise HeaderError("no VP9 frame")
    profile = bits.take(1) + 2 * bits.take(1)
    if profile == 3:
        bits.take(1)
    if bits.take(1):  # show_existing_frame
        return True, False
    is_key = not bits.take(1)
    return bool(bits.take(1)), is_key


class Av1Headers:
    """AV1 temporal units that show one frame each; spatial layers are not supported."""

    def __init__(self) -> None:
        self._order = _DecodingOrder()

    def parse(self, data: memoryview) -> PictureHeader:
        shown_count, is_entry, has_sequence, frame_count = 0, False, False, 0
        for kind, payload in _split_av1_units(data):
            if kind == 1:
                has_sequence = True
                if payload[0] & 8:  # reduced_still_picture_header
                    raise HeaderError("a still picture")
            elif kind in (3, 6):  # frame header, frame
                bits = BitReader(bytes(payload[:1]))
                exists, frame_type, is_shown = bits.take(1), bits.take(2), bits.take(1)
                shown_count += exists or is_shown
                is_entry = is_entry or (not frame_count and not exists and frame_type == 0 and bool(is_shown))
                frame_count += 1
        if shown_count != 1:
            raise HeaderError("a packet without one shown picture")
        return self._order.next(is_entry=is_entry and has_sequence)


def _split_av1_units(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The type and payload of each open bitstream unit (OBU)."""
    offset = 0
    while offset < len(data):
        head = data[offset]
        offset += 1
        if head & 4:  # temporal and spatial layer
            if data[offset] >> 3 & 3:
                raise HeaderError("spatial layers")
            offset += 1
        size = len(data) - offset
        if head & 2:
            size, offset = _parse_leb128(data, offset)
        if size:
            yield head >> 3 & 15, data[offset : offset + size]
        offset += size


def _parse_leb128(data: memoryview, offset: int) -> tuple[int, int]:
    value = 0
    for number in range(8):
        byte = data[offset + number]
        value |= (byte & 127) << 7 * number
        if not byte & 128:
            return value, offset + number + 1
    raise HeaderError("a size that has no end")
