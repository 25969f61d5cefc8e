"""Parse, change and write the boxes of an MP4 file.

Offsets into the file stay right as long as nothing before `mdat` changes its size, and the muxer used here writes
`moov` last.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

# Boxes that hold nothing but boxes.
_NESTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta", b"tref"})
# The struct format of a table's entries; a table starts with version, flags and a count.
ENTRIES = {
    b"stts": "II",
    b"ctts": "Ii",
    b"stss": "I",
    b"stsc": "III",
    b"stco": "I",
    b"co64": "Q",
    b"elst": "Iii",
}
UNIT = 1 << 16  # 1.0 in the fixed point numbers of a display matrix


@dataclass
class Box:
    """A box: its kind, and the boxes or the bytes in it."""

    kind: bytes
    content: list[Box] | bytes

    @property
    def boxes(self) -> list[Box]:
        assert isinstance(self.content, list)
        return self.content

    @property
    def body(self) -> bytes:
        assert isinstance(self.content, bytes)
        return self.content

    def find(self, path: str) -> Box | None:
        """The first box at a path of kinds below this one."""
        kind, _, rest = path.partition("/")
        for box in self.boxes:
            if box.kind == kind.encode():
                return box.find(rest) if rest else box
        return None

    def at(self, path: str) -> Box:
        """Like `find`, but the box must exist."""
        box = self.find(path)
        assert box is not None, path
        return box

    def put(self, kind: bytes, content: list[Box] | bytes) -> None:
        """Set the content of the first box of a kind, or add one."""
        box = self.find(kind.decode())
        if box is None:
            self.boxes.append(Box(kind, content))
        else:
            box.content = content

    def drop(self, *kinds: bytes) -> None:
        """Remove all boxes of some kinds."""
        self.content = [box for box in self.boxes if box.kind not in kinds]


def parse(data: bytes) -> Box:
    """Parse a whole file, as a box without a kind."""
    return Box(b"", list(_boxes(data)))


def _boxes(data: bytes) -> Iterator[Box]:
    offset = 0
    while offset + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, offset + 8), 16
        stop = offset + size if size else len(data)
        body = data[offset + head : stop]
        yield Box(kind, list(_boxes(body)) if kind in _NESTS else body)
        offset = stop


def serialize(box: Box) -> bytes:
    """The bytes of a box or of a file from `parse`."""
    content = box.content if isinstance(box.content, bytes) else b"".join(map(serialize, box.content))
    return struct.pack(">I4s", len(content) + 8, box.kind) + content if box.kind else content


def track(file: Box, handler: bytes = b"vide", number: int = 0) -> Box:
    """One of a file's tracks of a handler."""
    tracks = [box for box in file.at("moov").boxes if box.kind == b"trak"]
    return [each for each in tracks if each.at("mdia/hdlr").body[8:12] == handler][number]


def samples(trak: Box) -> Box:
    """A track's sample table."""
    return trak.at("mdia/minf/stbl")


def entries(table: Box) -> list[tuple[int, ...]]:
    """The entries of one of the tables named in ENTRIES."""
    return list(struct.iter_unpack(">" + ENTRIES[table.kind], table.body[8:]))


def table(kind: bytes, rows: Iterable[Sequence[int]], *, head: int = 0) -> bytes:
    """The body of a table; head is its version and flags."""
    rows = list(rows)
    return struct.pack(">II", head, len(rows)) + b"".join(struct.pack(">" + ENTRIES[kind], *row) for row in rows)


def sizes(stbl: Box) -> list[int]:
    """The bytes of every sample."""
    body = stbl.at("stsz").body
    same, count = struct.unpack_from(">II", body, 4)
    return [same] * count if same else list(struct.unpack_from(f">{count}I", body, 12))


def size_table(sample_sizes: Sequence[int]) -> bytes:
    """The body of stsz."""
    return struct.pack(f">III{len(sample_sizes)}I", 0, 0, len(sample_sizes), *sample_sizes)


def data_of(stbl: Box, data: bytes) -> bytes:
    """All of a track's samples, one after the other; data is the whole file."""
    chunks = [offset for (offset,) in entries(stbl.at("stco"))]
    runs = entries(stbl.at("stsc"))
    left = sizes(stbl)
    chunks_data = []
    for number, offset in enumerate(chunks, start=1):
        count = next(run[1] for run in reversed(runs) if run[0] <= number)
        size = sum(left[:count])
        left = left[count:]
        chunks_data.append(data[offset : offset + size])
    return b"".join(chunks_data)


def set_edits(trak: Box, edits: Iterable[tuple[int, int]]) -> None:
    """Set a track's edit list: lengths in the movie's time scale, starts in the track's (-1: nothing shown)."""
    trak.drop(b"edts")
    rows = [(length, offset, UNIT) for length, offset in edits]
    trak.boxes.insert(1, Box(b"edts", [Box(b"elst", table(b"elst", rows))]))


# 7 parameters: the six numbers of a matrix belong together.
def set_matrix(trak: Box, a: int, b: int, c: int, d: int, x: int = 0, y: int = 0) -> None:
    """Set a track's display matrix; the numbers are integers."""
    head = bytearray(trak.at("tkhd").body)
    matrix = (a * UNIT, b * UNIT, 0, c * UNIT, d * UNIT, 0, x * UNIT, y * UNIT, 1 << 30)
    head[40:76] = struct.pack(">9i", *matrix)
    trak.at("tkhd").content = bytes(head)
