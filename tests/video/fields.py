"""Write H.264 in fields (PAFF); no available encoder does. Every macroblock is raw samples (I_PCM)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from actionpairs.synthetic.frame_index import Pixels

_MACROBLOCK = 16


class _Bits:
    """A bit writer, most significant bit first."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._bits = ""

    def u(self, value: int, width: int) -> None:
        self._bits += f"{value:0{width}b}"

    def ue(self, value: int) -> None:
        """Exp-Golomb."""
        width = (value + 1).bit_length()
        self.u(value + 1, 2 * width - 1)

    def raw(self, data: bytes) -> None:
        """Append bytes, aligned to a whole byte."""
        self._flush()
        self._done += data

    def nal(self, kind: int, *, reference: int) -> bytes:
        """Everything written so far as a NAL unit with its start code."""
        self._bits += "1"
        self._flush()
        escaped = bytearray()
        zeros = 0
        for byte in self._done:
            if zeros >= 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            escaped.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b"\0\0\0\1" + bytes([reference << 5 | kind]) + bytes(escaped)

    def _flush(self) -> None:
        self._bits += "0" * (-len(self._bits) % 8)
        if self._bits:
            self._done += int(self._bits, 2).to_bytes(len(self._bits) // 8, "big")
        self._bits = ""


def parameter_sets(width: int, height: int) -> bytes:
    """SPS and PPS: Main profile, frames or fields, at most one reference frame."""
    sps = _Bits()
    sps.raw(bytes([77, 0, 30]))
    # seq_parameter_set_id, frame_num bits - 4, order count type, its bits - 4, reference frames
    for value in (0, 0, 0, 4, 1):
        sps.ue(value)
    sps.u(0, 1)
    sps.ue(width // _MACROBLOCK - 1)
    sps.ue(height // _MACROBLOCK // 2 - 1)
    sps.u(0b00100, 5)  # not only frames, no MBAFF, direct_8x8, no cropping, no VUI
    pps = _Bits()
    pps.ue(0)
    pps.ue(0)
    pps.u(0, 2)  # CAVLC, no second count
    for value in (0, 0, 0):
        pps.ue(value)
    pps.u(0, 3)
    for value in (0, 0, 0):  # quantizers, as signed numbers
        pps.ue(value)
    pps.u(0b100, 3)  # deblocking can be turned off
    return sps.nal(7, reference=3) + pps.nal(8, reference=3)


def coded(planes: list[Pixels], number: int, *, key_every: int) -> Iterator[bytes]:
    """A frame's two fields as packets, top field first; planes are Y, U and V."""
    place = number % key_every
    for bottom in (0, 1):
        is_key = place == 0 and not bottom
        bits = _Bits()
        bits.ue(0)
        bits.ue(7 if is_key else 5)
        bits.ue(0)
        bits.u(place % 16, 4)
        bits.u(0b10 | bottom, 2)
        if is_key:
            bits.ue(number // key_every % 2)
        bits.u((2 * place + bottom) % 256, 8)
        # No other number of references, no other order; a key: nothing kept; else no marking.
        bits.u(0, 2 if is_key else 3)
        bits.ue(0)
        bits.ue(1)
        _macroblocks(bits, [plane[bottom::2] for plane in planes], raw_kind=25 if is_key else 30, skips=not is_key)
        sets = parameter_sets(planes[0].shape[1], planes[0].shape[0]) if is_key else b""
        yield sets + bits.nal(5 if is_key else 1, reference=2)


def _macroblocks(bits: _Bits, planes: list[Pixels], *, raw_kind: int, skips: bool) -> None:
    luma = planes[0]
    for top in range(0, luma.shape[0], _MACROBLOCK):
        for left in range(0, luma.shape[1], _MACROBLOCK):
            if skips:
                bits.ue(0)  # none before this one
            bits.ue(raw_kind)
            block = [luma[top : top + 16, left : left + 16]]
            block += [plane[top // 2 : top // 2 + 8, left // 2 : left // 2 + 8] for plane in planes[1:]]
            bits.raw(b"".join(np.ascontiguousarray(part).tobytes() for part in block))
