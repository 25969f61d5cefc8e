"""What a packet says of its picture by its own first bytes; nothing is decoded, and no container is believed.

That is when the picture is shown among the others, and whether decoding can begin there.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from av.codec import Codec
from av.video.codeccontext import VideoCodecContext


class HeaderError(ValueError):
    """A packet whose picture cannot be told from its header; the message says what it holds."""


class PictureHeader(NamedTuple):
    """One packet's picture.

    Pictures are shown in the order of (sequence, order). is_shown: false for a picture that is only referred to.
    is_entry: decoding can begin here, and what is shown from here on comes out as from the beginning.
    sets_changed: it brings parameter sets, of the sequence or the picture, in place of others.
    """

    sequence: int
    order: int
    is_shown: bool = True
    is_entry: bool = False
    sets_changed: bool = False


class HeaderReader(Protocol):
    """Reads the packets of one stream, in their order from the first on."""

    def read(self, data: memoryview) -> PictureHeader:
        """What a packet says of its picture; raises ValueError or IndexError where that cannot be told."""


def holds_picture(context: VideoCodecContext, data: memoryview) -> bool:
    """Whether a packet has a picture, or a part of one, in it; true where that cannot be told."""
    from actionpairs.video.nal_headers import NalHeaders

    units = reader(context)
    try:
        return units.has_slice(data) if isinstance(units, NalHeaders) else True
    except (ValueError, IndexError):
        return True


def reader(context: VideoCodecContext) -> HeaderReader | None:
    """What reads the headers of a stream's codec; None where no reader knows it, or its first words are broken."""
    try:
        return _reader(context.codec, context.extradata)
    except (ValueError, IndexError):
        return None


def _reader(codec: Codec, extradata: bytes | None) -> HeaderReader | None:
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
            return frame_headers.IntraHeaders(needs=b"\xff\xdb")  # quantisation tables
    return frame_headers.IntraHeaders() if codec.intra_only else None
