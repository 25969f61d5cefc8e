"""Parse picture headers: the display order of a packet's picture, and whether decoding can start there.

Only the packet's own bytes are used: nothing is decoded, and the container is not trusted.
"""

from __future__ import annotations

from av.codec import Codec
from av.video.codeccontext import VideoCodecContext

from actionpairs.video import frame_headers, h264_headers, hevc_headers
from actionpairs.video.nal_headers import NalHeaders
from actionpairs.video.picture_header import HeaderParser


def has_picture(context: VideoCodecContext, data: memoryview) -> bool:
    """Whether a packet holds a picture or a part of one; true if that is unknown."""
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
