"""Test videos, drawn and encoded with PyAV; every frame carries its number in its pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from actionpairs.synthetic.frame_index import Pixels, stamp_frame_index

WIDTH, HEIGHT, FRAMES = 160, 96, 48
SIZE = (WIDTH, HEIGHT)
TICKS = 30000  # per second; every frame's time is a whole number of ticks
SOUND_RATE = 48000
os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder prints its settings otherwise

Packets = list[Packet]


def paint(number: int, size: tuple[int, int] = SIZE) -> Pixels:
    """A picture that differs from its neighbors, with its number along the bottom left edge; BGR."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = 50 + number * 23 % 100, 60 + number * 37 % 90, 70 + number * 11 % 80
    picture[:, :, 1] += np.linspace(0, 60, width).astype(np.uint8)
    left, top = number * 5 % max(width - 40, 1), height // 8
    picture[top : height // 2, left : left + 36] = 200, 120, 40
    if width >= 144:
        stamp_frame_index(picture, number)
    return picture


# Fast settings for each encoder, with short groups of pictures.
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
class VideoSpec:
    """A video to encode. times: in TICKS; None means 30000/1001 frames per second from 0."""

    codec: str = "libx264"
    numbers: Sequence[int] = range(FRAMES)
    times: Sequence[int] | None = None
    step: int = 1001
    size: tuple[int, int] = SIZE
    options: dict[str, str] = field(default_factory=dict)
    format: str | None = None
    interlaced: bool = False

    def frames(self) -> Iterator[VideoFrame]:
        """The frames with their times."""
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
        """Add a stream for this video to a container."""
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
    """A sound track; start and stop in seconds."""

    start: Fraction = Fraction(0)
    stop: Fraction = Fraction(2)
    codec: str = "aac"


def encode(
    path: Path,
    spec: VideoSpec | None = None,
    *,
    sound: Sound | None = None,
    container: str | None = None,
    muxing: dict[str, str] | None = None,
) -> None:
    """Encode a video to a file."""
    spec = spec or VideoSpec()
    with av.open(str(path), "w", format=container, options=muxing or {}) as output:
        stream = spec.add_to(output)
        noise = output.add_stream(sound.codec, rate=SOUND_RATE, layout="mono") if sound else None
        samples = _samples(sound) if sound else iter(())
        waiting = next(samples, None)
        for frame in spec.frames():
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
    """Copy a file's video packets to another file through `change`."""
    with (
        av.open(str(source)) as source_file,
        av.open(str(path), "w", format=container, options=muxing or {}) as output,
    ):
        old = source_file.streams.video[0]
        new = output.add_stream_from_template(old, opaque=True)
        packets = [packet for packet in source_file.demux(old) if packet.size]
        if filters:
            through = BitStreamFilterContext(filters, old, new)
            packets = [filtered for packet in [*packets, None] for filtered in through.filter(packet)]
        for packet in list(change(packets)):
            packet.stream = new
            packet.time_base = old.time_base
            output.mux(packet)


def packet_like(packet: Packet, data: bytes) -> Packet:
    """A packet with other data and the same times and flags."""
    made: Packet = Packet(data)
    made.pts, made.dts, made.duration, made.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    made.is_keyframe = packet.is_keyframe
    return made


def beside(path: Path, name: str) -> Path:
    """A path for an intermediate file of a specimen."""
    folder = path.parent.parent / "parts"
    folder.mkdir(exist_ok=True)
    return folder / f"{path.stem}-{name}"
