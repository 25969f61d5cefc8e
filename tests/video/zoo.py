"""A zoo of videos as people have them: one small file of every kind, rendered by PyAV alone.

Every frame carries its number in its pixels. `SPECIMENS` names them all; full_decode.py tells their frames.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame

from actionpairs.synthetic.frame_index import Pixels, stamp_frame_index
from tests.video import fields as paff
from tests.video import mp4_boxes
from tests.video.mp4_boxes import Box

WIDTH, HEIGHT, FRAMES = 160, 96, 48
SIZE = (WIDTH, HEIGHT)
TICKS = 30000  # units of a second that every frame's time is a whole number of
SOUND_RATE = 48000
os.environ.setdefault("SVT_LOG", "0")  # or the AV1 encoder talks

Render = Callable[[Path], None]
Packets = list[Packet]


@dataclass(frozen=True)
class Specimen:
    """A kind of video.

    name: its file's. needs: encoders. honest: its container tells the truth, so that nothing needs to be read
    through. damaged: frames may be refused. shown: the numbers that are shown, in order, where they are known
    beforehand. seam: of two recordings joined, how long after the first's last frame the second's first one is
    shown, where ffmpeg shows one after the other.
    """

    name: str
    render: Render = field(repr=False)
    needs: tuple[str, ...]
    honest: bool = False
    damaged: bool = False
    shown: tuple[int, ...] | None = None
    seam: Fraction | None = None

    @property
    def missing(self) -> list[str]:
        """The encoders that this PyAV lacks."""
        return [name for name in self.needs if not _can_encode(name)]


SPECIMENS: list[Specimen] = []


def _can_encode(name: str) -> bool:
    try:
        return name in av.codecs_available and av.Codec(name, "w") is not None
    except av.codec.codec.UnknownCodecError:
        return False


def add(name: str, render: Render, *needs: str, **more: Any) -> None:
    """Put a specimen into the zoo."""
    if isinstance(more.get("shown"), range):
        more["shown"] = tuple(more["shown"])
    SPECIMENS.append(Specimen(name, render, needs, **more))


# ── painting and encoding ───────────────────────────────────────────────────────────────────────────────


def paint(number: int, size: tuple[int, int] = SIZE) -> Pixels:
    """A picture unlike its neighbors, with its number along the bottom left edge; BGR."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = 50 + number * 23 % 100, 60 + number * 37 % 90, 70 + number * 11 % 80
    picture[:, :, 1] += np.linspace(0, 60, width).astype(np.uint8)
    left, top = number * 5 % max(width - 40, 1), height // 8
    picture[top : height // 2, left : left + 36] = 200, 120, 40
    if width >= 144:
        stamp_frame_index(picture, number)
    return picture


# What makes each encoder fast, and its groups of pictures short.
_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "g": "12", "bf": "2", "sc_threshold": "0", "crf": "18"},
    "libx265": {
        "preset": "ultrafast",
        "x265-params": "log-level=none:keyint=12:min-keyint=12:scenecut=0:bframes=2",
    },
    "mpeg4": {"g": "12", "bf": "2", "qmin": "2", "qmax": "4"},
    "msmpeg4": {"g": "12", "qmin": "2", "qmax": "4"},
    "wmv2": {"g": "12", "qmin": "2", "qmax": "4"},
    "flv": {"g": "12", "qmin": "2", "qmax": "4"},
    "mpeg2video": {"g": "12", "bf": "2", "qmin": "2", "qmax": "4", "sc_threshold": "1000000000"},
    "mpeg1video": {"g": "12", "bf": "2", "qmin": "2", "qmax": "4", "sc_threshold": "1000000000"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "g": "12", "b": "2000000"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": "12", "b": "2000000"},
    "libsvtav1": {"preset": "13", "g": "12", "crf": "20"},
}
_FORMATS = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p", "dnxhd": "yuv422p", "png": "rgb24"}


