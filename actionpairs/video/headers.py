"""Parse picture headers: the display order of a packet's picture, and whether decoding can start there.

Only the packet's own bytes are used: nothing is decoded, and the container is not trusted.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from av.codec import Codec
from av.video.codeccontext import VideoCodecContext


class HeaderError(ValueError):
    """A packet whose header cannot be parsed or is not supported; the message says what it holds."""


class PictureHeader(NamedTuple):
    """One packet's picture.

    Pictures are shown in the order of (sequence, order). is_shown: false for a picture that is only a reference.
    is_entry: decoding can start here, and later pictures come out as if decoded from the beginning.
    parameter_sets_changed: the packet replaces parameter sets of the sequence or the picture.
    """

    sequence: int
    order: int
    is_shown: bool = True
    is_entry: bool = False
    parameter_sets_changed: bool = False


class HeaderParser(Protocol):
    """Parses the packets of one stream, in order from the first."""

    def parse(self, data: memoryview) -> PictureHeader:
        """The header of a packet's picture; raises ValueError or IndexError if it cannot be parsed."""


def has_picture(context: VideoCodecContext, data: memoryview) -> bool:
    """Whether a packet holds a picture or a part of one; true if that is unknown."""
    from actionpairs.video.nal_headers import NalHeaders

    parser = make_parser(context)
    try:
        return parser.has_slice(data) if isinstance(parser, NalHeaders) else True
    except (ValueError, IndexError):
        return True


def make_parser(context: VideoCodecContext) -> HeaderParser | None:
    """A parser for a stream's codec; None if the codec is not supported or its extradata is damaged."""
    try:
        return _make_parser(context.codec, context.extradata)
    except (ValueError, IndexError):
        return None


def _make_parser(codec: Codec, extradata: bytes | None) -> HeaderParser | None:
    from actionpairs.video import frame_headers, h264_headers, hevc_headers

    match codec.canonical_name:
        case "h264":
            return h264_headers.H264Headers(extradata)
        case "hevc":
            return hevc_headers.HevcHeaders(extradata)
        case "mpeg4":
            return frame_headers.Mpeg4Headers(extradata)
        case "mpeg1video" | "mpeg2video":
            return frame_headers.Mpeg2Headers()
        case "vp8":
            return frame_headers.Vp8Headers()
        case "vp9":
            return frame_headers.Vp9Headers()
        case "av1":
            return frame_headers.Av1Headers()
        case "mjpeg":
            return frame_headers.IntraHeaders(required=b"\xff\xdb")  # quantization tables
    return frame_headers.IntraHeaders() if codec.intra_only else None
