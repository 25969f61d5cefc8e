"""The reference: all frames that FFmpeg's decoder gives, from the first packet to the last.

It shares no code with actionpairs except the frame numbers in the pixels; actionpairs is compared with it.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.container import Flags, InputContainer
from av.filter import Graph
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.stream import Discard, Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionpairs.synthetic.frame_index import CELL_SIZE, CELLS, Pixels, decode_frame_index

SLACK = Fraction(1, 1_000_000)
# If sound starts this much before the pictures, time 0 is the start of the sound.
SOUND_FIRST = Fraction(1, 20)
_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_JUMPING = frozenset({"mpegts", "mpeg"})
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED, and the same for primaries and transfer
_RESERVED = (0, 3)  # reserved values; for matrices, 0 is RGB
_WIDEST = 8192  # pixels; a damaged aspect ratio can be huge
_CONVERSION_ERRORS = (av.FFmpegError, OSError, ValueError)


Span = tuple[float, float]  # a segment: start and stop in seconds


class NoPicturesError(Exception):
    """FFmpeg's full decode gives no frame of this file."""


@dataclass(frozen=True)
class DecodedFrame:
    """An upright frame, and its time in seconds from time 0."""

    seconds: Fraction
    picture: Pixels  # BGR

    @property
    def number(self) -> int:
        """The frame number in the pixels; -1 if the picture is too small."""
        height, width = self.picture.shape[:2]
        return decode_frame_index(self.picture) if height >= CELL_SIZE and width >= CELLS * CELL_SIZE else -1


@dataclass(frozen=True)
class FullDecode:
    """All frames in display order. unclear: why players may show something else, or ""."""

    frames: tuple[DecodedFrame, ...]
    errors: int
    unclear: str = ""

    def __post_init__(self) -> None:
        if not self.frames:
            raise NoPicturesError

    @property
    def times(self) -> list[Fraction]:
        return [frame.seconds for frame in self.frames]

    def end_frames(self, start: float, stop: float) -> tuple[int, int]:
        """Indexes of the last frame with time <= start and of the last one with time < stop."""
        times = self.times
        before = bisect_right(times, Fraction(str(start)) + SLACK) - 1
        after = bisect_left(times, Fraction(str(stop)) - SLACK) - 1
        return max(before, 0), max(after, 0)


def full_decode(path: Path) -> FullDecode:
    """Decode a whole file; raises NoPicturesError if no frame comes out."""
    frames, decoder = _decoded(path, _Converter)
    if not frames:
        raise NoPicturesError
    zero = _zero(frames[0][0], path)
    decoded = tuple(DecodedFrame(time - zero, picture) for time, picture in frames)
    return FullDecode(decoded, decoder.errors, decoder.unclear)


def undrawn(path: Path) -> set[int]:
    """Indexes of frames that a damaged packet left partly undrawn: they contain whatever was in memory.

    Such frames differ between three decodes: one frees each frame at once, one keeps all frames, one has two
    threads.
    """
    reused, kept, by_turns = (
        _decoded(path, converter, threads=threads)[0]
        for converter, threads in ((_RawSamples, 1), (_KeepFrames, 1), (_RawSamples, 2))
    )
    return {
        index
        for index, (_, picture) in enumerate(reused)
        if not all(index < len(other) and np.array_equal(picture, other[index][1]) for other in (kept, by_turns))
    }


def _decoded(
    path: Path, converter: type[_Converter], *, threads: int = 1
) -> tuple[list[tuple[Fraction, Pixels]], _Decoder]:
    """Times and pictures, sorted by time."""
    with _opened(path) as container:
        stream = chosen(container)
        for other in container.streams:
            other.discard = Discard.default if other is stream else Discard.all
        decoder = _Decoder(stream, converter(stream), threads)
        return sorted(decoder.frames(container), key=lambda item: item[0]), decoder


def chosen(container: InputContainer) -> VideoStream:
    """The stream that players show."""
    moving = [each for each in container.streams.video if not each.disposition & _PICTURES]
    moving.sort(key=lambda each: not each.disposition & Disposition.default)
    if not moving:
        raise NoPicturesError
    return moving[0]


def _zero(first: Fraction, path: Path) -> Fraction:
    with _opened(path) as container:
        starts = []
        for stream in container.streams.audio:
            stream.discard = Discard.default
        for stream in container.streams.video:
            stream.discard = Discard.all
        if container.streams.audio:
            sound = (
                packet for packet in _demuxed(container, container.streams.audio[0]) if packet.pts is not None
            )
            starts = [packet.pts * packet.time_base for packet in [next(sound, None)] if packet is not None]
        sent = [Fraction(0)]
        if starts and container.format.name in _JUMPING:  # sound comes before its pictures
            sent = [_first_packet(path)]
    start = max(starts[0], *sent) if starts else first
    return start if first - start > SOUND_FIRST else first


def _first_packet(path: Path) -> Fraction:
    with _opened(path) as container:
        stream = chosen(container)
        return next(each.pts * each.time_base for each in _demuxed(container, stream) if each.pts is not None)