@dataclass
class Film:
    """What is to be encoded; times are in TICKS, 30000/1001 frames a second from 0 where none are given."""

    codec: str = "libx264"
    numbers: Sequence[int] = range(FRAMES)
    times: Sequence[int] | None = None
    step: int = 1001
    size: tuple[int, int] = SIZE
    options: dict[str, str] = field(default_factory=dict)
    format: str | None = None
    interlaced: bool = False

    def frames(self) -> Iterator[VideoFrame]:
        """Painted frames with their times."""
        for place, number in enumerate(self.numbers):
            frame = VideoFrame.from_ndarray(paint(number, self.size), "bgr24")
            frame = frame.reformat(format=self.pix_fmt)
            frame.pts = self.times[place] if self.times else place * self.step
            frame.time_base = Fraction(1, TICKS)
            yield frame

    @property
    def pix_fmt(self) -> str:
        return self.format or _FORMATS.get(self.codec, "yuv420p")

    def add_to(self, container: OutputContainer) -> Any:
        """A stream for it."""
        rate = Fraction(TICKS, self.step)
        stream = container.add_stream(self.codec, rate=rate)
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pix_fmt
        variable = self.codec not in {"mpeg2video", "mpeg1video", "msmpeg4", "wmv2", "mpeg4", "flv"}
        base = Fraction(1, TICKS) if variable else 1 / rate
        stream.time_base = stream.codec_context.time_base = base
        stream.codec_context.options = {**_OPTIONS.get(self.codec, {}), **self.options}
        return stream

    @property
    def length(self) -> Fraction:
        return Fraction(len(self.numbers) * self.step, TICKS)


@dataclass
class Sound:
    """A tone from a time on, in seconds."""

    start: Fraction = Fraction(0)
    stop: Fraction = Fraction(2)
    codec: str = "aac"


def encode(
    path: Path,
    film: Film | None = None,
    *,
    sound: Sound | None = None,
    container: str | None = None,
    muxing: dict[str, str] | None = None,
) -> None:
    """Write a film to a file."""
    film = film or Film()
    with av.open(str(path), "w", format=container, options=muxing or {}) as output:
        stream = film.add_to(output)
        noise = output.add_stream(sound.codec, rate=SOUND_RATE, layout="mono") if sound else None
        samples = _samples(sound) if sound else iter(())
        waiting = next(samples, None)
        for frame in film.frames():
            while waiting is not None and waiting.pts * TICKS <= frame.pts * SOUND_RATE:
                output.mux(noise.encode(waiting))
                waiting = next(samples, None)
            output.mux(stream.encode(frame))
        while waiting is not None:
            output.mux(noise.encode(waiting))
            waiting = next(samples, None)
        output.mux(stream.encode())
        if noise is not None:
            output.mux(noise.encode())


def _samples(sound: Sound) -> Iterator[av.AudioFrame]:
    kind = "s16" if sound.codec in {"mp2", "pcm_s16le"} else "fltp"
    dtype = np.int16 if kind == "s16" else np.float32
    for start in range(int(sound.start * SOUND_RATE), int(sound.stop * SOUND_RATE), 1152):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1152), dtype), kind, "mono")
        frame.sample_rate, frame.pts = SOUND_RATE, start
        frame.time_base = Fraction(1, SOUND_RATE)
        yield frame


def remux(
    source: Path,
    path: Path,
    change: Callable[[Packets], Iterable[Packet]] = iter,
    *,
    container: str | None = None,
    muxing: dict[str, str] | None = None,
    filters: str | None = None,
) -> None:
    """Write a file's video packets, changed, to another file."""
    with av.open(str(source)) as given, av.open(str(path), "w", format=container, options=muxing or {}) as output:
        old = given.streams.video[0]
        new = output.add_stream_from_template(old, opaque=True)
        packets = [packet for packet in given.demux(old) if packet.size]
        if filters:
            through = BitStreamFilterContext(filters, old, new)
            packets = [found for packet in [*packets, None] for found in through.filter(packet)]
        for packet in list(change(packets)):
            packet.stream = new
            packet.time_base = old.time_base
            output.mux(packet)


def packet_like(packet: Packet, data: bytes) -> Packet:
    """Another packet with the same times and flags."""
    made: Packet = Packet(data)
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    made.is_keyframe = packet.is_keyframe
    return made


def beside(path: Path, name: str) -> Path:
    """A file of the same specimen that is not itself one."""
    folder = path.parent.parent / "parts"
    folder.mkdir(exist_ok=True)
    return folder / f"{path.stem}-{name}"


# ── containers and codecs that tell the truth ───────────────────────────────────────────────────────────

ALL = range(FRAMES)


def _encoded(**film: Any) -> Render:
    muxing = film.pop("muxing", None)
    container = film.pop("container", None)
    sound = film.pop("sound", None)

    def render(path: Path) -> None:
        encode(path, Film(**film), muxing=muxing, container=container, sound=sound)

    return render


for _suffix in ("mp4", "mov", "mkv", "ts", "flv"):
    add(f"h264.{_suffix}", _encoded(), "libx264", honest=_suffix in {"mp4", "mov", "mkv"}, shown=ALL)
