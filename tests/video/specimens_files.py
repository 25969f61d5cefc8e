"""Specimens by file: edit lists, several streams, early ends, container metadata, and damage."""

from __future__ import annotations

import random
import struct
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
from av.stream import Disposition

from tests.video import mp4_boxes
from tests.video.encoding import FRAMES, HEIGHT, TICKS, WIDTH, Sound, VideoSpec, beside, encode, paint
from tests.video.mp4_boxes import Box
from tests.video.specimen import ALL, Render, add, edited, encoded, sample_tables

_MPEG4, _HEVC = VideoSpec("mpeg4"), VideoSpec("libx265")

# ── edit lists ──────────────────────────────────────────────────────────────────────────────────────────


def _cuts(*edits: tuple[int, int]) -> Render:
    """An edit list in frames: lengths, and starts in the track (-1: nothing is shown)."""

    def change(file: Box) -> None:
        trak = mp4_boxes.track(file)
        (scale,) = struct.unpack_from(">I", file.at("moov/mvhd").body, 12)
        (ticks,) = struct.unpack_from(">I", trak.at("mdia/mdhd").body, 12)
        start = mp4_boxes.entries(trak.at("edts/elst"))[0][1]
        step = Fraction(1001, TICKS)
        mp4_boxes.set_edits(
            trak,
            [
                (round(length * step * scale), -1 if first < 0 else start + round(first * step * ticks))
                for length, first in edits
            ],
        )

    return edited(change)


add("edit_of_one_cut.mp4", _cuts((30, 10)), "libx264")
add("edit_to_a_key.mp4", _cuts((36, 12)), "libx264")
add("edit_empty_first.mp4", _cuts((20, -1), (48, 0)), "libx264", expected=ALL)
add("edits_of_two_cuts.mp4", _cuts((10, 5), (15, 28)), "libx264")
add("edits_of_the_same_twice.mp4", _cuts((15, 20), (15, 20)), "libx264")
add("edits_backwards.mp4", _cuts((12, 30), (12, 6)), "libx264")
add("edits_with_a_pause.mp4", _cuts((12, 0), (10, -1), (20, 20)), "libx264")

# ── which stream ────────────────────────────────────────────────────────────────────────────────────────


def _two_tracks(path: Path) -> None:
    """Two tracks; the second one is the default."""
    sources = [beside(path, f"{number}.mp4") for number in range(2)]
    encode(sources[0], VideoSpec(numbers=range(1000, 1000 + FRAMES)))
    encode(sources[1], VideoSpec())
    with av.open(str(path), "w") as output:
        opened = [av.open(str(source)) for source in sources]
        streams = []
        for number, container in enumerate(opened):
            stream = output.add_stream_from_template(container.streams.video[0], opaque=True)
            stream.disposition = Disposition.default if number else Disposition(0)
            streams.append(stream)
        packets = [(number, packet) for number, each in enumerate(opened) for packet in each.demux(video=0)]
        packets = [item for item in packets if item[1].size]
        packets.sort(key=lambda item: item[1].dts * item[1].time_base)
        for number, packet in packets:
            packet.stream = streams[number]
            output.mux(packet)
        for container in opened:
            container.close()


add("second_is_default.mkv", _two_tracks, "libx264", expected=ALL)
add("second_is_default.mp4", _two_tracks, "libx264", expected=ALL)


def _thumbnail_track(path: Path) -> None:
    """A track of chapter thumbnails before the video."""
    main, still = beside(path, "main.mp4"), beside(path, "still.mp4")
    encode(main)
    encode(still, VideoSpec("mjpeg", numbers=range(2000, 2002), step=20000))
    with av.open(str(path), "w") as output, av.open(str(still)) as first, av.open(str(main)) as second:
        for source in (first, second):
            output.add_stream_from_template(source.streams.video[0], opaque=True)
        for source, stream in zip((first, second), output.streams, strict=True):
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    boxes = mp4_boxes.parse(path.read_bytes())
    mp4_boxes.track(boxes, number=1).put(b"tref", [Box(b"chap", struct.pack(">I", 1))])
    path.write_bytes(mp4_boxes.serialize(boxes))


add("thumbnail_track.mp4", _thumbnail_track, "libx264", "mjpeg", expected=ALL)


def _cover(file: Box) -> None:
    """A cover picture, which the demuxer lists before the tracks."""
    png = bytes(cv2.imencode(".png", paint(3000))[1])
    item = _box(b"covr", _box(b"data", struct.pack(">II", 14, 0) + png))
    handler = _box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    meta = Box(b"meta", bytes(4) + handler + _box(b"ilst", item))
    moov = file.at("moov")
    moov.drop(b"udta")
    moov.boxes.insert(1, Box(b"udta", [meta]))


def _box(kind: bytes, body: bytes) -> bytes:
    return mp4_boxes.serialize(Box(kind, body))


