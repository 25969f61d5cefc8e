"""Convert decoded frames to upright BGR pixels with FFmpeg's filters, so that colors match ffmpeg's."""

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
    HdrPicture,
    detect_hdr,
    dolby_vision_of_frame,
    dolby_vision_of_stream,
    list_side_data,
    tone_map_table,
)

Pixels = NDArray[np.uint8]  # H W 3, BGR as OpenCV has it

# Area averaging avoids aliasing; accurate_rnd and full_chroma_int keep colors exact.
_SMALLER = "area+accurate_rnd+full_chroma_int"
_SAME_OR_LARGER = "bicubic+accurate_rnd+full_chroma_int"
# The matrices that ffmpeg has coefficients for. BT.2020 constant luminance is treated as non-constant; everything
# else (unknown, reserved, rare) as BT.601.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 6, 7: 7, 9: 9, 10: 9}
# Since version 8, FFmpeg treats all gray as full range; deep gray of limited range is converted as YCbCr.
_LIMITED_GRAY = (("scale", "out_range=full"), ("format", "yuv444p16le"), ("setrange", "limited"))
_MAX_ASPECT = 16.0  # a pixel aspect ratio beyond it is header damage, and would need gigabytes
_TIME_BASE = Fraction(1, 25)
_CRASHING_FORMATS = ("yaf32le", "yaf32be")  # libswscale 9.5 aborts the process for them
_BT601, _RGB, _LIMITED, _FULL = 5, 0, 1, 2


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame's pixels; `treatment` says what was done besides scaling, such as "deinterlaced"."""

    pixels: Pixels
    treatment: str = ""


