"""The ustar files that samples lie in: no clock, user or host goes in, and nothing but plain members comes out."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from actionpairs.errors import ShardError
from actionpairs.manifest import FileDigest

MEMBER_LIMIT_BYTES = 64 << 20
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE}

REMAKE = "Make the shards anew with `actionpairs shard`, or copy them again."


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a tar; `offset` is that of its first byte of data."""

    name: str
    offset: int
    data: bytes = field(repr=False)


class TarWriter:
    """A tar whose bytes depend on its members alone, hashed as it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._size_bytes = 0

    def add(self, name: str, data: bytes) -> int:
        """Append a member; returns the offset of its first byte of data."""
        offset = self._size_bytes + tarfile.BLOCKSIZE
        self._write(b"".join((_plain_header(name, len(data)), data, bytes(-len(data) % tarfile.BLOCKSIZE))))
        return offset

    def close(self) -> FileDigest:
        """Write the end mark, as long as tar makes it; returns the digest of the whole file."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self._size_bytes % tarfile.RECORDSIZE))
        return FileDigest(self._sha256.hexdigest(), self._size_bytes)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._sha256.update(data)
        self._size_bytes += len(data)


_HEADER = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_NAME, _SIZE, _CHECKSUM = slice(0, 100), slice(124, 136), slice(148, 156)
_REST = sum(_HEADER[100:124]) + sum(_HEADER[136:148]) + sum(b" " * 8) + sum(_HEADER[156:])  # of the checksum


def _plain_header(name: str, size_bytes: int) -> bytes:
    """What tarfile writes for a plain file of this name, ten times as fast: its other fields are all the same."""
    header, told, size = bytearray(_HEADER), name.encode(), b"%011o\0" % size_bytes
    header[_NAME] = told.ljust(100, b"\0")
    header[_SIZE] = size
    header[_CHECKSUM] = b"%06o\0 " % (_REST + sum(told) + sum(size))
    return bytes(header)


def members(file: BinaryIO, *, where: str) -> Iterator[Member]:
    """Read a tar from front to back; raises ShardError, which names the file and the first wrong member.

    Stricter than tarfile: no link, device, folder, extended header or sparse file is followed or even read, and
    no member is larger than 64 MiB: a file from elsewhere can neither lead out of the tar nor fill the memory.
    """
    before, end = "its start", 0
    while any(block := _read(file, tarfile.BLOCKSIZE, where=f"{where}: after {before}")):
        info = _header(block, where=f"{where}: after {before}")
        if info.type not in _PLAIN:
            raise ShardError(
                f"{where}: {info.name!r} is no plain file, and does not belong in a shard.", cure=REMAKE
            )
        if not 0 <= info.size <= MEMBER_LIMIT_BYTES:
            raise ShardError(f"{where}: {info.name!r} claims {info.size} bytes.", cure=REMAKE)
        padded = _read(file, info.size + -info.size % tarfile.BLOCKSIZE, where=f"{where}: in {info.name!r}")
        yield Member(info.name, end + tarfile.BLOCKSIZE, padded[: info.size])
        before, end = repr(info.name), end + tarfile.BLOCKSIZE + len(padded)
    while rest := file.read(tarfile.RECORDSIZE):
        if any(rest):
            raise ShardError(f"{where}: after {before}: more bytes follow the end mark.", cure=REMAKE)


def _read(file: BinaryIO, size_bytes: int, *, where: str) -> bytes:
    data = file.read(size_bytes)
    if len(data) < size_bytes:
        raise ShardError(f"{where}: cut off.", cure=REMAKE)
    return data


def _header(block: bytes, *, where: str) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise ShardError(f"{where}: not a tar header: {error}.", cure=REMAKE) from None
