"""Corrupt a video: its tables, its packets' times and flags, or any of its bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import av
from av.packet import Packet

from tests.video import mp4_boxes
from tests.video.encoding import Packets, packet_like
from tests.video.mp4_boxes import Box
from tests.video.test_fuzz import broken

BOXED = {".mp4", ".mov"}
_TABLES = ("stts", "ctts", "stss", "stsc", "stco", "elst")


def corrupt(source: Path, path: Path, draw: random.Random, *, other: Path) -> str:
    """Write a corrupt copy of a video, and return how. other: a video whose bytes may be spliced in."""
    ways = ["packets", "bytes", *(["tables", "tables"] if source.suffix in BOXED else [])]
    way = draw.choice(ways)
    if way == "tables":
        return _corrupt_tables(source, path, draw)
    if way == "packets":
        try:
            return _corrupt_packets(source, path, draw)
        except (av.FFmpegError, OSError, ValueError):
            way = "bytes"  # the muxer refuses such packets
    path.write_bytes(broken(source.read_bytes(), other.read_bytes(), draw))
    return way


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────


def _corrupt_tables(source: Path, path: Path, draw: random.Random) -> str:
    file = mp4_boxes.parse(source.read_bytes())
    changes = []
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        way = draw.choice(_TABLE_WAYS)
        try:
            changes.append(f"{way.__name__.strip('_')} {way(file, mp4_boxes.track(file), draw)}")
        except (struct.error, AssertionError, IndexError, ValueError, StopIteration):
            continue  # an earlier change removed this table
    path.write_bytes(mp4_boxes.serialize(file))
    return ", ".join(changes)


def _table(trak: Box, kind: str) -> Box:
    return trak.at(f"edts/{kind}" if kind == "elst" else f"mdia/minf/stbl/{kind}")


def _entries(_: Box, trak: Box, draw: random.Random) -> str:
    """Change, swap, drop or double entries of a table."""
    kind = draw.choice(_TABLES)
    table = _table(trak, kind)
    rows = [list(row) for row in mp4_boxes.entries(table)]
    for _ in range(draw.choice([1, 1, 2, 8])):
        first, second = draw.randrange(len(rows)), draw.randrange(len(rows))
        how = draw.choice(["change", "nudge", "swap", "drop", "double"])
        column = draw.randrange(len(rows[first]))
        if how == "change":
            rows[first][column] = draw.choice([0, 1, 2, 1000, draw.randrange(100000), -1 & 0x7FFFFFFF])
        elif how == "nudge":
            rows[first][column] += draw.choice([-512, -2, -1, 1, 2, 512, 1001])
        elif how == "swap":
            rows[first], rows[second] = rows[second], rows[first]
        elif how == "drop" and len(rows) > 1:
            del rows[first]
        else:
            rows.insert(second, list(rows[first]))
    head = struct.unpack(">I", table.body[:4])[0]
    low = -(1 << 31) if kind in {"ctts", "elst"} else 0
    rows = [[max(low, min(value, 0x7FFFFFFF)) for value in row] for row in rows]
    if kind == "elst":
        rows = [[abs(row[0]), *row[1:]] for row in rows]
    if kind == "ctts":
        rows = [[abs(row[0]), row[1]] for row in rows]
    table.content = mp4_boxes.table(kind.encode(), rows, head=head)
    return kind


def _counts(_: Box, trak: Box, draw: random.Random) -> str:
    """A wrong count of entries."""
    kind = draw.choice(_TABLES)
    table = _table(trak, kind)
    (count,) = struct.unpack(">I", table.body[4:8])
    count = max(count + draw.choice([-5, -1, 1, 5, 1000]), 0)
    table.content = table.body[:4] + struct.pack(">I", count) + table.body[8:]
    return kind


def _dropped(_: Box, trak: Box, draw: random.Random) -> str:
    kind = draw.choice([*_TABLES, "stsz", "stsd"])
    if kind == "elst":
        trak.drop(b"edts")
    else:
        mp4_boxes.samples(trak).drop(kind.encode())
    return kind


def _keys(_: Box, trak: Box, draw: random.Random) -> str:
    """A random table of key frames."""
    stbl = mp4_boxes.samples(trak)
    count = len(mp4_boxes.sizes(stbl))
    rows = sorted(draw.sample(range(1, count + 1), draw.randrange(1, count)))
    stbl.put(b"stss", mp4_boxes.table(b"stss", [(row,) for row in rows]))
    return f"{len(rows)} of {count}"


def _sizes(_: Box, trak: Box, draw: random.Random) -> str:
    stbl = mp4_boxes.samples(trak)
    sizes = mp4_boxes.sizes(stbl)
    for _ in range(draw.choice([1, 3])):
        place = draw.randrange(len(sizes))
        sizes[place] = max(sizes[place] + draw.choice([-100, -1, 1, 50, 5000, -sizes[place]]), 0)
    stbl.put(b"stsz", mp4_boxes.size_table(sizes))
    return ""


def _offsets(_: Box, trak: Box, draw: random.Random) -> str:
    """Composition offsets: all zero, negative, or random."""
    stbl = mp4_boxes.samples(trak)
    count = len(mp4_boxes.sizes(stbl))
    (ticks,) = struct.unpack_from(">I", trak.at("mdia/mdhd").body, 12)
    step = ticks // 30
    how = draw.choice(["zero", "minus", "random", "ragged"])
    rows = {
        "zero": [(count, 0)],
        "minus": [(1, -step * draw.randrange(4)) for _ in range(count)],
        "random": [(1, step * draw.randrange(6)) for _ in range(count)],
        "ragged": [(1, draw.randrange(3 * step + 1)) for _ in range(count)],
    }[how]
    stbl.put(b"ctts", mp4_boxes.table(b"ctts", rows, head=draw.choice([0, 1 << 24])))
    return how


def _edits(file: Box, trak: Box, draw: random.Random) -> str:
    """A random edit list."""
    (scale,) = struct.unpack_from(">I", file.at("moov/mvhd").body, 12)
    (ticks,) = struct.unpack_from(">I", trak.at("mdia/mdhd").body, 12)
    edits = []
    for _ in range(draw.choice([1, 1, 2, 3])):
        first = -1 if draw.random() < 0.2 else round(draw.random() * ticks)
        edits.append((round(draw.choice([0.1, 0.3, 0.6, 1.5]) * scale), first))
    mp4_boxes.set_edits(trak, edits)
    return str(len(edits))


def _scales(file: Box, trak: Box, draw: random.Random) -> str:
    box = draw.choice([trak.at("mdia/mdhd"), file.at("moov/mvhd")])
    value = draw.choice([0, 1, 25, 600, 1000, 44100, 90000, 1 << 30])
    box.content = box.body[:12] + struct.pack(">I", value) + box.body[16:]
    return f"{box.kind.decode()} {value}"


def _head(_: Box, trak: Box, draw: random.Random) -> str:
    """Flip bits of the track header: flags, size, matrix."""
    return _flipped(trak.at("tkhd"), draw)


def _description(_: Box, trak: Box, draw: random.Random) -> str:
    """Flip bits of the sample description."""
    return _flipped(mp4_boxes.samples(trak).at("stsd"), draw)


def _flipped(box: Box, draw: random.Random) -> str:
    body = bytearray(box.body)
    for _ in range(draw.choice([1, 1, 2, 5])):
        body[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
    box.content = bytes(body)
    return ""


def _fragment(file: Box, _: Box, draw: random.Random) -> str:
    """Flip bits of a fragment's header."""
    return _flipped(draw.choice([box for box in file.boxes if box.kind in {b"moof", b"sidx", b"mfra"}]), draw)


