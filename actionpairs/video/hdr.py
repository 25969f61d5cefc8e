"""Whether a video is of high dynamic range, and what says so: its stream, its container or its side data."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Self, cast

import av
from av.filter import Graph
from av.sidedata.sidedata import SideData, Type
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273, as all numbers of tags here
_NAMES = {PQ: "PQ (SMPTE ST 2084)", HLG: "HLG (ARIB STD-B67)"}
_UNTOLD = frozenset({0, 2, 3})  # reserved, unspecified, reserved
_BT2020 = 9  # primaries, and their matrix of non-constant luminance
_PRIMARIES = frozenset({1, 4, 5, 6, 7, 8, 9, 10, 11, 12})  # that libswscale can convert from
_MATRICES = frozenset({1, 4, 5, 6, 7, 9})
_NOT_YCBCR = {14: "ICtCp", 15: "IPT-C2"}

DOLBY_CODECS = frozenset({"hevc", "h264", "av1", "libdav1d", "libaom-av1"})
_DOLBY_BOXES = tuple(b"\0\0\0\x20" + name + b"\1" for name in (b"dvcC", b"dvvC", b"dvwC"))  # 32 bytes, version 1
_DOLBY_ALONE = frozenset({"dvh1", "dvhe", "dva1", "dvav", "dav1"})  # not for players that know no Dolby Vision
_BASES = {1: PQ, 4: HLG, 6: PQ}  # 2 is standard range
_NEVER_A_BASE = frozenset({5, 20})  # 20 is 5 for two views; 10, AV1's, has a base or not


@dataclass(frozen=True, slots=True)
class ColorTags:
    """FFmpeg's four tags that say what samples mean; range 1 is limited, 2 full."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    range: int = 0

    @classmethod
    def of(cls, source: VideoFrame | VideoCodecContext) -> Self:
        """Those of a frame, or of a codec context, which has the container's until something is decoded."""
        return cls(source.color_primaries, source.color_trc, source.colorspace, source.color_range)

    def put_on(self, frame: VideoFrame) -> None:
        """Write them over the frame's own."""
        frame.color_primaries, frame.color_trc = self.primaries, self.transfer
        frame.colorspace, frame.color_range = self.matrix, self.range

    def completed(self, other: ColorTags) -> ColorTags:
        """These for a tone-mapper: what is unknown by the other's word, else BT.2020; the other's range."""
        primaries = next((p for p in (self.primaries, other.primaries) if p in _PRIMARIES), _BT2020)
        matrix = next((m for m in (self.matrix, other.matrix) if m in _MATRICES), _BT2020)
        return ColorTags(primaries, self.transfer, matrix, other.range)


@dataclass(frozen=True, slots=True)
class DolbyVision:
    """A stream's Dolby Vision: its profile, and `base`, what decoders without it find (0: nothing to be shown)."""

    profile: int
    base: int

    @property
    def is_alone(self) -> bool:
        """Whether a decoder that knows no Dolby Vision finds no picture in it that could be shown."""
        return self.profile in _NEVER_A_BASE or (self.profile, self.base) == (10, 0)


@dataclass(frozen=True, slots=True)
class HighRange:
    """What makes a picture one of high dynamic range; `tags` is None where it cannot be tone-mapped."""

    detail: str
    tags: ColorTags | None = None


def high_range(frame: ColorTags, container: ColorTags, dolby: DolbyVision | None) -> HighRange | None:
    """Whether the stream, the container or Dolby Vision says PQ or HLG; the first of them that does is named."""
    if dolby is not None and dolby.is_alone:
        detail = (
            f"Dolby Vision profile {dolby.profile}: it has no PQ, HLG or standard picture that FFmpeg could show"
        )
        return HighRange(detail)
    speakers = [("the stream", frame, container), ("the container", container, frame)]
    if dolby is not None:
        base = ColorTags(_BT2020, _BASES.get(dolby.base, 2), _BT2020)
        speakers.append((f"Dolby Vision profile {dolby.profile}.{dolby.base}", base, frame))
    for speaker, tags, other in speakers:
        if tags.transfer in _NAMES:
            detail = f"high dynamic range: {_NAMES[tags.transfer]}, says {speaker}"
            if kind := _NOT_YCBCR.get(frame.matrix):
                return HighRange(f"{detail}; as {kind}, which FFmpeg's filters cannot tone-map")
            completed = tags.completed(other)
            return HighRange(
                detail, ColorTags(completed.primaries, completed.transfer, completed.matrix, frame.range)
            )
    return None


@cache
def tone_map(primaries: int, transfer: int) -> VideoFrame:
    """What libswscale's perceptual intent makes of every color in BT.709, as a Hald table of 64³ colors.

    It takes libswscale some 5 s of one core: here once in a process, not at every video. A mastering display's own
    peak is not heeded: PQ is taken to reach 10,000 cd/m², HLG 1,000.
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


def dolby_vision_of(stream: VideoStream) -> DolbyVision | None:
    """The configuration that MP4's dvcC or dvvC box, Matroska's mapping or MPEG-TS's descriptor tells.

    PyAV shows no stream's side data, so FFmpeg writes the stream's header once more, as MP4 and into memory.
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
        pass  # then the sample description's name has to do
    header = written.getvalue()
    for box in _DOLBY_BOXES:
        if (start := header.find(box)) >= 0:
            numbers, base = struct.unpack_from(">HB", header, start + len(box) + 1)
            return DolbyVision(numbers >> 9, base >> 4)
    return DolbyVision(5, 0) if context.codec_tag in _DOLBY_ALONE else None


def dolby_vision_in(frame: VideoFrame) -> DolbyVision | None:
    """Profile 5 by the metadata that come with a frame, where no container tells it."""
    for item in side_data_of(frame):
        if item.type is Type.DOVI_METADATA:
            raw = bytes(item)
            (start,) = struct.unpack_from("N", raw)  # AVDOVIMetadata begins with the offset of its header
            rpu_profile, full_range = raw[start + 4], raw[start + 10]
            return DolbyVision(5, 0) if rpu_profile == 0 and full_range else None
    return None


def side_data_of(frame: VideoFrame) -> list[SideData]:
    """A frame's side data, without kinds that this PyAV has no name for: it raises ValueError for those.

    The frame lives on until the garbage collector comes, since PyAV's side data point back to it.
    """
    try:
        return _listed(frame)
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
    return _listed(graph.vpull())


def _listed(frame: VideoFrame) -> list[SideData]:
    return list(cast(Iterable[SideData], frame.side_data))