def _opened(path: Path) -> InputContainer:
    try:
        container = av.open(str(path), metadata_errors="replace")
    except _CONVERSION_ERRORS as error:
        raise NoPicturesError from error
    # PyAV makes FFmpeg invent missing times; ffmpeg and players do not, and the decoder supplies better ones.
    container.flags &= ~Flags.gen_pts.value
    return container


def _demuxed(container: InputContainer, stream: Any) -> Iterator[Packet]:
    """A stream's packets; a read error ends them, as in ffmpeg."""
    while True:
        with suppress(av.FFmpegError):
            try:
                yield from (packet for packet in container.demux(stream) if packet.size)
            except IndexError:
                continue  # a packet of a stream that began in mid-file
        return


class _Decoder:
    """A decoder with best-effort timestamps, as in libavcodec's guess_correct_pts."""

    def __init__(self, stream: VideoStream, converter: _Converter, threads: int) -> None:
        if getattr(stream, "codec_context", None) is None or stream.time_base is None:
            raise NoPicturesError
        self._stream = stream
        self._tick = stream.time_base
        self._context = stream.codec_context
        self._context.thread_count = threads
        self._converter = converter
        self._last_pts = self._last_dts = -(1 << 63)
        self._faulty_pts = self._faulty_dts = 0
        self._previous: int | None = None  # the previous frame's time
        self._length = 0  # the previous frame's duration
        self._rate = stream.average_rate or stream.base_rate or Fraction(25)
        self.errors = 0
        self._jumps = False

    def frames(self, container: InputContainer) -> Iterator[tuple[Fraction, Pixels]]:
        """Seconds and pictures, in decoder output order."""
        latest: int | None = None
        for packet in _demuxed(container, self._stream):
            if packet.dts is not None and container.format.name in _JUMPING:
                self._jumps |= latest is not None and not -0.1 < (packet.dts - latest) * self._tick < 10
                latest = packet.dts
            yield from self._decoded(packet)
        for _ in range(64):  # an error does not end the flushing
            flushed = list(self._decoded(None))
            if not flushed:
                break
            yield from flushed

    @property
    def unclear(self) -> str:
        """Why players may show something else, or ""."""
        if self._jumps:
            return "times jump"
        return "turned by no right angle" if self._converter.is_askew else ""

    def _decoded(self, packet: Packet | None) -> Iterator[tuple[Fraction, Pixels]]:
        try:
            frames = self._context.decode(packet)
        except EOFError:
            return
        except av.FFmpegError:
            self.errors += 1
            return
        for frame in frames:
            time = self._time(frame)
            with suppress(_NoPictureError):
                yield time * self._tick, self._converter.converted(frame)

    def _time(self, frame: VideoFrame) -> int:
        time = self._best_effort(frame.pts, frame.dts)
        if time is None:
            time = 0 if self._previous is None else self._previous + self._length
        self._length = self._estimated(frame, time)
        self._previous = time
        return time

    def _estimated(self, frame: VideoFrame, time: int) -> int:
        """A frame's duration, for a next frame without a time, as ffmpeg's video_duration_estimate."""
        gap = -1 if self._previous is None else time - self._previous
        made_up = frame.duration == 1 and gap > 2
        if frame.duration > 0 and not made_up:
            return frame.duration
        if gap > 0:
            return gap
        return frame.duration or round(1 / (self._rate * self._tick)) or max(self._length, 1)

    def _best_effort(self, pts: int | None, dts: int | None) -> int | None:
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        trusted = self._faulty_pts <= self._faulty_dts or dts is None
        return pts if trusted and pts is not None else dts


class _NoPictureError(Exception):
    """A frame that FFmpeg's scaler cannot convert."""


class _Converter:
    """Converts frames to upright pictures with square pixels, at full size."""

    def __init__(self, stream: VideoStream) -> None:
        self._stretch = float(stream.sample_aspect_ratio or 1)
        if not 1 / 16 <= self._stretch <= 16:  # damage
            self._stretch = 1.0
        self._graph: Graph | None = None
        self._kind: tuple[object, ...] = ()
        self.is_askew = False

    def converted(self, frame: VideoFrame) -> Pixels:
        try:
            picture = self._filtered(frame)
        except _CONVERSION_ERRORS:
            for name in ("colorspace", "color_primaries", "color_trc"):
                if int(getattr(frame, name)) in _RESERVED[name == "colorspace" :]:
                    setattr(frame, name, _UNSPECIFIED)
            try:
                picture = self._filtered(frame)
            except _CONVERSION_ERRORS:
                raise _NoPictureError from None
        width = round(picture.shape[1] * self._stretch)
        if width != picture.shape[1] and 0 < width < _WIDEST:
            picture = cv2.resize(picture, (width, picture.shape[0]), interpolation=cv2.INTER_CUBIC)
        self.is_askew |= _is_askew(frame)
        return upright(picture, frame)

    def _filtered(self, frame: VideoFrame) -> Pixels:
        kind = frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range)
        if self._graph is None or kind != self._kind or frame.interlaced_frame:
            self._graph, self._kind = self._build_graph(frame), kind
        graph = self._graph
        self._graph = None  # set again only after success
        graph.vpush(frame)
        if frame.interlaced_frame:
            graph.vpush(None)
        picture = graph.vpull().to_ndarray()
        if not frame.interlaced_frame:
            self._graph = graph
        return picture

    def _build_graph(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        steps = [
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 90000)
            )
        ]
        if frame.interlaced_frame:
            steps.append(graph.add("yadif", "deint=all"))
        steps.append(graph.add("scale", "flags=area+accurate_rnd+full_chroma_int"))
        steps += [graph.add("format", "bgr24"), graph.add("buffersink")]
        graph.link_nodes(*steps).configure()
        return graph


