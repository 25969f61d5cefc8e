"""A file that is far away, read by ranges."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter

from actionpairs.errors import StorageError

_LEAST_BYTES, _MOST_BYTES = 64 << 10, 4 << 20  # of one request
_WINDOWS = 8  # so at most 32 MiB are held


class RangedFile(io.RawIOBase):
    """A file of which every request reads a range, and the last few ranges are held.

    read_range: gives the bytes [start, stop). Where a file is read from front to back, requests grow; what is
    `expected` is asked for as it is.
    """

    def __init__(self, read_range: Callable[[int, int], bytes], *, size_bytes: int, where: str) -> None:
        self.size_bytes = size_bytes
        self._read_range = read_range
        self._where = where
        self._place = 0
        self._windows: list[tuple[int, bytes]] = []  # (first byte's place, bytes), the latest last
        self._ahead = _LEAST_BYTES
        self._end_of_last = -1
        self._expected = (0, 0)
        self._blank: Sequence[tuple[int, int]] = ()

    def expect(self, start: int, stop: int) -> None:
        """Be told what is read next: a request that begins in [start, stop) goes no further."""
        self._expected = start, stop

    @contextmanager
    def blanked(self, parts: Sequence[tuple[int, int]]) -> Iterator[None]:
        """Within, these parts [start, stop) read as zeros, and nobody is asked for them; ascending and apart."""
        self._blank = parts
        try:
            yield
        finally:
            self._blank = ()

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def seekable(self) -> bool:
        """It can seek, at no cost."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is read."""
        self._place = offset + (0, self._place, self.size_bytes)[whence]
        return self._place

    def tell(self) -> int:
        """The place of the next byte."""
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, fewer only where the file ends."""
        stop = self.size_bytes if size is None or size < 0 else min(self._place + size, self.size_bytes)
        parts = []
        while self._place < stop:
            start, data = self._zeros(stop) or self._window(stop)
            parts.append(data[self._place - start : stop - start])
            self._place += len(parts[-1])
        return b"".join(parts)

    def readall(self) -> bytes:
        """All that is left."""
        return self.read()

    def readinto(self, buffer: object) -> int:
        """Fill a buffer as far as the file goes."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _zeros(self, stop: int) -> tuple[int, bytes] | None:
        """As _window, where the next byte is blank."""
        number = bisect_right(self._blank, self._place, key=itemgetter(0)) - 1
        end = self._blank[number][1] if number >= 0 else 0
        return (self._place, bytes(min(stop, end) - self._place)) if self._place < end else None

    def _window(self, stop: int) -> tuple[int, bytes]:
        """A window that holds the next byte."""
        for number, (start, data) in enumerate(self._windows):
            if start <= self._place < start + len(data):
                self._windows.append(self._windows.pop(number))
                return start, data
        start, end = self._place, self._end(stop)
        data = self._read_range(start, end)
        if len(data) > end - start:
            raise StorageError(
                f"{self._where}: its server sends the whole file for a part.", cure="Copy the file first."
            )
        if not data:
            raise StorageError(f"{self._where}: ends at byte {start}, too early.", cure="Copy the file again.")
        self._windows = [*self._windows[1 - _WINDOWS :], (start, data)]
        return start, data

    def _end(self, stop: int) -> int:
        """Where the next request ends, which looks ahead."""
        first, last = self._expected
        if first <= self._place < last:
            return min(self._place + _MOST_BYTES, last, self.size_bytes)
        goes_on = 0 <= self._place - self._end_of_last <= self._ahead
        self._ahead = min(2 * self._ahead, _MOST_BYTES) if goes_on else _LEAST_BYTES
        wanted = min(max(stop - self._place, self._ahead), _MOST_BYTES)
        self._end_of_last = min(self._place + wanted, self.size_bytes)
        return self._end_of_last