_TABLE_WAYS: tuple[Callable[[Box, Box, random.Random], str], ...] = (
    _entries,
    _entries,
    _entries,
    _counts,
    _dropped,
    _keys,
    _keys,
    _sizes,
    _offsets,
    _edits,
    _scales,
    _head,
    _description,
    _fragment,
)


# ── packets ─────────────────────────────────────────────────────────────────────────────────────────────


def _corrupt_packets(source: Path, path: Path, draw: random.Random) -> str:
    with av.open(str(source)) as source_file:
        old = source_file.streams.video[0]
        packets = [packet for packet in source_file.demux(old) if packet.size]
        ways = [draw.choice(_PACKET_WAYS) for _ in range(draw.choice([1, 1, 2]))]
        for way in ways:
            packets = way(packets, draw)
        if draw.random() < 0.5:
            _make_room(packets)
        with av.open(str(path), "w") as output:
            new = output.add_stream_from_template(old, opaque=True)
            muxed = sum(_mux(output, new, packet, old.time_base) for packet in packets)
    return f"{', '.join(way.__name__.strip('_') for way in ways)}, {muxed} of {len(packets)} muxed"


def _mux(output: av.container.OutputContainer, stream: object, packet: Packet, tick: object) -> bool:
    packet.stream, packet.time_base = stream, tick  # type: ignore[assignment]
    try:
        output.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True