class _RawSamples(_Converter):
    """A frame's samples; the frame is freed at once."""

    def converted(self, frame: VideoFrame) -> Pixels:
        return frame.to_ndarray(format="gray") if frame.width and frame.height else np.empty(0, np.uint8)


class _KeepFrames(_RawSamples):
    """The same, but all frames are kept."""

    def __init__(self, stream: VideoStream) -> None:
        super().__init__(stream)
        self._kept: list[VideoFrame] = []

    def converted(self, frame: VideoFrame) -> Pixels:
        self._kept.append(frame)
        return super().converted(frame)


def _is_askew(frame: VideoFrame) -> bool:
    """Whether a display matrix does more than quarter turns and flips."""
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return False
    a, b, u, c, d, v, _, _, w = np.frombuffer(bytes(matrix), np.int32).tolist()
    straight, across = (abs(a), abs(d)), (abs(b), abs(c))
    return bool(u or v or w != 1 << 30) or sorted((straight, across)) != [(0, 0), (1 << 16, 1 << 16)]


def upright(picture: Pixels, frame: VideoFrame) -> Pixels:
    """A picture rotated and flipped by the frame's display matrix (the eight exact ways)."""
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return picture
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    # Column x, row y goes to a x + c y, b x + d y.
    if abs(a) + abs(d) < abs(b) + abs(c):
        picture = picture.transpose(1, 0, 2)
        a, d = c, b
    if a < 0:
        picture = picture[:, ::-1]
    if d < 0:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


def segments(decode: FullDecode, *, count: int, draw: random.Random) -> list[Span]:
    """Segments that start and end in the middle or at the edge of frames, and span at least two frames."""
    times = decode.times
    spans: list[Span] = []
    for _ in range(20 * count):
        if len(spans) == count or len(times) < 2:
            break
        first, last = sorted(draw.sample(range(len(times)), 2))
        span = (_within(times, first, draw.choice([0.0, 0.5])), _within(times, last, draw.choice([0.5, 1.0])))
        if _is_clear(span, decode):
            spans.append(span)
    return spans


def remaining_segments(decode: FullDecode, spans: Sequence[Span], *, shortest: Fraction = 3 * SLACK) -> list[Span]:
    """Segments for every frame that is no end of `spans`: two frames each, from middle to middle.

    shortest: frames shown for fewer seconds are left out.
    """
    times = decode.times
    asked = {end for span in spans for end in decode.end_frames(*span)}
    end_frames = [*times[1:], times[-1] + 1]  # of frames at the same time only the last one is ever on screen
    left = [index for index, end in enumerate(end_frames) if index not in asked and end - times[index] > shortest]
    if len(left) % 2 and len(times) > 1:  # the last one finds a partner among the others
        left = sorted([*left, 0 if left[0] else 1])
    candidates = [(_within(times, first, 0.5), _within(times, last, 0.5)) for first, last in batched(left, 2)]
    return [span for span in candidates if _is_clear(span, decode)]


def batched(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """As itertools.batched, which Python 3.11 lacks."""
    return (items[start : start + size] for start in range(0, len(items) - size + 1, size))


def _within(times: Sequence[Fraction], index: int, share: float) -> float:
    """A time within frame `index`, at `share` of its duration."""
    following = times[index + 1] if index + 1 < len(times) else times[index] + Fraction(1, 100)
    if index + 1 == len(times):
        share = 0.5
    return round(float(times[index] + (following - times[index]) * Fraction(share)), 7)


def _is_clear(span: Span, decode: FullDecode) -> bool:
    """Whether a span has two different end frames, and no time so near to a frame that SLACK decides."""
    start, stop = span
    before, after = decode.end_frames(start, stop)
    near = [abs(time - Fraction(str(end))) for time in decode.times for end in span]
    return 0 <= start < stop and before < after and not any(SLACK / 2 < each < 3 * SLACK for each in near)


def difference(jpeg: bytes, expected: DecodedFrame) -> tuple[float, int]:
    """Mean absolute difference of a JPEG and a frame, and the frame number in the JPEG."""
    actual = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    wanted = expected.picture
    if wanted.shape != actual.shape:
        wanted = cv2.resize(wanted, (actual.shape[1], actual.shape[0]), interpolation=cv2.INTER_AREA)
    number = DecodedFrame(expected.seconds, actual).number if actual.shape == expected.picture.shape else -1
    return float(np.abs(actual.astype(int) - wanted).mean()), number