add("h264_with_sound.mp4", _encoded(sound=Sound()), "libx264", "aac", honest=True, shown=ALL)
add("fragments.mp4", _encoded(muxing={"movflags": "frag_keyframe+empty_moov"}), "libx264", honest=True, shown=ALL)
add("front.mp4", _encoded(muxing={"movflags": "faststart"}), "libx264", honest=True, shown=ALL)
_BASE_MOOF = {"movflags": "frag_every_frame+empty_moov+default_base_moof"}
add("fragment_a_frame.mp4", _encoded(muxing=_BASE_MOOF), "libx264", shown=ALL)
add("h264_without_b.mkv", _encoded(options={"bf": "0"}), "libx264", honest=True, shown=ALL)
add("h264_intra.mov", _encoded(options={"g": "1"}), "libx264", honest=True, shown=ALL)
add("h264_pyramid.mp4", _encoded(options={"bf": "5", "b-pyramid": "strict", "refs": "4"}), "libx264", shown=ALL)
add("h264_open_gop.mp4", _encoded(options={"x264-params": "open-gop=1:keyint=12:bframes=2"}), "libx264", shown=ALL)
add("h264_open_gop.mkv", _encoded(options={"x264-params": "open-gop=1:keyint=12:bframes=2"}), "libx264", shown=ALL)
_VARIED = [0, *np.cumsum(np.tile([1001, 1001, 4004, 500, 9009, 1001], 8)).tolist()]
add("variable_rate.mp4", _encoded(times=_VARIED[:FRAMES]), "libx264", honest=True, shown=ALL)
add("starts_late.mkv", _encoded(times=[90000 + n * 1001 for n in ALL]), "libx264", honest=True, shown=ALL)
add("hevc.mp4", _encoded(codec="libx265"), "libx265", shown=ALL)
_OPEN = {"x265-params": "log-level=none:keyint=12:min-keyint=12:scenecut=0:bframes=3:open-gop=1"}
for _suffix in ("mp4", "mkv", "ts"):
    add(f"hevc_open_gop.{_suffix}", _encoded(codec="libx265", options=_OPEN), "libx265", shown=ALL)
for _suffix in ("ts", "mpg", "mxf", "mkv", "mp4"):
    add(f"mpeg2.{_suffix}", _encoded(codec="mpeg2video"), "mpeg2video", shown=ALL)
