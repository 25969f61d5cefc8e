"""From a decoded frame to upright pixels: ffmpeg's own filters, so that colors are those that ffmpeg shows."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actionpairs.records import Reason
from actionpairs.video.hdr import (
    DOLBY_CODECS,
    ColorTags,
    DolbyVision,
    HighRange,
    dolby_vision_in,
    dolby_vision_of,
    high_range,
    side_data_of,
    tone_map,
)

Pixels = NDArray[np.uint8]  # H W 3, BGR as OpenCV has it

# Areas are averaged, so that nothing aliases; exact rounding and whole chroma keep colors where they are.
_SMALLER = "area+accurate_rnd+full_chroma_int"
_SAME_OR_LARGER = "bicubic+accurate_rnd+full_chroma_int"
# What ffmpeg makes of a matrix: those that it has coefficients for, BT.2020's constant luminance as its other
# one, and BT.601 for everything that is unknown, reserved or rare.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 6, 7: 7, 9: 9, 10: 9}
# Since version 8, FFmpeg takes all gray to be of full range; deep gray of limited range has to pass for YCbCr.
_LIMITED_GRAY = (("scale", "out_range=full"), ("format", "yuv444p16le"), ("setrange", "limited"))
_WIDEST = 16.0  # pixels beyond it are a broken header's, and would make pictures of gigabytes
_TIME_BASE = Fraction(1, 25)
_ABORTING = ("yaf32le", "yaf32be")  # libswscale 9.5 ends the process for them
_BT601, _RGB, _LIMITED, _FULL = 5, 0, 1, 2


@dataclass(frozen=True, slots=True)
class Picture:
    """A wanted frame's pixels; `treatment` says what was done to them besides scaling, if anything."""

    pixels: Pixels
    treatment: str = ""


@dataclass(frozen=True, slots=True)
class FrameError:
    """Why a wanted frame cannot be had."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a filter graph is made for."""

    width: int
    height: int
    aspect: float
    format: str
    tags: ColorTags
    tone_mapped: bool
    odd_degrees: int


