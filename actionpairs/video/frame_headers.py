"""Picture headers of MPEG-1, -2 and -4, VP8, VP9 and AV1, and of codecs whose every picture stands alone.

Sources: ISO/IEC 13818-2, 6.2.2 and 6.2.3; ISO/IEC 14496-2, 6.2.3 and 6.2.5; RFC 6386, 9.1; VP9 bitstream
specification 0.6, 6.2 and annex B; AV1 bitstream specification 1.0.0, 5.3 and 5.9.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from actionpairs.video.bits import Bits
from actionpairs.video.headers import HeaderError, PictureHeader

_BETWEEN = 1 << 20  # more pictures than ever stand between two reference pictures


class _ReferenceOrder:
    """The order of MPEG-1, -2 and -4: a B-picture is shown before the reference picture that came last."""

    def __init__(self) -> None:
        self._references = self._between = 0

    def next(self, *, is_b: bool) -> int:
        """Where the next picture is shown among the others."""
        if is_b:
            if self._references < 2:
                raise HeaderError("leading pictures that cannot be decoded")
            self._between += 1
            return self._references * _BETWEEN + self._between
        self._references, self._between = self._references + 1, 0
        return (self._references + 1) * _BETWEEN - 1


class Mpeg2Headers:
    """MPEG-1 and MPEG-2: one frame a packet; fields in packets of their own are not told."""

    def __init__(self) -> None:
        self._order = _ReferenceOrder()
        self._sequence = b""

    def read(self, data: memoryview) -> PictureHeader:
        whole = bytes(data)
        place = whole.find(b"\0\0\1\0")
        if place < 0 or whole.find(b"\0\0\1\0", place + 4) >= 0:
            raise HeaderError("a packet without one whole picture")
        kind = whole[place + 5] >> 3 & 7
        if kind not in (1, 2, 3):
            raise HeaderError("a picture of no known type")
        extension = whole.find(b"\0\0\1\xb5", place)
        if extension >= 0 and whole[extension + 4] >> 4 == 8 and whole[extension + 6] & 3 != 3:
            raise HeaderError("fields")
        start = whole.find(b"\0\0\1\xb3", 0, place)
        # Size, aspect and rate; matrices are as often sent anew as not.
        sequence = whole[start + 4 : start + 8] if start >= 0 else self._sequence
        changed, self._sequence = self._sequence not in (b"", sequence), sequence
        order = self._order.next(is_b=kind == 3)
        return PictureHeader(0, order, is_entry=kind == 1 and start >= 0, sets_changed=changed)


class Mpeg4Headers:
    """MPEG-4 part 2 (Xvid, DivX): one coded picture a packet; packed ones and placeholders are not told."""

    def __init__(self, extradata: bytes | None) -> None:
        self._order = _ReferenceOrder()
        self._time_bits: int | None = None
        self._layers = b""
        self._layer(extradata or b"")

    def read(self, data: memoryview) -> PictureHeader:
        whole = bytes(data)
        place = whole.find(b"\0\0\1\xb6")
        if place < 0 or whole.find(b"\0\0\1\xb6", place + 4) >= 0:
            raise HeaderError("a packet without one whole picture")
        changed = self._layer(whole[:place])
        if self._time_bits is None:
            raise HeaderError("a picture without its video object layer")
        bits = Bits(whole[place + 4 : place + 24])
        kind = bits.take(2)
        while bits.take(1):
            pass
        bits.take(1 + self._time_bits + 1)
        if not bits.take(1):
            raise HeaderError("a placeholder for a picture")
        order = self._order.next(is_b=kind == 2)
        return PictureHeader(0, order, is_entry=kind == 0, sets_changed=changed)

    def _layer(self, data: bytes) -> bool:
        """Learn in how many bits pictures write their time; true where another layer was in force."""
        starts = [*_starts(data), len(data)]
        place = next((at for at in starts[:-1] if 0x20 <= data[at + 3] <= 0x2F), None)
        if place is None:
            return False
        layer = data[place : starts[starts.index(place) + 1]].rstrip(b"\0")
        changed, self._layers = self._layers not in (b"", layer), layer
        bits = Bits(data[place + 4 : place + 40])
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


def _starts(data: bytes) -> Iterator[int]:
    place = data.find(b"\0\0\1")
    while 0 <= place < len(data) - 3:
        yield place
        place = data.find(b"\0\0\1", place + 3)


class _DecodingOrder:
    """Pictures that are shown in the order of decoding."""

    def __init__(self) -> None:
        self._place = 0

    def next(self, *, is_shown: bool = True, is_entry: bool = False) -> PictureHeader:
        self._place += 1
        return PictureHeader(0, self._place, is_shown=is_shown, is_entry=is_entry)


class IntraHeaders:
    """Codecs without any prediction between pictures: ProRes, DNxHD, Motion JPEG …

    needs: bytes without which a picture is decoded with what an earlier one has brought.
    """

    def __init__(self, *, needs: bytes = b"") -> None:
        self._order = _DecodingOrder()
        self._needs = needs

    def read(self, data: memoryview) -> PictureHeader:
        return self._order.next(is_entry=not self._needs or self._needs in bytes(data))


class Vp8Headers:
    """VP8, with pictures that are only referred to (altref)."""

    def __init__(self) -> None:
        self._order = _DecodingOrder()

    def read(self, data: memoryview) -> PictureHeader:
        is_shown, is_key = bool(data[0] >> 4 & 1), not data[0] & 1
        return self._order.next(is_shown=is_shown, is_entry=is_key and is_shown)


class Vp9Headers:
    """VP9: frames, or superframes of which one at most is shown."""

    def __init__(self) -> None:
        self._order = _DecodingOrder()

    def read(self, data: memoryview) -> PictureHeader:
        kinds = [_vp9_frame(frame) for frame in _vp9_frames(data)]
        shown = sum(is_shown for is_shown, _ in kinds)
        if shown > 1:
            raise HeaderError("a packet that shows several pictures")
        return self._order.next(is_shown=shown == 1, is_entry=shown == 1 and kinds[0][1])


def _vp9_frames(data: memoryview) -> Iterator[memoryview]:
    marker = data[-1]
    count, size_bytes = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = 2 + count * size_bytes
    if marker & 0xE0 != 0xC0 or len(data) < index or data[-index] != marker:
        yield data
        return
    place = 0
    for number in range(count):
        at = len(data) - index + 1 + number * size_bytes
        size = int.from_bytes(data[at : at + size_bytes], "little")
        if size:
            yield data[place : place + size]
        place += size


def _vp9_frame(data: memoryview) -> tuple[bool, bool]:
    """Whether a frame is shown, and whether it is a key frame."""
    bits = Bits(bytes(data[:4]))
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
    """AV1 in temporal units, each of which shows one frame; spatial layers are not told."""

    def __init__(self) -> None:
        self._order = _DecodingOrder()

    def read(self, data: memoryview) -> PictureHeader:
        shown, is_entry, has_sequence, frames = 0, False, False, 0
        for kind, payload in _av1_units(data):
            if kind == 1:
                has_sequence = True
                if payload[0] & 8:  # reduced_still_picture_header
                    raise HeaderError("a still picture")
            elif kind in (3, 6):  # frame header, frame
                bits = Bits(bytes(payload[:1]))
                exists, frame_type, is_shown = bits.take(1), bits.take(2), bits.take(1)
                shown += exists or is_shown
                is_entry = is_entry or (not frames and not exists and frame_type == 0 and bool(is_shown))
                frames += 1
        if shown != 1:
            raise HeaderError("a packet without one shown picture")
        return self._order.next(is_entry=is_entry and has_sequence)


def _av1_units(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Type and payload of each open bitstream unit."""
    place = 0
    while place < len(data):
        head = data[place]
        place += 1
        if head & 4:  # temporal and spatial layer
            if data[place] >> 3 & 3:
                raise HeaderError("spatial layers")
            place += 1
        size = len(data) - place
        if head & 2:
            size, place = _leb128(data, place)
        if size:
            yield head >> 3 & 15, data[place : place + size]
        place += size


def _leb128(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for number in range(8):
        byte = data[place + number]
        value |= (byte & 127) << 7 * number
        if not byte & 128:
            return value, place + number + 1
    raise HeaderError("a size that has no end")