add("cover_first.mp4", edited(_cover), "libx264", expected=ALL)

# ── files that end early ────────────────────────────────────────────────────────────────────────────────


def _trackwise(path: Path, *, keep: float) -> None:
    """An MP4 with its index first, then all pictures, then all sound, truncated at `keep` times the pictures."""
    plain = beside(path, "plain.mp4")
    encode(plain, sound=Sound())
    data = plain.read_bytes()
    file = mp4_boxes.parse(data)
    tables = [mp4_boxes.samples(mp4_boxes.track(file, handler)) for handler in (b"vide", b"soun")]
    parts = [mp4_boxes.data_of(each, data) for each in tables]
    for each in tables:
        each.put(b"stsc", mp4_boxes.table(b"stsc", [(1, len(mp4_boxes.sizes(each)), 1)]))
        each.put(b"stco", mp4_boxes.table(b"stco", [(0,)]))
    head = mp4_boxes.serialize(Box(b"", [file.at("ftyp"), file.at("moov")]))
    place = len(head) + 8
    for each, part in zip(tables, parts, strict=True):
        each.put(b"stco", mp4_boxes.table(b"stco", [(place,)]))
        place += len(part)
    head = mp4_boxes.serialize(Box(b"", [file.at("ftyp"), file.at("moov")]))
    whole = head + struct.pack(">I4s", 8 + sum(map(len, parts)), b"mdat") + b"".join(parts)
    path.write_bytes(whole[: len(head) + 8 + int(len(parts[0]) * keep)])


add("cut_in_the_sound.mp4", partial(_trackwise, keep=1.1), "libx264", "aac", expected=ALL)
add("cut_in_the_pictures.mp4", partial(_trackwise, keep=0.7), "libx264", "aac", damaged=True)


def _cut_off(share: float, **spec: Any) -> Render:
    muxing = spec.pop("muxing", None)

    def render(path: Path) -> None:
        plain = beside(path, f"plain{path.suffix}")
        encode(plain, VideoSpec(**spec), muxing=muxing)
        data = plain.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return render


for _suffix, _codec in (
    ("ts", "libx264"),
    ("mkv", "libx264"),
    ("avi", "mpeg4"),
    ("flv", "libx264"),
    ("webm", "libvpx-vp9"),
):
    add(f"cut_off.{_suffix}", _cut_off(0.61, codec=_codec), _codec, damaged=True)
add(
    "cut_off_fragments.mp4",
    _cut_off(0.61, muxing={"movflags": "frag_keyframe+empty_moov"}),
    "libx264",
    damaged=True,
)

# ── container metadata ──────────────────────────────────────────────────────────────────────────────────


def _turned(*matrix: int) -> Render:
    return edited(lambda file: mp4_boxes.set_matrix(mp4_boxes.track(file), *matrix))


add("mirrored.mp4", _turned(-1, 0, 0, 1, WIDTH, 0), "libx264")
add("upside_down.mp4", _turned(1, 0, 0, -1, 0, HEIGHT), "libx264")
add("turned.mp4", _turned(0, 1, -1, 0, HEIGHT, 0), "libx264")
add("turned_and_mirrored.mp4", _turned(0, 1, 1, 0), "libx264")
add("half_turned.mp4", _turned(-1, 0, 0, -1, WIDTH, HEIGHT), "libx264")

_LATER = [45000 + number * 1001 for number in ALL]
_SLIGHTLY = [900 + number * 1001 for number in ALL]
for _suffix in ("mp4", "mkv", "ts", "mov"):
    _sound = Sound(stop=Fraction(3))
    add(f"sound_first.{_suffix}", encoded(times=_LATER, sound=_sound), "libx264", "aac", expected=ALL)
add("sound_slightly_first.mkv", encoded(times=_SLIGHTLY, sound=Sound()), "libx264", "aac", expected=ALL)
add("sound_later.mkv", encoded(sound=Sound(start=Fraction(1), stop=Fraction(3))), "libx264", "aac", expected=ALL)


