"""Specimens by stream: containers, codecs, fields, times, key frames, and packets without a picture."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame

from tests.video import fields as paff
from tests.video import mp4_boxes
from tests.video.encoding import (
    FRAMES,
    HEIGHT,
    SIZE,
    TICKS,
    WIDTH,
    Packets,
    Sound,
    VideoSpec,
    beside,
    encode,
    packet_like,
    paint,
    remux,
)
from tests.video.mp4_boxes import Box
from tests.video.specimen import ALL, Render, add, edited, encoded, remuxed, sample_tables

# ── containers and codecs with correct tables ───────────────────────────────────────────────────────────

for _suffix in ("mp4", "mov", "mkv", "ts", "flv"):
    add(f"h264.{_suffix}", encoded(), "libx264", honest=_suffix in {"mp4", "mov", "mkv"}, expected=ALL)
add("h264_with_sound.mp4", encoded(sound=Sound()), "libx264", "aac", honest=True, expected=ALL)
add(
    "fragments.mp4", encoded(muxing={"movflags": "frag_keyframe+empty_moov"}), "libx264", honest=True, expected=ALL
)
add("front.mp4", encoded(muxing={"movflags": "faststart"}), "libx264", honest=True, expected=ALL)
_BASE_MOOF = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
add("fragment_a_frame.mp4", encoded(muxing=_BASE_MOOF), "libx264", expected=ALL)
add("h264_without_b.mkv", encoded(options={"bf": "0"}), "libx264", honest=True, expected=ALL)
add("h264_intra.mov", encoded(options={"g": "1"}), "libx264", honest=True, expected=ALL)
add("h264_pyramid.mp4", encoded(options={"bf": "5", "b-pyramid": "strict", "refs": "4"}), "libx264", expected=ALL)
add(
    "h264_open_gop.mp4",
    encoded(options={"x264-params": "open-gop=1:keyint=12:bframes=2"}),
    "libx264",
    expected=ALL,
)
add(
    "h264_open_gop.mkv",
    encoded(options={"x264-params": "open-gop=1:keyint=12:bframes=2"}),
    "libx264",
    expected=ALL,
)
_VARIED = [0, *np.cumsum(np.tile([1001, 1001, 4004, 500, 9009, 1001], 8)).tolist()]
add("variable_rate.mp4", encoded(times=_VARIED[:FRAMES]), "libx264", honest=True, expected=ALL)
add("starts_late.mkv", encoded(times=[90000 + n * 1001 for n in ALL]), "libx264", honest=True, expected=ALL)
add("hevc.mp4", encoded(codec="libx265"), "libx265", expected=ALL)
_OPEN = {"x265-params": "log-level=none:keyint=12:min-keyint=12:scenecut=0:bframes=3:open-gop=1"}
for _suffix in ("mp4", "mkv", "ts"):
    add(f"hevc_open_gop.{_suffix}", encoded(codec="libx265", options=_OPEN), "libx265", expected=ALL)
for _suffix in ("ts", "mpg", "mxf", "mkv", "mp4"):
    add(f"mpeg2.{_suffix}", encoded(codec="mpeg2video"), "mpeg2video", expected=ALL)
add("mpeg1.mpg", encoded(codec="mpeg1video"), "mpeg1video", expected=ALL)
add("mpeg4.mp4", encoded(codec="mpeg4"), "mpeg4", honest=True, expected=ALL)
add("mpeg4.mkv", encoded(codec="mpeg4"), "mpeg4", expected=ALL)
add("mpeg4_without_b.avi", encoded(codec="mpeg4", options={"bf": "0"}), "mpeg4", expected=ALL)
add("vp8.webm", encoded(codec="libvpx"), "libvpx", expected=ALL)
add("vp9.webm", encoded(codec="libvpx-vp9"), "libvpx-vp9", honest=True, expected=ALL)
add("vp9.mp4", encoded(codec="libvpx-vp9"), "libvpx-vp9", expected=ALL)
_ALTREF = {"deadline": "good", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16", "g": "24"}
add("vp9_superframes.webm", encoded(codec="libvpx-vp9", options=_ALTREF), "libvpx-vp9", expected=ALL)
add("av1.mkv", encoded(codec="libsvtav1"), "libsvtav1", expected=ALL)
add("av1.mp4", encoded(codec="libsvtav1"), "libsvtav1", expected=ALL)
add("prores.mov", encoded(codec="prores_ks", numbers=range(24)), "prores_ks", honest=True, expected=range(24))
add("mjpeg.avi", encoded(codec="mjpeg"), "mjpeg", expected=ALL)
add("mjpeg.mov", encoded(codec="mjpeg"), "mjpeg", honest=True, expected=ALL)
add("ffv1.mkv", encoded(codec="ffv1"), "ffv1", expected=ALL)
add("wmv2.wmv", encoded(codec="wmv2"), "wmv2", expected=ALL)
add("msmpeg4.asf", encoded(codec="msmpeg4"), "msmpeg4", expected=ALL)
add("flv1.flv", encoded(codec="flv"), "flv", expected=ALL)
# Containers that tick in milliseconds, at a rate that they cannot hold.
_FAST = {"step": 500, "numbers": range(60)}
add("ms_ticks.mkv", encoded(**{**_FAST, "step": 501}), "libx264", expected=range(60))
add("ms_ticks.flv", encoded(**{**_FAST, "step": 501}), "libx264", expected=range(60))

# ── interlaced, and in fields ───────────────────────────────────────────────────────────────────────────

_INTERLACED = {"x264-params": "tff=1:keyint=12:bframes=2"}
for _suffix in ("mp4", "ts"):
    add(f"h264_interlaced.{_suffix}", encoded(options=_INTERLACED), "libx264", expected=ALL)
for _suffix in ("mpg", "ts", "mxf"):
    _options = {"flags": "+ildct+ilme", "top": "1"}
    add(f"mpeg2_interlaced.{_suffix}", encoded(codec="mpeg2video", options=_options), "mpeg2video", expected=ALL)


def _in_fields(path: Path, *, second_timed: bool = True) -> None:
    """H.264 with one field per packet. No encoder writes it, so every macroblock is raw samples."""
    numbers, half = range(30), 1800
    with av.open(str(path), "w") as output:
        stream = output.add_mux_stream("h264", rate=25, width=WIDTH, height=HEIGHT)
        stream.time_base = Fraction(1, 90000)
        if path.suffix != ".ts":
            stream.extradata = paff.parameter_sets(*SIZE)
        for number in numbers:
            both = VideoFrame.from_ndarray(paint(number), "bgr24").reformat(format="yuv420p").to_ndarray()
            planes = [both[:HEIGHT], *both[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)]
            for bottom, data in enumerate(paff.coded(planes, number, key_every=10)):
                packet: Packet = Packet(data)
                packet.stream, packet.time_base = stream, Fraction(1, 90000)
                packet.pts = packet.dts = (2 * number + bottom) * half
                packet.is_keyframe = number % 10 == 0 and not bottom
                output.mux(packet)


for _suffix in ("ts", "mp4", "mkv"):
    add(f"h264_fields.{_suffix}", _in_fields, "libx264", expected=range(30))

# ── times that containers make up, or get wrong ─────────────────────────────────────────────────────────

add("b_frames.avi", encoded(codec="mpeg4"), "mpeg4", expected=ALL)
add("h264_b_frames.avi", encoded(), "libx264")
add("b_frames.asf", encoded(codec="mpeg4"), "mpeg4", expected=ALL)
add("h264_b_frames.wmv", encoded(container="asf"), "libx264", expected=ALL)


def _packed(path: Path, *, between: int) -> None:
    """A packed MPEG-4 bitstream as in DivX: a P and its first B in one packet, then an empty packet."""
    plain = beside(path, "plain.avi")
    encode(plain, VideoSpec("mpeg4", options={"bf": str(between), "flags": "+bitexact"}))
    remux(plain, path, _as_packed)


def _as_packed(packets: Packets) -> Iterator[Packet]:
    place = 0
    while place < len(packets):
        last = place
        while last + 1 < len(packets) and _vop_kind(bytes(packets[last + 1])) == 2:
            last += 1
        group = [bytes(packet) for packet in packets[place : last + 1]]
        group[0] = _marked(group[0])
        if len(group) > 1:
            group = [group[0] + group[1], *group[2:], _not_coded(group[-1])]
        for number, data in enumerate(group):
            yield packet_like(packets[place + number], data)
        place = last + 1


def _vop_kind(data: bytes) -> int | None:
    """0, 1 or 2 for I, P or B."""
    place = data.find(b"\0\0\1\xb6")
    return data[place + 4] >> 6 if place >= 0 else None


def _marked(data: bytes) -> bytes:
    """Add the user data that marks a packed bitstream, before a key frame."""
    place = data.find(b"\0\0\1\xb6")
    is_key = _vop_kind(data) == 0
    return data[:place] + b"\0\0\1\xb2DivX503b1393p" + data[place:] if is_key else data


def _not_coded(follower: bytes) -> bytes:
    """An empty P picture (not coded) at the time of the B picture."""
    place = follower.find(b"\0\0\1\xb6")
    bits = "".join(f"{byte:08b}" for byte in follower[place + 4 : place + 12])[2:]
    seconds = bits.index("0") + 1  # one 1-bit per whole second since the last picture
    # 30000 ticks per second take 15 bits.
    bits = "01" + bits[: seconds + 1 + 15] + "1" + "0"
    bits += "0" + "1" * (-(len(bits) + 1) % 8)
    return b"\0\0\1\xb6" + int(bits, 2).to_bytes(len(bits) // 8, "big")


add("packed.avi", partial(_packed, between=1), "mpeg4", expected=ALL)
add("packed_two.avi", partial(_packed, between=2), "mpeg4", expected=ALL)
add("packed_two.mkv", partial(_packed, between=2), "mpeg4", expected=ALL)


def _pts_is_dts(packets: Packets) -> Packets:
    for packet in packets:
        packet.pts = packet.dts
    return packets


for _suffix in ("mkv", "mp4", "ts", "flv"):
    add(f"pts_is_dts.{_suffix}", remuxed(_pts_is_dts, source="mp4"), "libx264")


def _ticks(packets: Packets, times: Sequence[int]) -> Packets:
    """Set presentation times in milliseconds, and decoding times that every muxer accepts."""
    for place, (packet, time) in enumerate(zip(packets, times, strict=True)):
        packet.pts, packet.dts = time, place
    return packets


def _twice(packets: Packets) -> Packets:
    return _ticks(packets, [100 + place // 2 * 66 for place in range(len(packets))])


def _back(packets: Packets) -> Packets:
    return _ticks(packets, [1000 + place * 33 - 500 * (place // 20) for place in range(len(packets))])


def _swapped(packets: Packets) -> Packets:
    return _ticks(packets, [1000 + (place ^ (place // 7 % 2)) * 33 for place in range(len(packets))])


_FORWARD = VideoSpec(options={"bf": "0"})
add("times_twice.mkv", remuxed(_twice, _FORWARD), "libx264")
add("times_go_back.mkv", remuxed(_back, _FORWARD), "libx264")
add("times_swapped.mkv", remuxed(_swapped, _FORWARD), "libx264")


def _doubled(packets: Packets) -> Packets:
    """Every second frame has the time of the one before it, and frames are reordered."""
    for place, packet in enumerate(packets):
        packet.pts, packet.dts = 100 + packet.pts // 67 * 67, place
    return packets


add("b_frames_times_twice.mkv", remuxed(_doubled), "libx264")


JOINT = 40  # the number of the second recording's first frame


def _joined(path: Path, codec: str = "libx264") -> None:
    """Two recordings that both start at 0 s, concatenated."""
    parts = []
    for number, numbers in enumerate((range(JOINT), range(JOINT, 70))):
        part = beside(path, f"{number}{path.suffix}")
        encode(part, VideoSpec(codec, numbers))
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))


# As ffmpeg 5.1 and 9.0 play them; packets of joined.ts have no durations.
_SEAM, _BOTH, _JOINED_MPEG2 = Fraction(1001, TICKS), range(70), partial(_joined, codec="mpeg2video")
add("joined.ts", _joined, "libx264", expected=_BOTH, seam=Fraction(3, 90000))
add("joined_mpeg2.ts", _JOINED_MPEG2, "mpeg2video", expected=_BOTH, seam=_SEAM)
add("joined.mpg", _JOINED_MPEG2, "mpeg2video", expected=_BOTH, seam=_SEAM)

# ── wrong key frames, and streams without a first one ──────────────────────────────────────────────────


def _false_keys(file: Box, every: int = 7) -> None:
    sample_tables(file).put(b"stss", mp4_boxes.table(b"stss", [(place,) for place in range(1, FRAMES + 1, every)]))


def _no_keys(file: Box) -> None:
    sample_tables(file).drop(b"stss")


def _one_key(file: Box) -> None:
    sample_tables(file).put(b"stss", mp4_boxes.table(b"stss", [(1,)]))


def _late_key(file: Box) -> None:
    sample_tables(file).put(b"stss", mp4_boxes.table(b"stss", [(31,)]))


_MPEG4, _HEVC = VideoSpec("mpeg4"), VideoSpec("libx265")
add("false_keys.mp4", edited(_false_keys), "libx264", expected=ALL)
add("false_keys_mpeg4.mp4", edited(_false_keys, _MPEG4), "mpeg4", expected=ALL)
add("false_keys_hevc.mp4", edited(_false_keys, _HEVC), "libx265", expected=ALL)
add("no_sync_table.mp4", edited(_no_keys), "libx264", expected=ALL)
add("no_sync_table_without_b.mp4", edited(_no_keys, _FORWARD), "libx264", expected=ALL)
add("no_sync_table_mpeg4.mp4", edited(_no_keys, _MPEG4), "mpeg4", expected=ALL)
add("no_sync_table_hevc.mp4", edited(_no_keys, _HEVC), "libx265", expected=ALL)
add("one_key.mp4", edited(_one_key), "libx264", expected=ALL)
add("late_key.mp4", edited(_late_key), "libx264", expected=ALL)

_REFRESH = {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}
for _suffix in ("mp4", "mkv", "ts"):
    add(f"intra_refresh.{_suffix}", encoded(options=_REFRESH), "libx264", expected=ALL)


def _tail(name: str, spec: VideoSpec, *, keys: int) -> Render:
    """A stream without its first groups of pictures: its first frames need frames that are gone."""

    def render(path: Path) -> None:
        plain = beside(path, name)
        encode(plain, spec)

        def rest(packets: Packets) -> Packets:
            places = [place for place, packet in enumerate(packets) if packet.is_keyframe]
            return packets[places[keys] :]

        remux(plain, path, rest)

    return render


_OPEN_H264 = VideoSpec(options={"x264-params": "open-gop=1:keyint=12:bframes=2"})
add("begins_open.ts", _tail("a.ts", VideoSpec("mpeg2video"), keys=1), "mpeg2video")
add("begins_open.mpg", _tail("a.mpg", VideoSpec("mpeg2video"), keys=1), "mpeg2video")
add("begins_open_h264.ts", _tail("a.ts", _OPEN_H264, keys=1), "libx264")
add("begins_open_h264.mkv", _tail("a.mkv", _OPEN_H264, keys=1), "libx264")
add("begins_open_hevc.ts", _tail("a.ts", VideoSpec("libx265", options=_OPEN), keys=1), "libx265")
add("begins_open_hevc.mkv", _tail("a.mkv", VideoSpec("libx265", options=_OPEN), keys=1), "libx265")


def _from_the_middle(name: str, spec: VideoSpec) -> Render:
    """A recording that starts anywhere: packets before its first key frame cannot be decoded."""

    def render(path: Path) -> None:
        plain = beside(path, name)
        encode(plain, spec)
        data = plain.read_bytes()
        place = len(data) // 5 // 188 * 188
        path.write_bytes(data[:564] + data[place:])

    return render


add("begins_anywhere.ts", _from_the_middle("a.ts", VideoSpec("mpeg2video")), "mpeg2video")
add("begins_anywhere_h264.ts", _from_the_middle("a.ts", VideoSpec()), "libx264")

# ── packets without a frame ─────────────────────────────────────────────────────────────────────────────

_SEI = bytes([6, 5, 17]) + bytes(range(16)) + b"x\x80"  # unregistered user data


def _pictureless(packets: Packets) -> Iterator[Packet]:
    """Add packets that hold only SEI, with their own times."""
    for place, packet in enumerate(packets):
        yield packet
        if place % 9 == 4:
            extra = packet_like(packet, struct.pack(">I", len(_SEI)) + _SEI)
            extra.is_keyframe = False
            extra.pts, extra.dts = packet.pts + 1, packet.dts + 1
            yield extra


for _suffix in ("mp4", "mkv"):
    add(f"pictureless_packets.{_suffix}", remuxed(_pictureless, source="mp4"), "libx264", expected=ALL)


def _hidden(packets: Packets) -> Iterator[Packet]:
    """VP8 with frames that are only references and not shown."""
    for place, packet in enumerate(packets):
        data = bytearray(packet)
        if place % 7 == 3:
            data[0] &= ~0x10
        yield packet_like(packet, bytes(data))


_SEEN = [number for number in ALL if number % 7 != 3]
add("vp8_hidden.webm", remuxed(_hidden, VideoSpec("libvpx")), "libvpx", expected=tuple(_SEEN))
add("vp8_hidden.avi", remuxed(_hidden, VideoSpec("libvpx")), "libvpx", expected=tuple(_SEEN))


def _superframes_split(path: Path) -> None:
    plain = beside(path, "plain.mkv")
    encode(plain, VideoSpec("libvpx-vp9", options=_ALTREF))
    remux(plain, path, filters="vp9_superframe_split")


add("vp9_hidden.mkv", _superframes_split, "libvpx-vp9", expected=ALL)
