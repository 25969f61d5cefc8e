"""Parsed picture headers give the decoder's output order and the entries, for all kinds of references."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from actionpairs.video import headers
from actionpairs.video.bits import BitReader
from actionpairs.video.picture_header import PictureHeader
from tests.conftest import MakeVideo

X264 = "libx264"
STREAMS = [
    ("v.mp4", X264, {"g": "12", "bf": "0"}),
    ("v.mp4", X264, {"g": "12", "bf": "3", "x264-params": "b-pyramid=normal:scenecut=0"}),
    ("v.mp4", X264, {"g": "250", "bf": "2", "x264-params": "open-gop=1:scenecut=0:keyint=12"}),
    ("v.mp4", X264, {"g": "12", "bf": "2", "profile": "high10", "x264-params": "cqm=jvt:slices=4"}),
    ("v.ts", X264, {"g": "12", "bf": "2"}),
    ("v.mkv", X264, {"g": "250", "bf": "2", "x264-params": "interlaced=1"}),
    ("v.mp4", "libx265", {"x265-params": "keyint=12:bframes=4:b-pyramid=1:open-gop=1:log-level=error"}),
    ("v.mkv", "libx265", {"x265-params": "keyint=12:bframes=0:log-level=error"}),
    ("v.ts", "libx265", {"x265-params": "keyint=12:bframes=3:slices=2:log-level=error"}),
    ("v.mp4", "mpeg4", {"g": "12", "bf": "2"}),
    ("v.ts", "mpeg2video", {"g": "12", "bf": "2"}),
    ("v.mpg", "mpeg1video", {"g": "12", "bf": "2"}),
    ("v.webm", "libvpx-vp9", {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good"}),
    ("v.webm", "libvpx", {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "good"}),
    ("v.mkv", "libsvtav1", {"g": "12", "preset": "12"}),
    ("v.avi", "mjpeg", {"bf": "0"}),
    ("v.mov", "prores", {}),
]


def parse_file(path: Path) -> tuple[list[PictureHeader], list[int], list[int], list[bool]]:
    """Every packet's header; then in decoder output order: packet indexes, times, key flags."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.copy_opaque = True
        parser = headers.make_parser(stream.codec_context)
        assert parser is not None
        picture_headers, frames = [], []
        for packet in container.demux(stream):
            if packet.size:
                packet.opaque = (len(picture_headers),)
                picture_headers.append(parser.parse(memoryview(packet)))
            frames += packet.decode()
    return (
        picture_headers,
        [frame.opaque[0] for frame in frames],
        [frame.pts for frame in frames],
        [f.key_frame for f in frames],
    )


@pytest.mark.parametrize(("name", "codec", "options"), STREAMS)
def test_headers_give_the_order_in_which_frames_come_out(
    make_video: MakeVideo, name: str, codec: str, options: dict[str, str]
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"no {codec} here")
    pixels = {"mjpeg": "yuvj420p", "prores": "yuv422p10le"}.get(codec, "yuv420p")
    path = make_video(name, frames=50, codec=codec, options=options, pixels=pixels)
    picture_headers, output_order, times, keys = parse_file(path)
    order = sorted(
        range(len(picture_headers)),
        key=lambda index: (picture_headers[index].sequence, picture_headers[index].order),
    )
    assert [index for index in order if picture_headers[index].is_shown] == output_order
    assert times == sorted(times)
    # Recovery points (open GOPs of H.264) are no entries: nothing proves that they work.
    entries = {index for index, header in enumerate(picture_headers) if header.is_entry}
    assert entries <= {index for index, key in zip(output_order, keys, strict=True) if key}
    assert len(entries) >= (1 if options.get("g") == "250" else 4)


def test_intra_refresh_has_one_entry(make_video: MakeVideo) -> None:
    path = make_video(options={"bf": "0", "x264-params": "intra-refresh=1:keyint=12"})
    assert [index for index, header in enumerate(parse_file(path)[0]) if header.is_entry] == [0]


