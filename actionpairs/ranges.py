"""A remote file, read by byte ranges."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter

from actionpairs.errors import StorageError

_MIN_BYTES, _MAX_BYTES = 64 << 10, 4 << 20  # of one request
_WINDOWS = 8  # at most 32 MiB are cached


class RangedFile(io.RawIOBase):
    """A seekable file that requests byte ranges and caches the last few.

    read_range: returns the bytes [start, stop). Requests grow while a file is read from start to end; a request
    inside an expected range (see `expect`) does not go beyond it.
    """

    def __init__(self, read_range: Callable[[int, int], bytes], *, size_bytes: int, where: str) -> None:
        self.size_bytes = size_bytes
        self._read_range = read_range
        self._where = where
        self._position = 0
        self._windows: list[tuple[int, bytes]] = []  # (offset, bytes), the latest last
        self._read_ahead = _MIN_BYTES
        self._end_of_last = -1
        self._expected = (0, 0)
        self._zero_ranges: Sequence[tuple[int, int]] = ()

    def expect(self, start: int, stop: int) -> None:
        """Announce what is read next: a request that starts in [start, stop) ends there at the latest."""
        self._expected = start, stop

    @contextmanager
    def zeroed(self, ranges: Sequence[tuple[int, int]]) -> Iterator[None]:
        """In this context, these ranges [start, stop) read as zeros without a request; ascending, not touching."""
        self._zero_ranges = ranges
        try:
            yield
        finally:
            self._zero_ranges = ()

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True; seeking is free."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position; nothing is read."""
        self._position = offset + (0, self._position, self.size_bytes)[whence]
        return self._position

    def tell(self) -> int:
        """The position of the next byte."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes; fewer only at the end of the file."""
        stop = self.size_bytes if size is None or size < 0 else min(self._position + size, self.size_bytes)
        parts = []
        while self._position < stop:
            start, data = self._zero_window(stop) or self._window(stop)
            parts.append(data[self._position - start : stop - start])
            self._position += len(parts[-1])
        return b"".join(parts)

    def readall(self) -> bytes:
        """The rest of the file."""
        return self.read()

    def readinto(self, buffer: object) -> int:
        """Fill a buffer, or as much of it as the file has."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _zero_window(self, stop: int) -> tuple[int, bytes] | None:
        """Like `_window`, if the next byte is in a zero range; else None."""
        number = bisect_right(self._zero_ranges, self._position, key=itemgetter(0)) - 1
        end = self._zero_ranges[number][1] if number >= 0 else 0
        return (self._position, bytes(min(stop, end) - self._position)) if self._position < end else None

    def _window(self, stop: int) -> tuple[int, bytes]:
        """A cached or requested window that holds the next byte: its offset and bytes."""
        for number, (start, data) in enumerate(self._windows):
            if start <= self._position < start + len(data):
                self._windows.append(self._windows.pop(number))
                return start, data
        start, end = self._position, self._end(stop)
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
        """Where the next request ends, including read-ahead."""
        first, last = self._expected
        if first <= self._position < last:
            return min(self._position + _MAX_BYTES, last, self.size_bytes)
        is_sequential = 0 <= self._position - self._end_of_last <= self._read_ahead
        self._read_ahead = min(2 * self._read_ahead, _MAX_BYTES) if is_sequential else _MIN_BYTES
        wanted = min(max(stop - self._position, self._read_ahead), _MAX_BYTES)
        self._end_of_last = min(self._position + wanted, self.size_bytes)
        return self._end_of_last