@dataclass(frozen=True, slots=True)
class FrameError:
    """Why a frame cannot be used."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class _GraphKey:
    """The properties that a filter graph depends on."""

    width: int
    height: int
    aspect: float
    format: str
    tags: ColorTags
    tone_mapped: bool
    rotation_degrees: int


class Scaler:
    """Converts a stream's frames to pictures of one size: upright, with square pixels, deinterlaced.

    Create it before any frame is decoded: decoders overwrite the container's values. short_side: pixels; pictures
    are scaled down, never up. hdr: refuse PQ and HLG, or tone-map them to BT.709.

    Matrix and range are those of the frame, as in ffmpeg. A container's colr box or Color element counts if the
    decoder does not overwrite it (H.264, MPEG-4, AV1 without tags of their own). HEVC and ProRes without tags are
    BT.601 of limited range, whatever the container says.
    """

    def __init__(
        self, stream: VideoStream, *, short_side: int, hdr: Literal["refuse", "tonemap"] = "refuse"
    ) -> None:
        # Copy the values: the stream is closed when its file is opened again.
        self._aspect = self._first_aspect = _valid_aspect(stream.sample_aspect_ratio)
        self._container = ColorTags.of(stream.codec_context)
        self._dolby: DolbyVision | None = dolby_vision_of_stream(stream)
        self._must_check_frame = self._dolby is None and stream.codec_context.name in DOLBY_CODECS
        self._short_side = short_side
        self._hdr = hdr
        self._rotation_degrees = 0
        self._pushed = 0
        self._graph: Graph | None = None
        self._graph_key: _GraphKey | None = None

    def picture(self, frame: VideoFrame, *, aspect: Fraction | None = None) -> Picture | FrameError:
        """The frame as an upright picture, or why it cannot be converted.

        aspect: width of a pixel over its height, if it differs from the stream's.
        """
        self._aspect = _valid_aspect(aspect) if aspect else self._first_aspect
        hdr_picture = self._detect_hdr(frame)
        if hdr_picture is not None and (self._hdr == "refuse" or hdr_picture.tags is None):
            hint = "; pictures.hdr: tonemap would convert it" if hdr_picture.tags is not None else ""
            return FrameError(Reason.HDR_UNSUPPORTED, hdr_picture.detail + hint)
        tags = _tags_as_in_ffmpeg(frame) if hdr_picture is None or hdr_picture.tags is None else hdr_picture.tags
        try:
            pixels = self._upright(frame, tags, tone_mapped=hdr_picture is not None)
        except (av.FFmpegError, ValueError) as error:
            self._graph = None
            return FrameError(Reason.DECODE_ERROR, f"FFmpeg does not convert {frame.format.name}, {tags}: {error}")
        treatments = ["deinterlaced"] * frame.interlaced_frame + ["tone-mapped"] * (hdr_picture is not None)
        return Picture(pixels, ", ".join(treatments))

    def _detect_hdr(self, frame: VideoFrame) -> HdrPicture | None:
        if self._must_check_frame and frame.format.components[0].bits > 8:
            self._dolby, self._must_check_frame = dolby_vision_of_frame(frame), False
        return detect_hdr(ColorTags.of(frame), self._container, self._dolby)

    def _upright(self, frame: VideoFrame, tags: ColorTags, *, tone_mapped: bool) -> Pixels:
        scaled = self._filtered(frame, tags, tone_mapped=tone_mapped)
        matrix = _display_matrix(scaled)
        degrees = _clockwise_degrees(matrix)
        rotation = degrees if degrees % 90 and degrees != 1 else 0
        if rotation != self._rotation_degrees:
            self._rotation_degrees = rotation
            scaled = self._filtered(frame, tags, tone_mapped=tone_mapped)
        pixels: Pixels = scaled.to_ndarray().astype(np.uint8, copy=False)
        return np.ascontiguousarray(_rotate_and_flip(pixels, matrix, degrees))

    def _filtered(self, frame: VideoFrame, tags: ColorTags, *, tone_mapped: bool) -> VideoFrame:
        if frame.format.name in _CRASHING_FORMATS:
            raise ValueError("libswscale cannot")
        key = _GraphKey(
            frame.width, frame.height, self._aspect, frame.format.name, tags, tone_mapped, self._rotation_degrees
        )
        # A deinterlacer also uses neighboring frames, which are not neighbors here: each frame gets a new graph.
        if self._graph is None or key != self._graph_key or frame.interlaced_frame:
            self._graph, self._graph_key = self._build_graph(frame, key), key
        graph = self._graph
        own, pts = ColorTags.of(frame), frame.pts
        # Primaries and transfer are not needed here. Filters with two inputs need times that increase.
        ColorTags(matrix=tags.matrix, range=tags.range).apply_to(frame)
        frame.pts = self._pushed = self._pushed + 1
        try:
            graph.vpush(frame, at=0)
        finally:
            own.apply_to(frame)
            frame.pts = pts
        if frame.interlaced_frame:
            graph.vpush(None, at=0)
            self._graph = None
        return graph.vpull()

    def _build_graph(self, frame: VideoFrame, key: _GraphKey) -> Graph:
        width, height = self._size(frame)
        flags = _SMALLER if width < frame.width and height < frame.height else _SAME_OR_LARGER
        graph = Graph()
        graph.threads = 1
        steps = [
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_TIME_BASE),
            *([graph.add("yadif", "mode=send_frame:deint=all")] if frame.interlaced_frame else []),
            *([graph.add("rotate", f"{key.rotation_degrees}*PI/180")] if key.rotation_degrees else []),
            *([graph.add(name, options) for name, options in _LIMITED_GRAY] if _is_limited_gray(key) else []),
            graph.add("scale", f"{width}:{height}:flags={flags}"),
            *([graph.add("format", "rgb48le"), graph.add("haldclut")] if key.tone_mapped else []),
            graph.add("format", "bgr24"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*steps)
        table = tone_map_table(key.tags.primaries, key.tags.transfer) if key.tone_mapped else None
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


def _valid_aspect(aspect: Fraction | None) -> float:
    number = float(aspect or 1)
    return number if 1 / _MAX_ASPECT <= number <= _MAX_ASPECT else 1.0


def _tags_as_in_ffmpeg(frame: VideoFrame) -> ColorTags:
    """The tags of a frame that ffmpeg's scaler uses; since version 8 it fails on unusual other ones."""
    matrix = _RGB if frame.format.is_rgb else _MATRICES.get(frame.colorspace, _BT601)
    full = frame.format.name.startswith("yuvj")
    return ColorTags(
        matrix=matrix, range=_FULL if full else frame.color_range if frame.color_range in (_LIMITED, _FULL) else 0
    )


def _is_limited_gray(key: _GraphKey) -> bool:
    deep = key.format.startswith(("gray9", "gray1", "ya8", "ya16"))
    return deep and key.tags.range == _LIMITED


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    for item in list_side_data(frame):
        if item.type is Type.DISPLAYMATRIX:
            return struct.unpack_from("9i", bytes(item))
    return None


def _clockwise_degrees(matrix: tuple[int, ...] | None) -> int:
    """The clockwise rotation in degrees, 0 to 359, rounded as ffmpeg's -autorotate does."""
    if matrix is None:
        return 0
    across, down = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    if not across or not down:
        return 0
    return math.floor(math.degrees(math.atan2(matrix[1] / down, matrix[0] / across)) + 0.5) % 360


def _rotate_and_flip(pixels: Pixels, matrix: tuple[int, ...] | None, degrees: int) -> Pixels:
    """Quarter turns and flips, decided by the same signs of the matrix as ffmpeg's -autorotate."""
    if matrix is None:
        return pixels
    if degrees == 90:
        return pixels.swapaxes(0, 1) if matrix[3] > 0 else np.rot90(pixels, -1)
    if degrees == 270:
        return np.rot90(pixels, -1)[::-1] if matrix[3] < 0 else np.rot90(pixels)
    if degrees == 180 and matrix[0] < 0:
        pixels = pixels[:, ::-1]
    return pixels[::-1] if degrees in (0, 180) and matrix[4] < 0 else pixels