def _make_room(packets: Packets) -> None:
    """Set decoding times that every muxer accepts, whatever the presentation times are."""
    low = min((packet.pts for packet in packets if packet.pts is not None), default=0)
    for place, packet in enumerate(packets):
        packet.dts = low - len(packets) + place


def _some(packets: Packets, draw: random.Random) -> Packets:
    return draw.sample(packets, min(len(packets), draw.choice([1, 2, 5, 12])))


def _step(packets: Packets) -> int:
    return max(packets[0].duration or 0, 1) if packets else 1


def _shifted(packets: Packets, draw: random.Random) -> Packets:
    for packet in _some(packets, draw):
        if packet.pts is not None:
            packet.pts += draw.choice([-3, -1, 1, 2, 40]) * _step(packets) // draw.choice([1, 2])
    return packets


def _run_shifted(packets: Packets, draw: random.Random) -> Packets:
    start = draw.randrange(len(packets))
    by = draw.choice([-400, -20, -2, 2, 20, 400]) * _step(packets)
    for packet in packets[start : start + draw.choice([5, 100])]:
        if packet.pts is not None:
            packet.pts += by
        if packet.dts is not None:
            packet.dts += by
    return packets


def _times_swapped(packets: Packets, draw: random.Random) -> Packets:
    for _ in range(draw.choice([1, 5])):
        first, second = draw.choice(packets), draw.choice(packets)
        first.pts, second.pts = second.pts, first.pts
    return packets


def _times_doubled(packets: Packets, draw: random.Random) -> Packets:
    for packet in _some(packets, draw):
        packet.pts = draw.choice(packets).pts
    return packets


def _without_pts(packets: Packets, draw: random.Random) -> Packets:
    for packet in draw.choice([packets, _some(packets, draw)]):
        packet.pts = None
    return packets


def _without_dts(packets: Packets, draw: random.Random) -> Packets:
    for packet in draw.choice([packets, _some(packets, draw)]):
        packet.dts = None
    return packets


def _pts_is_dts(packets: Packets, draw: random.Random) -> Packets:
    for packet in draw.choice([packets, _some(packets, draw)]):
        packet.pts = packet.dts
    return packets


def _key_flags(packets: Packets, draw: random.Random) -> Packets:
    how = draw.choice(["all", "none", "some"])
    for packet in _some(packets, draw) if how == "some" else packets:
        packet.is_keyframe = not packet.is_keyframe if how == "some" else how == "all"
    return packets


def _dropped_packets(packets: Packets, draw: random.Random) -> Packets:
    gone = set(map(id, draw.choice([_some(packets, draw), packets[: draw.randrange(1, 14)]])))
    return [packet for packet in packets if id(packet) not in gone]


def _doubled_packets(packets: Packets, draw: random.Random) -> Packets:
    twice = set(map(id, _some(packets, draw)))
    doubled = []
    for packet in packets:
        doubled.append(packet)
        if id(packet) in twice:
            again = packet_like(packet, bytes(packet))
            if draw.random() < 0.5 and packet.pts is not None and packet.dts is not None:
                again.pts, again.dts = packet.pts + 1, packet.dts + 1
            doubled.append(again)
    return doubled


def _emptied_packets(packets: Packets, draw: random.Random) -> Packets:
    changed = set(map(id, _some(packets, draw)))
    keep = draw.choice([0, 1, 5, 30])
    return [packet_like(packet, bytes(packet)[:keep]) if id(packet) in changed else packet for packet in packets]


def _order(packets: Packets, draw: random.Random) -> Packets:
    place = draw.randrange(len(packets) - 1)
    packets[place], packets[place + 1] = packets[place + 1], packets[place]
    return packets


_PACKET_WAYS: tuple[Callable[[Packets, random.Random], Packets], ...] = (
    _shifted,
    _run_shifted,
    _times_swapped,
    _times_doubled,
    _without_pts,
    _without_dts,
    _pts_is_dts,
    _key_flags,
    _dropped_packets,
    _doubled_packets,
    _emptied_packets,
    _order,
)