add("mpeg1.mpg", _encoded(codec="mpeg1video"), "mpeg1video", shown=ALL)
add("mpeg4.mp4", _encoded(codec="mpeg4"), "mpeg4", honest=True, shown=ALL)
add("mpeg4.mkv", _encoded(codec="mpeg4"), "mpeg4", shown=ALL)
add("mpeg4_without_b.avi", _encoded(codec="mpeg4", options={"bf": "0"}), "mpeg4", shown=ALL)
add("vp8.webm", _encoded(codec="libvpx"), "libvpx", shown=ALL)
add("vp9.webm", _encoded(codec="libvpx-vp9"), "libvpx-vp9", honest=True, shown=ALL)
add("vp9.mp4", _encoded(codec="libvpx-vp9"), "libvpx-vp9", shown=ALL)
_ALTREF = {"deadline": "good", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16", "g": "24"}
add("vp9_superframes.webm", _encoded(codec="libvpx-vp9", options=_ALTREF), "libvpx-vp9", shown=ALL)
add("av1.mkv", _encoded(codec="libsvtav1"), "libsvtav1", shown=ALL)
add("av1.mp4", _encoded(codec="libsvtav1"), "libsvtav1", shown=ALL)
add("prores.mov", _encoded(codec="prores_ks", numbers=range(24)), "prores_ks", honest=True, shown=range(24))
add("mjpeg.avi", _encoded(codec="mjpeg"), "mjpeg", shown=ALL)
add("mjpeg.mov", _encoded(codec="mjpeg"), "mjpeg", honest=True, shown=ALL)
add("ffv1.mkv", _encoded(codec="ffv1"), "ffv1", shown=ALL)
add("wmv2.wmv", _encoded(codec="wmv2"), "wmv2", shown=ALL)
add("msmpeg4.asf", _encoded(codec="msmpeg4"), "msmpeg4", shown=ALL)
add("flv1.flv", _encoded(codec="flv"), "flv", shown=ALL)
# Containers that tick in milliseconds, at a rate that they cannot hold.
_FAST = {"step": 500, "numbers": range(60)}
add("ms_ticks.mkv", _encoded(**{**_FAST, "step": 501}), "libx264", shown=range(60))
add("ms_ticks.flv", _encoded(**{**_FAST, "step": 501}), "libx264", shown=range(60))

# ── interlaced, and in fields ───────────────────────────────────────────────────────────────────────────

_INTERLACED = {"x264-params": "tff=1:keyint=12:bframes=2"}
for _suffix in ("mp4", "ts"):
    add(f"h264_interlaced.{_suffix}", _encoded(options=_INTERLACED), "libx264", shown=ALL)
for _suffix in ("mpg", "ts", "mxf"):
    _options = {"flags": "+ildct+ilme", "top": "1"}
    add(f"mpeg2_interlaced.{_suffix}", _encoded(codec="mpeg2video", options=_options), "mpeg2video", shown=ALL)


def _in_fields(path: Path, *, second_timed: bool = True) -> None:
    """H.264 in fields, each a packet of its own. There is no encoder for it: every macroblock is raw."""
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
    add(f"h264_fields.{_suffix}", _in_fields, "libx264", shown=range(30))

# ── times that containers make up, or get wrong ─────────────────────────────────────────────────────────

add("b_frames.avi", _encoded(codec="mpeg4"), "mpeg4", shown=ALL)
add("h264_b_frames.avi", _encoded(), "libx264")
add("b_frames.asf", _encoded(codec="mpeg4"), "mpeg4", shown=ALL)
add("h264_b_frames.wmv", _encoded(container="asf"), "libx264", shown=ALL)


def _packed(path: Path, *, between: int) -> None:
    """MPEG-4 as DivX and Xvid pack it: a P and the first B before it in one packet, at the end one without any."""
    plain = beside(path, "plain.avi")
    encode(plain, Film("mpeg4", options={"bf": str(between), "flags": "+bitexact"}))
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
    """With the user data by which decoders know a packed stream, before a key's picture."""
    place = data.find(b"\0\0\1\xb6")
    is_key = _vop_kind(data) == 0
    return data[:place] + b"\0\0\1\xb2DivX503b1393p" + data[place:] if is_key else data


def _not_coded(follower: bytes) -> bytes:
    """A picture that is not coded: a P without anything, at the B's time."""
    place = follower.find(b"\0\0\1\xb6")
    bits = "".join(f"{byte:08b}" for byte in follower[place + 4 : place + 12])[2:]
    seconds = bits.index("0") + 1  # whole seconds since the last one, a one each
    # The time's bits: 30000 ticks a second take 15.
    bits = "01" + bits[: seconds + 1 + 15] + "1" + "0"
    bits += "0" + "1" * (-(len(bits) + 1) % 8)
    return b"\0\0\1\xb6" + int(bits, 2).to_bytes(len(bits) // 8, "big")


add("packed.avi", partial(_packed, between=1), "mpeg4", shown=ALL)
add("packed_two.avi", partial(_packed, between=2), "mpeg4", shown=ALL)
add("packed_two.mkv", partial(_packed, between=2), "mpeg4", shown=ALL)


def _rendered_then(
    change: Callable[[Packets], Iterable[Packet]], film: Film | None = None, **muxed: Any
) -> Render:
    """Encode to Matroska, then write the packets, changed."""
    source = muxed.pop("source", "mkv")

    def render(path: Path) -> None:
        plain = beside(path, f"plain.{source}")
        encode(plain, film)
        remux(plain, path, change, **muxed)

    return render


def _pts_is_dts(packets: Packets) -> Packets:
    for packet in packets:
        packet.pts = packet.dts
    return packets


for _suffix in ("mkv", "mp4", "ts", "flv"):
    add(f"pts_is_dts.{_suffix}", _rendered_then(_pts_is_dts, source="mp4"), "libx264")


def _ticks(packets: Packets, times: Sequence[int]) -> Packets:
    """Set times in milliseconds, and decoding times that no muxer minds."""
    for place, (packet, time) in enumerate(zip(packets, times, strict=True)):
        packet.pts, packet.dts = time, place
    return packets


def _twice(packets: Packets) -> Packets:
    return _ticks(packets, [100 + place // 2 * 66 for place in range(len(packets))])


def _back(packets: Packets) -> Packets:
    return _ticks(packets, [1000 + place * 33 - 500 * (place // 20) for place in range(len(packets))])


def _swapped(packets: Packets) -> Packets:
    return _ticks(packets, [1000 + (place ^ (place // 7 % 2)) * 33 for place in range(len(packets))])


_FORWARD = Film(options={"bf": "0"})
add("times_twice.mkv", _rendered_then(_twice, _FORWARD), "libx264")
add("times_go_back.mkv", _rendered_then(_back, _FORWARD), "libx264")
add("times_swapped.mkv", _rendered_then(_swapped, _FORWARD), "libx264")


def _doubled(packets: Packets) -> Packets:
    """Every second frame at the time of the one before, with frames out of order."""
    for place, packet in enumerate(packets):
        packet.pts, packet.dts = 100 + packet.pts // 67 * 67, place
    return packets


add("b_frames_times_twice.mkv", _rendered_then(_doubled), "libx264")


JOINT = 40  # the number of the second recording's first frame


def _joined(path: Path, codec: str = "libx264") -> None:
    """Two recordings, both from 0 s, one behind the other."""
    parts = []
    for number, numbers in enumerate((range(JOINT), range(JOINT, 70))):
        part = beside(path, f"{number}{path.suffix}")
        encode(part, Film(codec, numbers))
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))


# What ffmpeg 5.1 and 9.0 show; packets of the first one have no durations.
_SEAM, _BOTH, _JOINED_MPEG2 = Fraction(1001, TICKS), range(70), partial(_joined, codec="mpeg2video")
add("joined.ts", _joined, "libx264", shown=_BOTH, seam=Fraction(3, 90000))
add("joined_mpeg2.ts", _JOINED_MPEG2, "mpeg2video", shown=_BOTH, seam=_SEAM)
add("joined.mpg", _JOINED_MPEG2, "mpeg2video", shown=_BOTH, seam=_SEAM)

# ── keys that are none, and decoders that begin without one ─────────────────────────────────────────────


def _edited(change: Callable[[Box], None], film: Film | None = None, *, sound: Sound | None = None) -> Render:
    """Encode to MP4 and change its boxes; those before the pictures keep their sizes."""

    def render(path: Path) -> None:
        plain = beside(path, "plain.mp4")
        encode(plain, film, sound=sound)
        boxes = mp4_boxes.read(plain.read_bytes())
        change(boxes)
        path.write_bytes(mp4_boxes.write(boxes))

    return render


def _tables(file: Box) -> Box:
    return mp4_boxes.samples(mp4_boxes.track(file))


def _false_keys(file: Box, every: int = 7) -> None:
    _tables(file).put(b"stss", mp4_boxes.table(b"stss", [(place,) for place in range(1, FRAMES + 1, every)]))


def _no_keys(file: Box) -> None:
    _tables(file).drop(b"stss")


def _one_key(file: Box) -> None:
    _tables(file).put(b"stss", mp4_boxes.table(b"stss", [(1,)]))


def _late_key(file: Box) -> None:
    _tables(file).put(b"stss", mp4_boxes.table(b"stss", [(31,)]))


_MPEG4, _HEVC = Film("mpeg4"), Film("libx265")
add("false_keys.mp4", _edited(_false_keys), "libx264", shown=ALL)
add("false_keys_mpeg4.mp4", _edited(_false_keys, _MPEG4), "mpeg4", shown=ALL)
add("false_keys_hevc.mp4", _edited(_false_keys, _HEVC), "libx265", shown=ALL)
add("no_sync_table.mp4", _edited(_no_keys), "libx264", shown=ALL)
add("no_sync_table_without_b.mp4", _edited(_no_keys, _FORWARD), "libx264", shown=ALL)
add("no_sync_table_mpeg4.mp4", _edited(_no_keys, _MPEG4), "mpeg4", shown=ALL)
add("no_sync_table_hevc.mp4", _edited(_no_keys, _HEVC), "libx265", shown=ALL)
add("one_key.mp4", _edited(_one_key), "libx264", shown=ALL)
add("late_key.mp4", _edited(_late_key), "libx264", shown=ALL)

_REFRESH = {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}
for _suffix in ("mp4", "mkv", "ts"):
    add(f"intra_refresh.{_suffix}", _encoded(options=_REFRESH), "libx264", shown=ALL)


def _tail(name: str, film: Film, *, keys: int) -> Render:
    """A stream without its first groups of pictures: it begins with frames that need what is gone."""

    def render(path: Path) -> None:
        plain = beside(path, name)
        encode(plain, film)

        def rest(packets: Packets) -> Packets:
            places = [place for place, packet in enumerate(packets) if packet.is_keyframe]
            return packets[places[keys] :]

        remux(plain, path, rest)

    return render


_OPEN_H264 = Film(options={"x264-params": "open-gop=1:keyint=12:bframes=2"})
add("begins_open.ts", _tail("a.ts", Film("mpeg2video"), keys=1), "mpeg2video")
add("begins_open.mpg", _tail("a.mpg", Film("mpeg2video"), keys=1), "mpeg2video")
add("begins_open_h264.ts", _tail("a.ts", _OPEN_H264, keys=1), "libx264")
add("begins_open_h264.mkv", _tail("a.mkv", _OPEN_H264, keys=1), "libx264")
add("begins_open_hevc.ts", _tail("a.ts", Film("libx265", options=_OPEN), keys=1), "libx265")
add("begins_open_hevc.mkv", _tail("a.mkv", Film("libx265", options=_OPEN), keys=1), "libx265")


def _from_the_middle(name: str, film: Film) -> Render:
    """A recording that begins anywhere: packets before its first key are there, but of no use."""

    def render(path: Path) -> None:
        plain = beside(path, name)
        encode(plain, film)
        data = plain.read_bytes()
        place = len(data) // 5 // 188 * 188
        path.write_bytes(data[:564] + data[place:])

    return render


add("begins_anywhere.ts", _from_the_middle("a.ts", Film("mpeg2video")), "mpeg2video")
add("begins_anywhere_h264.ts", _from_the_middle("a.ts", Film()), "libx264")

# ── packets that are no frames ──────────────────────────────────────────────────────────────────────────

_SEI = bytes([6, 5, 17]) + bytes(range(16)) + b"x\x80"  # user data, not registered


def _pictureless(packets: Packets) -> Iterator[Packet]:
    """Packets of nothing but SEI, at times of their own."""
    for place, packet in enumerate(packets):
        yield packet
        if place % 9 == 4:
            extra = packet_like(packet, struct.pack(">I", len(_SEI)) + _SEI)
            extra.is_keyframe = False
            extra.pts, extra.dts = packet.pts + 1, packet.dts + 1
            yield extra


for _suffix in ("mp4", "mkv"):
    add(f"pictureless_packets.{_suffix}", _rendered_then(_pictureless, source="mp4"), "libx264", shown=ALL)


def _hidden(packets: Packets) -> Iterator[Packet]:
    """VP8 with frames that are not shown, as those that others are made from."""
    for place, packet in enumerate(packets):
        data = bytearray(packet)
        if place % 7 == 3:
            data[0] &= ~0x10
        yield packet_like(packet, bytes(data))


_SEEN = [number for number in ALL if number % 7 != 3]
add("vp8_hidden.webm", _rendered_then(_hidden, Film("libvpx")), "libvpx", shown=tuple(_SEEN))
add("vp8_hidden.avi", _rendered_then(_hidden, Film("libvpx")), "libvpx", shown=tuple(_SEEN))


def _superframes_split(path: Path) -> None:
    plain = beside(path, "plain.mkv")
    encode(plain, Film("libvpx-vp9", options=_ALTREF))
    remux(plain, path, filters="vp9_superframe_split")


add("vp9_hidden.mkv", _superframes_split, "libvpx-vp9", shown=ALL)


def _cuts(*edits: tuple[int, int]) -> Render:
    """Predictions in frames: lengths, and where they begin in the track (None: nothing is shown)."""

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

    return _edited(change)


add("edit_of_one_cut.mp4", _cuts((30, 10)), "libx264")
add("edit_to_a_key.mp4", _cuts((36, 12)), "libx264")
add("edit_empty_first.mp4", _cuts((20, -1), (48, 0)), "libx264", shown=ALL)
add("edits_of_two_cuts.mp4", _cuts((10, 5), (15, 28)), "libx264")
add("edits_of_the_same_twice.mp4", _cuts((15, 20), (15, 20)), "libx264")
add("edits_backwards.mp4", _cuts((12, 30), (12, 6)), "libx264")
add("edits_with_a_pause.mp4", _cuts((12, 0), (10, -1), (20, 20)), "libx264")

# ── which stream ────────────────────────────────────────────────────────────────────────────────────────


def _two_tracks(path: Path) -> None:
    """Two tracks; the second one is marked as the one to show."""
    sources = [beside(path, f"{number}.mp4") for number in range(2)]
    encode(sources[0], Film(numbers=range(1000, 1000 + FRAMES)))
    encode(sources[1], Film())
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


add("second_is_default.mkv", _two_tracks, "libx264", shown=ALL)
add("second_is_default.mp4", _two_tracks, "libx264", shown=ALL)


def _thumbnail_track(path: Path) -> None:
    """A track of thumbnails, as chapters have them, before the video."""
    film, still = beside(path, "film.mp4"), beside(path, "still.mp4")
    encode(film)
    encode(still, Film("mjpeg", numbers=range(2000, 2002), step=20000))
    with av.open(str(path), "w") as output, av.open(str(still)) as first, av.open(str(film)) as second:
        for given in (first, second):
            output.add_stream_from_template(given.streams.video[0], opaque=True)
        for given, stream in zip((first, second), output.streams, strict=True):
            for packet in given.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    boxes = mp4_boxes.read(path.read_bytes())
    mp4_boxes.track(boxes, number=1).put(b"tref", [Box(b"chap", struct.pack(">I", 1))])
    path.write_bytes(mp4_boxes.write(boxes))


add("thumbnail_track.mp4", _thumbnail_track, "libx264", "mjpeg", shown=ALL)


def _cover(file: Box) -> None:
    """A cover picture, which the demuxer finds before the tracks."""
    png = bytes(cv2.imencode(".png", paint(3000))[1])
    item = _box(b"covr", _box(b"data", struct.pack(">II", 14, 0) + png))
    handler = _box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    meta = Box(b"meta", bytes(4) + handler + _box(b"ilst", item))
    moov = file.at("moov")
    moov.drop(b"udta")
    moov.boxes.insert(1, Box(b"udta", [meta]))


def _box(kind: bytes, body: bytes) -> bytes:
    return mp4_boxes.write(Box(kind, body))


add("cover_first.mp4", _edited(_cover), "libx264", shown=ALL)

# ── files that end early ────────────────────────────────────────────────────────────────────────────────


def _trackwise(path: Path, *, keep: float) -> None:
    """An MP4 with its index first, then all pictures, then all sound, cut off in the sound (or before it)."""
    plain = beside(path, "plain.mp4")
    encode(plain, sound=Sound())
    data = plain.read_bytes()
    file = mp4_boxes.read(data)
    tables = [mp4_boxes.samples(mp4_boxes.track(file, handler)) for handler in (b"vide", b"soun")]
    parts = [mp4_boxes.data_of(each, data) for each in tables]
    for each in tables:
        each.put(b"stsc", mp4_boxes.table(b"stsc", [(1, len(mp4_boxes.sizes(each)), 1)]))
        each.put(b"stco", mp4_boxes.table(b"stco", [(0,)]))
    head = mp4_boxes.write(Box(b"", [file.at("ftyp"), file.at("moov")]))
    place = len(head) + 8
    for each, part in zip(tables, parts, strict=True):
        each.put(b"stco", mp4_boxes.table(b"stco", [(place,)]))
        place += len(part)
    head = mp4_boxes.write(Box(b"", [file.at("ftyp"), file.at("moov")]))
    whole = head + struct.pack(">I4s", 8 + sum(map(len, parts)), b"mdat") + b"".join(parts)
    path.write_bytes(whole[: len(head) + 8 + int(len(parts[0]) * keep)])


add("cut_in_the_sound.mp4", partial(_trackwise, keep=1.1), "libx264", "aac", shown=ALL)
add("cut_in_the_pictures.mp4", partial(_trackwise, keep=0.7), "libx264", "aac", damaged=True)


def _cut_off(share: float, **film: Any) -> Render:
    muxing = film.pop("muxing", None)

    def render(path: Path) -> None:
        plain = beside(path, f"plain{path.suffix}")
        encode(plain, Film(**film), muxing=muxing)
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

# ── what the container says beside the pictures ─────────────────────────────────────────────────────────


def _turned(*matrix: int) -> Render:
    return _edited(lambda file: mp4_boxes.set_matrix(mp4_boxes.track(file), *matrix))


add("mirrored.mp4", _turned(-1, 0, 0, 1, WIDTH, 0), "libx264")
add("upside_down.mp4", _turned(1, 0, 0, -1, 0, HEIGHT), "libx264")
add("turned.mp4", _turned(0, 1, -1, 0, HEIGHT, 0), "libx264")
add("turned_and_mirrored.mp4", _turned(0, 1, 1, 0), "libx264")
add("half_turned.mp4", _turned(-1, 0, 0, -1, WIDTH, HEIGHT), "libx264")

_LATER = [45000 + number * 1001 for number in ALL]
_SLIGHTLY = [900 + number * 1001 for number in ALL]
for _suffix in ("mp4", "mkv", "ts", "mov"):
    _sound = Sound(stop=Fraction(3))
    add(f"sound_first.{_suffix}", _encoded(times=_LATER, sound=_sound), "libx264", "aac", shown=ALL)
add("sound_slightly_first.mkv", _encoded(times=_SLIGHTLY, sound=Sound()), "libx264", "aac", shown=ALL)
add("sound_later.mkv", _encoded(sound=Sound(start=Fraction(1), stop=Fraction(3))), "libx264", "aac", shown=ALL)


def _two_descriptions(path: Path) -> None:
    """Two encodings in one track, each with a sample description."""
    videos = [
        Film(numbers=range(24)),
        Film(numbers=range(24, 48), options={"x264-params": "cabac=1:8x8dct=1:ref=2"}),
    ]
    parts = []
    for number, film in enumerate(videos):
        part = beside(path, f"{number}.mp4")
        encode(part, film)
        data = part.read_bytes()
        file = mp4_boxes.read(data)
        parts.append((file, mp4_boxes.samples(mp4_boxes.track(file)), data))
    file, tables, _ = parts[0]
    other = parts[1][1]
    pictures = [mp4_boxes.data_of(each, data) for _, each, data in parts]
    counts = [len(mp4_boxes.sizes(each)) for _, each, _ in parts]
    head = mp4_boxes.write(Box(b"", [box for box in file.boxes if box.kind in {b"ftyp", b"free"}]))
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
    path.write_bytes(head + struct.pack(">I4s", 8 + len(data), b"mdat") + data + mp4_boxes.write(file.at("moov")))


add("two_descriptions.mp4", _two_descriptions, "libx264", shown=ALL)


def _new_size(path: Path, second: Film) -> None:
    """One stream whose parameter sets change in it, with the pictures' size."""
    with av.open(str(path), "w") as output:
        stream = output.add_mux_stream("h264", rate=30, width=WIDTH, height=HEIGHT)
        stream.time_base = Fraction(1, TICKS)
        for number, film in enumerate((Film(numbers=range(24)), second)):
            part = beside(path, f"{number}.ts")
            encode(part, film)
            with av.open(str(part)) as given:
                packets = [packet for packet in given.demux(video=0) if packet.size]
            if number == 0 and path.suffix != ".ts":
                stream.extradata = bytes(packets[0])[: bytes(packets[0]).index(b"\0\0\1\x65")]
            first = packets[0].dts
            for packet in packets:
                shift = number * 24 * 3003 - first
                packet.pts, packet.dts = packet.pts + shift + 9000, packet.dts + shift
                packet.stream = stream
                output.mux(packet)


_BIGGER = Film(numbers=range(24, 48), size=(192, 112))
_SAME_SIZE = Film(numbers=range(24, 48), options={"x264-params": "cabac=1:8x8dct=1:ref=2"})
add("new_size.ts", partial(_new_size, second=_BIGGER), "libx264", shown=ALL)
add("new_size.mkv", partial(_new_size, second=_BIGGER), "libx264", shown=ALL)
add("new_parameters.ts", partial(_new_size, second=_SAME_SIZE), "libx264", shown=ALL)


def _no_offsets(file: Box) -> None:
    """Without the table that says when frames are shown that are decoded in another order."""
    _tables(file).drop(b"ctts")
    mp4_boxes.track(file).drop(b"edts")


add("no_offsets.mp4", _edited(_no_offsets), "libx264")
add("no_offsets_mpeg4.mp4", _edited(_no_offsets, _MPEG4), "mpeg4")
add("no_offsets_hevc.mp4", _edited(_no_offsets, _HEVC), "libx265")


def _reserved_colors(path: Path) -> None:
    """ProRes whose frames name colors by a number that means nothing."""
    encode(path, Film("prores_ks", range(24)))
    data = bytearray(path.read_bytes())
    place = -1
    while (place := data.find(b"icpf", place + 1)) >= 0:
        data[place + 18 : place + 21] = b"\0\0\1"
    path.write_bytes(data)


add("reserved_colors.mov", _reserved_colors, "prores_ks", shown=range(24))

# ── damage ──────────────────────────────────────────────────────────────────────────────────────────────


def _damaged(**film: Any) -> Render:
    def render(path: Path) -> None:
        plain = beside(path, f"plain{path.suffix}")
        encode(plain, Film(**film))
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


def render_all(folder: Path, *, only: Iterable[str] = ()) -> list[Specimen]:
    """Write every specimen that can be written here (or only some) to a folder; those are given back."""
    wanted = set(only)
    found = [each for each in SPECIMENS if not each.missing and (not wanted or each.name in wanted)]
    for specimen in found:
        specimen.render(folder / specimen.name)
    return found
