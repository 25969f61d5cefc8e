"""From a decoded frame to upright pixels: ffmpeg's own filters, so that colours are those that ffmpeg shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actionpairs.records import Reason

Pixels = NDArray[np.uint8]  # H W 3, BGR as OpenCV has it

_HDR: dict[int, str] = {ColorTrc.SMPTE2084: "PQ (SMPTE ST 2084)", ColorTrc.ARIB_STD_B67: "HLG (ARIB STD-B67)"}
# Areas are averaged, so that nothing aliases; exact rounding and whole chroma keep colours where they are.
_SMALLER = "area+accurate_rnd+full_chroma_int"
_SAME_OR_LARGER = "bicubic+accurate_rnd+full_chroma_int"


@dataclass(frozen=True, slots=True)
class Picture:
    """A wanted frame's pixels; `treatment` says what was done to them besides scaling, if anything."""

    pixels: Pixels
    treatment: str = ""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a wanted frame cannot be had."""

    reason: Reason
    detail: str


class Scaler:
    """Makes a stream's frames into pictures of a size: upright, with square pixels and whole lines.

    short_side: pixels; pictures are made smaller, never larger.
    """

    def __init__(self, stream: VideoStream, *, short_side: int) -> None:
        # Values, not the stream: it is gone as soon as its file is opened anew.
        self._time_base = stream.time_base
        self._aspect = float(stream.sample_aspect_ratio or 1)
        self._short_side = short_side
        self._graph: Graph | None = None
        self._made_for: tuple[object, ...] = ()

    def picture(self, frame: VideoFrame) -> Picture | Unfit:
        """Colours by the frame's own matrix, range and chroma position; 8 bits of standard range or none."""
        if frame.color_trc in _HDR:
            return Unfit(Reason.HDR_UNSUPPORTED, f"high dynamic range, {_HDR[frame.color_trc]}: tone-map it first")
        kind = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        # A deinterlacer looks at the frames around, which here are others: each picture gets a new one.
        if self._graph is None or kind != self._made_for or frame.interlaced_frame:
            self._graph, self._made_for = self._made(frame), kind
        self._graph.vpush(frame)
        if frame.interlaced_frame:
            self._graph.vpush(None)
        found = self._graph.vpull().to_ndarray()
        if frame.interlaced_frame:
            self._graph = None
        turned = np.rot90(found, round(frame.rotation / 90) % 4)
        pixels = np.ascontiguousarray(turned, dtype=np.uint8)
        return Picture(pixels, "deinterlaced" if frame.interlaced_frame else "")

    def _made(self, frame: VideoFrame) -> Graph:
        width, height = self._size(frame)
        flags = _SMALLER if width < frame.width and height < frame.height else _SAME_OR_LARGER
        graph = Graph()
        graph.threads = 1
        steps = [
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=self._time_base
            ),
            *([graph.add("yadif", "mode=send_frame:deint=all")] if frame.interlaced_frame else []),
            graph.add("scale", f"{width}:{height}:flags={flags}"),
            graph.add("format", "bgr24"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*steps).configure()
        return graph

    def _size(self, frame: VideoFrame) -> tuple[int, int]:
        wide = frame.width * self._aspect
        scale = min(1.0, self._short_side / min(frame.height, wide))
        return max(round(wide * scale), 1), max(round(frame.height * scale), 1)
