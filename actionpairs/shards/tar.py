"""Plain ustar files. Written without clock, user or host; read so that only plain files are accepted."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from actionpairs.errors import ShardError
from actionpairs.manifest import FileDigest

MAX_MEMBER_BYTES = 64 << 20
_PLAIN = {tarfile.REGTYPE, tarfile.AREGTYPE}

REMAKE = "Make the shards anew with `actionpairs shard`, or copy them again."


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a tar; `offset` is the position of its first data byte in the tar."""

    name: str
    offset: int
    data: bytes = field(repr=False)


class TarWriter:
    """Writes a tar whose bytes depend on its members alone, and hashes it on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._size_bytes = 0

    def add(self, name: str, data: bytes) -> int:
        """Append a member; returns the offset of its first data byte."""
        offset = self._size_bytes + tarfile.BLOCKSIZE
        self._write(b"".join((_plain_header(name, len(data)), data, bytes(-len(data) % tarfile.BLOCKSIZE))))
        return offset

    def close(self) -> FileDigest:
        """Write the end mark, padded as tar does; returns the digest of the whole file."""
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self._size_bytes % tarfile.RECORDSIZE))
        return FileDigest(self._sha256.hexdigest(), self._size_bytes)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._sha256.update(data)
        self._size_bytes += len(data)


_HEADER = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_NAME, _SIZE, _CHECKSUM = slice(0, 100), slice(124, 136), slice(148, 156)
# The checksum adds up all bytes of a header; this is the part that is the same in every header.
_CONSTANT_SUM = sum(_HEADER[100:124]) + sum(_HEADER[136:148]) + sum(b" " * 8) + sum(_HEADER[156:])


def _plain_header(name: str, size_bytes: int) -> bytes:
    """The same header as tarfile's for a plain file, ten times as fast: only name, size and checksum differ."""
    header, name_bytes, size = bytearray(_HEADER), name.encode(), b"%011o\0" % size_bytes
    header[_NAME] = name_bytes.ljust(100, b"\0")
    header[_SIZE] = size
    header[_CHECKSUM] = b"%06o\0 " % (_CONSTANT_SUM + sum(name_bytes) + sum(size))
    return bytes(header)


def iter_members(file: BinaryIO, *, where: str) -> Iterator[Member]:
    """Iterate over a tar from front to back; raises ShardError with the file and the first wrong member.

    Stricter than tarfile: links, devices, folders, extended headers, sparse files and members over 64 MiB are
    errors. So a tar from elsewhere can neither write outside a folder nor fill the memory.
    """
    before, end = "its start", 0
    while any(block := _next_bytes(file, tarfile.BLOCKSIZE, where=f"{where}: after {before}")):
        info = _parse_header(block, where=f"{where}: after {before}")
        if info.type not in _PLAIN:
            raise ShardError(
                f"{where}: {info.name!r} is no plain file, and does not belong in a shard.", cure=REMAKE
            )
        if not 0 <= info.size <= MAX_MEMBER_BYTES:
            raise ShardError(f"{where}: {info.name!r} claims {info.size} bytes.", cure=REMAKE)
        padded = _next_bytes(file, info.size + -info.size % tarfile.BLOCKSIZE, where=f"{where}: in {info.name!r}")
        yield Member(info.name, end + tarfile.BLOCKSIZE, padded[: info.size])
        before, end = repr(info.name), end + tarfile.BLOCKSIZE + len(padded)
    while rest := file.read(tarfile.RECORDSIZE):
        if any(rest):
            raise ShardError(f"{where}: after {before}: more bytes follow the end mark.", cure=REMAKE)


def _next_bytes(file: BinaryIO, size_bytes: int, *, where: str) -> bytes:
    data = file.read(size_bytes)
    if len(data) < size_bytes:
        raise ShardError(f"{where}: cut off.", cure=REMAKE)
    return data


def _parse_header(block: bytes, *, where: str) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise ShardError(f"{where}: not a tar header: {error}.", cure=REMAKE) from None