def test_a_packet_without_a_picture_is_an_error(make_video: MakeVideo) -> None:
    with av.open(str(make_video())) as container:
        stream = container.streams.video[0]
        parser = headers.make_parser(stream.codec_context)
        packet = next(packet for packet in container.demux(stream) if packet.size)
        assert parser is not None
        message = memoryview(b"\0\0\0\4\6\5\1\x80")  # a unit of type 6, supplemental information
        for data in (message, memoryview(bytes(packet)[:-9])):
            with pytest.raises(ValueError, match=r"without one whole picture|longer than its packet"):
                parser.parse(data)
        assert headers.has_picture(stream.codec_context, memoryview(packet))
        assert not headers.has_picture(stream.codec_context, message)


def packets(path: Path) -> tuple[headers.HeaderParser, list[bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        parser = headers.make_parser(stream.codec_context)
        assert parser is not None
        return parser, [bytes(packet) for packet in container.demux(stream) if packet.size]


def test_a_missing_reference_is_noticed(make_video: MakeVideo) -> None:
    """Decoders conceal it without an error."""
    parser, packet_list = packets(make_video(options={"bf": "0", "x264-params": "scenecut=0"}))
    for data in packet_list[:4]:
        parser.parse(memoryview(data))
    with pytest.raises(ValueError, match="gap"):
        parser.parse(memoryview(packet_list[5]))


def test_what_makes_hevc_decoders_drop_pictures_is_noticed(make_video: MakeVideo) -> None:
    options = {"x265-params": "keyint=12:min-keyint=12:bframes=0:open-gop=0:scenecut=0:log-level=error"}
    parser, packet_list = packets(make_video(codec="libx265", options=options))
    for data in packet_list[:12]:
        parser.parse(memoryview(data))
    length = int.from_bytes(packet_list[12][:4], "big")
    assert (packet_list[12][4] >> 1 & 63, length + 4) == (20, len(packet_list[12]))  # IDR without leading pictures
    with pytest.raises(ValueError, match="never shown"):
        parser.parse(memoryview(packet_list[12][:6] + bytes([packet_list[12][6] | 0x40]) + packet_list[12][7:]))
    with pytest.raises(ValueError, match="end of sequence"):
        parser.parse(memoryview(packet_list[12] + b"\0\0\0\2\x48\1"))


@pytest.mark.parametrize(
    ("name", "codec", "start_code", "changed"),
    [
        ("v.avi", "mpeg4", b"\0\0\1\x20", 12),
        ("v.ts", "mpeg2video", b"\0\0\1\xb3", 7),
    ],
)
def test_sets_that_change_on_the_way_are_noticed(
    make_video: MakeVideo, name: str, codec: str, start_code: bytes, changed: int
) -> None:
    parser, packet_list = packets(make_video(name, codec=codec, options={"bf": "0"}))
    first = packet_list[0]
    assert not parser.parse(memoryview(first)).parameter_sets_changed
    assert not parser.parse(memoryview(first)).parameter_sets_changed
    at = first.index(start_code) + changed
    other = first[:at] + bytes([first[at] ^ 1]) + first[at + 1 :]
    assert parser.parse(memoryview(other)).parameter_sets_changed


def test_a_jpeg_without_its_tables_is_no_entry(make_video: MakeVideo) -> None:
    parser, packet_list = packets(make_video("v.avi", codec="mjpeg", options={"bf": "0"}, pixels="yuvj420p"))
    assert parser.parse(memoryview(packet_list[0])).is_entry
    assert not parser.parse(memoryview(packet_list[1].replace(b"\xff\xdb", b"\xff\xfe"))).is_entry


def test_a_broken_configuration_has_no_parser(make_video: MakeVideo) -> None:
    with av.open(str(make_video())) as container:
        context = container.streams.video[0].codec_context
        context.extradata = bytes(context.extradata)[:12]
        assert headers.make_parser(context) is None


def test_bit_reader_follows_the_standards() -> None:
    # H.264, table 9-2: 1 → 0, 010 → 1, 011 → 2, 00100 → 3, 00111 → 6.
    bits = BitReader(bytes([0b10100110, 0b01000011, 0b10000000]))
    assert [bits.exp_golomb() for _ in range(5)] == [0, 1, 2, 3, 6]
    signed = BitReader(bytes([0b01001100, 0b10000101, 0b00000000]))
    assert [signed.signed_exp_golomb() for _ in range(4)] == [1, -1, 2, -2]
    with pytest.raises(ValueError, match="end"):
        BitReader(b"\0").exp_golomb()
    assert BitReader(b"\xff\x12\x34", skip_bytes=1).take(12) == 0x123