def _two_descriptions(path: Path) -> None:
    """Two encodings in one track, each with its sample description."""
    videos = [
        VideoSpec(numbers=range(24)),
        VideoSpec(numbers=range(24, 48), options={"x264-params": "cabac=1:8x8dct=1:ref=2"}),
    ]
    parts = []
    for number, spec in enumerate(videos):
        part = beside(path, f"{number}.mp4")
        encode(part, spec)
        data = part.read_bytes()
        file = mp4_boxes.parse(data)
        parts.append((file, mp4_boxes.samples(mp4_boxes.track(file)), data))
    file, tables, _ = parts[0]
    other = parts[1][1]
    pictures = [mp4_boxes.data_of(each, data) for _, each, data in parts]
    counts = [len(mp4_boxes.sizes(each)) for _, each, _ in parts]
    head = mp4_boxes.serialize(Box(b"", [box for box in file.boxes if box.kind in {b"ftyp", b"free"}]))
    start = len(head) + 8
    body = tables.at("stsd").body
    changed = {
        b"stsd": body[:4] + struct.pack(">I", 2) + body[8:] + other.at("stsd").body[8:],
        b"stsz": mp4_boxes.size_table(mp4_boxes.sizes(tables) + mp4_boxes.sizes(other)),
        b"stsc": mp4_boxes.table(b"stsc", [(1, counts[0], 1), (2, counts[1], 2)]),
        b"stco": mp4_boxes.table(b"stco", [(start,), (start + len(pictures[0]),)]),
    }
    keys = [mp4_boxes.entries(each.at("stss")) for each in (tables, other)]
    changed[b"stss"] = mp4_boxes.table(b"stss", keys[0] + [(key + counts[0],) for (key,) in keys[1]])
    for kind in ("stts", "ctts"):
        rows = [row for each in (tables, other) for row in mp4_boxes.entries(each.at(kind))]
        changed[kind.encode()] = mp4_boxes.table(kind.encode(), rows)
    for kind, content in changed.items():
        tables.put(kind, content)
    tables.drop(b"sgpd", b"sbgp", b"sdtp")
    mp4_boxes.track(file).drop(b"edts")
    data = b"".join(pictures)
    path.write_bytes(
        head + struct.pack(">I4s", 8 + len(data), b"mdat") + data + mp4_boxes.serialize(file.at("moov"))
    )


add("two_descriptions.mp4", _two_descriptions, "libx264", expected=ALL)


def _new_size(path: Path, second: VideoSpec) -> None:
    """One stream whose parameter sets change, with or without the picture size."""
    with av.open(str(path), "w") as output:
        stream = output.add_mux_stream("h264", rate=30, width=WIDTH, height=HEIGHT)
        stream.time_base = Fraction(1, TICKS)
        for number, spec in enumerate((VideoSpec(numbers=range(24)), second)):
            part = beside(path, f"{number}.ts")
            encode(part, spec)
            with av.open(str(part)) as source:
                packets = [packet for packet in source.demux(video=0) if packet.size]
            if number == 0 and path.suffix != ".ts":
                stream.extradata = bytes(packets[0])[: bytes(packets[0]).index(b"\0\0\1\x65")]
            first = packets[0].dts
            for packet in packets:
                shift = number * 24 * 3003 - first
                packet.pts, packet.dts = packet.pts + shift + 9000, packet.dts + shift
                packet.stream = stream
                output.mux(packet)


_BIGGER = VideoSpec(numbers=range(24, 48), size=(192, 112))
_SAME_SIZE = VideoSpec(numbers=range(24, 48), options={"x264-params": "cabac=1:8x8dct=1:ref=2"})
add("new_size.ts", partial(_new_size, second=_BIGGER), "libx264", expected=ALL)
add("new_size.mkv", partial(_new_size, second=_BIGGER), "libx264", expected=ALL)
add("new_parameters.ts", partial(_new_size, second=_SAME_SIZE), "libx264", expected=ALL)


def _no_offsets(file: Box) -> None:
    """Remove the composition offsets of reordered frames."""
    sample_tables(file).drop(b"ctts")
    mp4_boxes.track(file).drop(b"edts")


add("no_offsets.mp4", edited(_no_offsets), "libx264")
add("no_offsets_mpeg4.mp4", edited(_no_offsets, _MPEG4), "mpeg4")
add("no_offsets_hevc.mp4", edited(_no_offsets, _HEVC), "libx265")


def _reserved_colors(path: Path) -> None:
    """ProRes whose frames have reserved color tags."""
    encode(path, VideoSpec("prores_ks", range(24)))
    data = bytearray(path.read_bytes())
    place = -1
    while (place := data.find(b"icpf", place + 1)) >= 0:
        data[place + 18 : place + 21] = b"\0\0\1"
    path.write_bytes(data)


add("reserved_colors.mov", _reserved_colors, "prores_ks", expected=range(24))

# ── damage ──────────────────────────────────────────────────────────────────────────────────────────────


def _damaged(**spec: Any) -> Render:
    def render(path: Path) -> None:
        plain = beside(path, f"plain{path.suffix}")
        encode(plain, VideoSpec(**spec))
        data = bytearray(plain.read_bytes())
        draw = random.Random(path.name)
        for _ in range(12):
            data[draw.randrange(len(data) // 3, len(data) * 2 // 3)] ^= 1 << draw.randrange(8)
        path.write_bytes(data)

    return render


for _suffix, _codec in (
    ("mp4", "libx264"),
    ("ts", "libx264"),
    ("mkv", "libx265"),
    ("avi", "mpeg4"),
    ("webm", "libvpx-vp9"),
    ("mpg", "mpeg2video"),
):
    add(f"damaged.{_suffix}", _damaged(codec=_codec), _codec, damaged=True)
