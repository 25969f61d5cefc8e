"""Detect high dynamic range, from the stream, the container or Dolby Vision metadata."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Self, cast

import av
from av.filter import Graph
from av.sidedata.sidedata import SideData, Type
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

PQ, HLG = 16, 18  # transfer characteristics; all tag numbers here are those of ITU-T H.273
_TRANSFER_NAMES = {PQ: "PQ (SMPTE ST 2084)", HLG: "HLG (ARIB STD-B67)"}
_BT2020 = 9  # primaries, and the non-constant luminance matrix
_PRIMARIES = frozenset({1, 4, 5, 6, 7, 8, 9, 10, 11, 12})  # those that libswscale converts from
_MATRICES = frozenset({1, 4, 5, 6, 7, 9})
_NOT_YCBCR = {14: "ICtCp", 15: "IPT-C2"}

DOLBY_CODECS = frozenset({"hevc", "h264", "av1", "libdav1d", "libaom-av1"})
_DOLBY_BOXES = tuple(b"\0\0\0\x20" + name + b"\1" for name in (b"dvcC", b"dvvC", b"dvwC"))  # 32 bytes, version 1
_DOLBY_ONLY_TAGS = frozenset({"dvh1", "dvhe", "dva1", "dvav", "dav1"})  # codec tags
_BASES = {1: PQ, 4: HLG, 6: PQ}  # 2 is standard range
_PROFILES_WITHOUT_BASE = frozenset({5, 20})  # 20 is 5 for two views; 10, AV1's, has a base or not


@dataclass(frozen=True, slots=True)
class ColorTags:
    """FFmpeg's four color tags; range 1 is limited, 2 is full."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    range: int = 0

    @classmethod
    def of(cls, source: VideoFrame | VideoCodecContext) -> Self:
        """The tags of a frame, or of a codec context (the container's tags, until a frame is decoded)."""
        return cls(source.color_primaries, source.color_trc, source.colorspace, source.color_range)

    def apply_to(self, frame: VideoFrame) -> None:
        """Set these tags on a frame."""
        frame.color_primaries, frame.color_trc = self.primaries, self.transfer
        frame.colorspace, frame.color_range = self.matrix, self.range

    def fill_unknown(self, other: ColorTags) -> ColorTags:
        """Tags for a tone-mapper: unknown ones from `other`, else BT.2020; the range is that of `other`."""
        primaries = next((p for p in (self.primaries, other.primaries) if p in _PRIMARIES), _BT2020)
        matrix = next((m for m in (self.matrix, other.matrix) if m in _MATRICES), _BT2020)
        return ColorTags(primaries, self.transfer, matrix, other.range)


@dataclass(frozen=True, slots=True)
class DolbyVision:
    """A stream's Dolby Vision profile; `base`: its compatibility id for other decoders (0: none)."""

    profile: int
    base: int

    @property
    def lacks_base_layer(self) -> bool:
        """Whether a decoder without Dolby Vision support cannot show it correctly."""
        return self.profile in _PROFILES_WITHOUT_BASE or (self.profile, self.base) == (10, 0)


@dataclass(frozen=True, slots=True)
class HdrPicture:
    """Why a picture is HDR; `tags` for the tone-mapper, None if it cannot be tone-mapped."""

    detail: str
    tags: ColorTags | None = None


def detect_hdr(frame: ColorTags, container: ColorTags, dolby: DolbyVision | None) -> HdrPicture | None:
    """The first of stream, container and Dolby Vision that signals PQ or HLG; None if none does."""
    if dolby is not None and dolby.lacks_base_layer:
        detail = (
            f"Dolby Vision profile {dolby.profile}: it has no PQ, HLG or standard picture that FFmpeg could show"
        )
        return HdrPicture(detail)
    sources = [("the stream", frame, container), ("the container", container, frame)]
    if dolby is not None:
        base = ColorTags(_BT2020, _BASES.get(dolby.base, 2), _BT2020)
        sources.append((f"Dolby Vision profile {dolby.profile}.{dolby.base}", base, frame))
    for source, tags, other in sources:
        if tags.transfer in _TRANSFER_NAMES:
            detail = f"high dynamic range: {_TRANSFER_NAMES[tags.transfer]}, says {source}"
            if kind := _NOT_YCBCR.get(frame.matrix):
                return HdrPicture(f"{detail}; as {kind}, which FFmpeg's filters cannot tone-map")
            completed = tags.fill_unknown(other)
            return HdrPicture(detail, replace(completed, range=frame.range))
    return None


@cache
def tone_map_table(primaries: int, transfer: int) -> VideoFrame:
    """A Hald table of 64³ colors: libswscale's perceptual mapping to BT.709.

    It takes about 5 s of one core, so it is cached per process. The mastering display's peak is ignored: PQ is
    assumed to reach 10,000 cd/m², HLG 1,000.
    """
    graph = Graph()
    steps = [
        graph.add("haldclutsrc", "8"),
        graph.add("format", "rgb48le"),
        graph.add("setparams", f"color_primaries={primaries}:color_trc={transfer}"),
        graph.add("scale", "out_transfer=bt709:out_primaries=bt709:intent=perceptual"),
        graph.add("format", "rgb48le"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*steps).configure()
    return graph.vpull()


def dolby_vision_of_stream(stream: VideoStream) -> DolbyVision | None:
    """The Dolby Vision configuration in MP4's dvcC or dvvC box, Matroska's mapping or MPEG-TS's descriptor.

    PyAV does not expose a stream's side data, so FFmpeg writes the stream's header as MP4 into memory.
    """
    context = stream.codec_context
    if context.name not in DOLBY_CODECS:
        return None
    written = io.BytesIO()
    options = {"strict": "unofficial", "movflags": "empty_moov+default_base_moof"}
    try:
        with av.open(written, "w", format="mp4", options=options) as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
    except (av.FFmpegError, ValueError):
        pass  # then only the codec tag is left
    header = written.getvalue()
    for box in _DOLBY_BOXES:
        if (start := header.find(box)) >= 0:
            numbers, base = struct.unpack_from(">HB", header, start + len(box) + 1)
            return DolbyVision(numbers >> 9, base >> 4)
    return DolbyVision(5, 0) if context.codec_tag in _DOLBY_ONLY_TAGS else None


def dolby_vision_of_frame(frame: VideoFrame) -> DolbyVision | None:
    """Dolby Vision profile 5 by a frame's own metadata, for containers that do not signal it."""
    for item in list_side_data(frame):
        if item.type is Type.DOVI_METADATA:
            raw = bytes(item)
            (start,) = struct.unpack_from("N", raw)  # AVDOVIMetadata starts with the offset of its header
            rpu_profile, full_range = raw[start + 4], raw[start + 10]
            return DolbyVision(5, 0) if rpu_profile == 0 and full_range else None
    return None


def list_side_data(frame: VideoFrame) -> list[SideData]:
    """A frame's side data, without kinds that this PyAV does not know: it raises ValueError for them.

    PyAV's side data refer back to the frame, so the frame is freed only by the garbage collector.
    """
    try:
        return _side_data(frame)
    except ValueError:
        pass
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 25)
    )
    newer = range(max(cast(int, kind.value) for kind in Type) + 1, 64)
    drops = [graph.add("sidedata", f"mode=delete:type={number}") for number in newer]
    graph.link_nodes(source, *drops, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return _side_data(graph.vpull())


def _side_data(frame: VideoFrame) -> list[SideData]:
    return list(cast(Iterable[SideData], frame.side_data))
