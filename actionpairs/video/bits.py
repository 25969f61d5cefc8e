"""A few bytes as bits, for reading headers."""

from __future__ import annotations


class Bits:
    """Reads bits from the front of some bytes; raises ValueError past their end."""

    __slots__ = ("_left", "_value")

    def __init__(self, data: bytes, *, skip_bytes: int = 0) -> None:
        self._left = 8 * max(len(data) - skip_bytes, 0)
        self._value = int.from_bytes(data, "big")

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        self._left -= count
        if self._left < 0:
            raise ValueError("past the end")
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """An unsigned Exp-Golomb code, ue(v)."""
        rest = self._value & ((1 << self._left) - 1)
        self._left -= 2 * (self._left - rest.bit_length()) + 1
        if self._left < 0:
            raise ValueError("past the end")
        return (rest >> self._left) - 1

    def signed_golomb(self) -> int:
        """A signed Exp-Golomb code, se(v)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