class Scaler:
    """Makes a stream's frames into pictures of a size: upright, with square pixels and whole lines.

    Make it before anything is decoded: decoders write over what the container says. short_side: pixels; pictures
    are made smaller, never larger. hdr: whether PQ and HLG are refused or tone-mapped to BT.709.

    Matrix and range are the frame's, as in ffmpeg: a container's colr box or Color element counts where the
    decoder leaves it alone (H.264, MPEG-4, AV1 without tags of their own), and not where it overwrites it
    (HEVC and ProRes without tags are BT.601 of limited range, whatever the container says).
    """

    def __init__(
        self, stream: VideoStream, *, short_side: int, hdr: Literal["refuse", "tonemap"] = "refuse"
    ) -> None:
        # Values, not the stream: it is gone as soon as its file is opened anew.
        self._aspect = self._first_aspect = _credible(stream.sample_aspect_ratio)
        self._container = ColorTags.of(stream.codec_context)
        self._dolby: DolbyVision | None = dolby_vision_of(stream)
        self._may_hide_dolby = self._dolby is None and stream.codec_context.name in DOLBY_CODECS
        self._short_side = short_side
        self._hdr = hdr
        self._odd_degrees = 0
        self._pushed = 0
        self._graph: Graph | None = None
        self._made_for: _Kind | None = None

    def picture(self, frame: VideoFrame, *, aspect: Fraction | None = None) -> Picture | FrameError:
        """Colors by the frame's matrix, range and chroma position; lines and sides as its display matrix says.

        aspect: width of a pixel over its height, where it is not the stream's.
        """
        self._aspect = _credible(aspect) if aspect else self._first_aspect
        found = self._high_range(frame)
        if found is not None and (self._hdr == "refuse" or found.tags is None):
            hint = "; pictures.hdr: tonemap would convert it" if found.tags is not None else ""
            return FrameError(Reason.HDR_UNSUPPORTED, found.detail + hint)
        tags = _tags_as_in_ffmpeg(frame) if found is None or found.tags is None else found.tags
        try:
            pixels = self._upright(frame, tags, tone_mapped=found is not None)
        except (av.FFmpegError, ValueError) as error:
            self._graph = None
            return FrameError(Reason.DECODE_ERROR, f"FFmpeg does not convert {frame.format.name}, {tags}: {error}")
        treatments = ["deinterlaced"] * frame.interlaced_frame + ["tone-mapped"] * (found is not None)
        return Picture(pixels, ", ".join(treatments))

    def _high_range(self, frame: VideoFrame) -> HighRange | None:
        if self._may_hide_dolby and frame.format.components[0].bits > 8:
            self._dolby, self._may_hide_dolby = dolby_vision_in(frame), False
        return high_range(ColorTags.of(frame), self._container, self._dolby)

    def _upright(self, frame: VideoFrame, tags: ColorTags, *, tone_mapped: bool) -> Pixels:
        found = self._filtered(frame, tags, tone_mapped=tone_mapped)
        matrix = _display_matrix(found)
        degrees = _degrees(matrix)
        odd = degrees if degrees % 90 and degrees != 1 else 0
        if odd != self._odd_degrees:
            self._odd_degrees = odd
            found = self._filtered(frame, tags, tone_mapped=tone_mapped)
        pixels: Pixels = found.to_ndarray().astype(np.uint8, copy=False)
        return np.ascontiguousarray(_turned(pixels, matrix, degrees))

    def _filtered(self, frame: VideoFrame, tags: ColorTags, *, tone_mapped: bool) -> VideoFrame:
        if frame.format.name in _ABORTING:
            raise ValueError("libswscale cannot")
        kind = _Kind(
            frame.width, frame.height, self._aspect, frame.format.name, tags, tone_mapped, self._odd_degrees
        )
        # A deinterlacer looks at the frames around, which here are others: each picture gets a new one.
        if self._graph is None or kind != self._made_for or frame.interlaced_frame:
            self._graph, self._made_for = self._made(frame, kind), kind
        graph = self._graph
        own, pts = ColorTags.of(frame), frame.pts
        # Primaries and transfer never matter here; filters of two inputs go by time, which may stand or go back.
        ColorTags(matrix=tags.matrix, range=tags.range).put_on(frame)
        frame.pts = self._pushed = self._pushed + 1
        try:
            graph.vpush(frame, at=0)
        finally:
            own.put_on(frame)
            frame.pts = pts
        if frame.interlaced_frame:
            graph.vpush(None, at=0)
            self._graph = None
        return graph.vpull()

    def _made(self, frame: VideoFrame, kind: _Kind) -> Graph:
        width, height = self._size(frame)
        flags = _SMALLER if width < frame.width and height < frame.height else _SAME_OR_LARGER
        graph = Graph()
        graph.threads = 1
        steps = [
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_TIME_BASE),
            *([graph.add("yadif", "mode=send_frame:deint=all")] if frame.interlaced_frame else []),
            *([graph.add("rotate", f"{kind.odd_degrees}*PI/180")] if kind.odd_degrees else []),
            *([graph.add(name, options) for name, options in _LIMITED_GRAY] if _is_limited_gray(kind) else []),
            graph.add("scale", f"{width}:{height}:flags={flags}"),
            *([graph.add("format", "rgb48le"), graph.add("haldclut")] if kind.tone_mapped else []),
            graph.add("format", "bgr24"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*steps)
        table = tone_map(kind.tags.primaries, kind.tags.transfer) if kind.tone_mapped else None
        if table is not None:
            source = graph.add_buffer(
                width=table.width, height=table.height, format=table.format, time_base=_TIME_BASE
            )
            source.link_to(steps[-3], 0, 1)
        graph.configure()
        if table is not None:
            graph.vpush(table, at=1)
            graph.vpush(None, at=1)
        return graph

    def _size(self, frame: VideoFrame) -> tuple[int, int]:
        wide = frame.width * self._aspect
        scale = min(1.0, self._short_side / min(frame.height, wide))
        return max(round(wide * scale), 1), max(round(frame.height * scale), 1)


def _credible(aspect: Fraction | None) -> float:
    number = float(aspect or 1)
    return number if 1 / _WIDEST <= number <= _WIDEST else 1.0


def _tags_as_in_ffmpeg(frame: VideoFrame) -> ColorTags:
    """What ffmpeg's scaler heeds of a frame's tags; others, it stumbles over since its version 8."""
    matrix = _RGB if frame.format.is_rgb else _MATRICES.get(frame.colorspace, _BT601)
    full = frame.format.name.startswith("yuvj")
    return ColorTags(
        matrix=matrix, range=_FULL if full else frame.color_range if frame.color_range in (_LIMITED, _FULL) else 0
    )


def _is_limited_gray(kind: _Kind) -> bool:
    deep = kind.format.startswith(("gray9", "gray1", "ya8", "ya16"))
    return deep and kind.tags.range == _LIMITED


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    for item in side_data_of(frame):
        if item.type is Type.DISPLAYMATRIX:
            return struct.unpack_from("9i", bytes(item))
    return None


def _degrees(matrix: tuple[int, ...] | None) -> int:
    """How far to turn, clockwise, 0 to 359: rounded as ffmpeg's -autorotate does it."""
    if matrix is None:
        return 0
    across, down = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    if not across or not down:
        return 0
    return math.floor(math.degrees(math.atan2(matrix[1] / down, matrix[0] / across)) + 0.5) % 360


def _turned(pixels: Pixels, matrix: tuple[int, ...] | None, degrees: int) -> Pixels:
    """Quarter turns and mirrors, by the same signs of the matrix as ffmpeg's -autorotate."""
    if matrix is None:
        return pixels
    if degrees == 90:
        return pixels.swapaxes(0, 1) if matrix[3] > 0 else np.rot90(pixels, -1)
    if degrees == 270:
        return np.rot90(pixels, -1)[::-1] if matrix[3] < 0 else np.rot90(pixels)
    if degrees == 180 and matrix[0] < 0:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if degrees in (0, 180) and matrix[4] < 0 else pixels
