"""Read bit fields, as codec headers need them."""

from __future__ import annotations


class BitReader:
    """Read bits from the start of `data`; raises ValueError past its end."""

    __slots__ = ("_bits_left", "_value")

    def __init__(self, data: bytes, *, skip_bytes: int = 0) -> None:
        self._bits_left = 8 * max(len(data) - skip_bytes, 0)
        self._value = int.from_bytes(data, "big")

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        self._bits_left -= count
        if self._bits_left < 0:
            raise ValueError("past the end")
        return self._value >> self._bits_left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """An unsigned Exp-Golomb code, ue(v)."""
        remainder = self._value & ((1 << self._bits_left) - 1)
        self._bits_left -= 2 * (self._bits_left - remainder.bit_length()) + 1
        if self._bits_left < 0:
            raise ValueError("past the end")
        return (remainder >> self._bits_left) - 1

    def signed_exp_golomb(self) -> int:
        """A signed Exp-Golomb code, se(v)."""
        code = self.exp_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
