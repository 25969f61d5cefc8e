"""High dynamic range: how it is detected, and what tone-mapping does."""

from __future__ import annotations

import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from actionpairs.records import Reason
from actionpairs.video.hdr import (
    ColorTags,
    DolbyVision,
    HdrPicture,
    detect_hdr,
    dolby_vision_of_stream,
    list_side_data,
)
from actionpairs.video.scaling import FrameError, Picture, Scaler

PQ, HLG = 16, 18
UNSPECIFIED = ColorTags()
HDR_TAGS = {"pq": ColorTags(9, PQ, 9, 1), "hlg": ColorTags(9, HLG, 9, 1)}


def encoded(path: Path, codec: str = "libx265", pixels: str = "yuv420p10le", params: str = "") -> Path:
    """Three gray frames without color tags in the stream."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        if codec == "libx265":
            stream.codec_context.options = {"x265-params": "log-level=error" + params}
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "bgr24")
        for _ in range(3):
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode())
    return path


def with_tags(path: Path, target: Path, tags: ColorTags) -> Path:
    """The same packets, with color tags in the container."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0], opaque=True)
        context = stream.codec_context
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        context.colorspace, context.color_range = tags.matrix, tags.range
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    return target


def with_dolby_vision(path: Path, target: Path, profile: int, base: int, entry: bytes = b"hev1") -> Path:
    """Add a configuration to the sample description of an MP4 whose moov box is its last."""
    raw = bytearray(path.read_bytes())
    box = struct.pack(
        ">I4sBBHB19x", 32, b"dvcC" if profile < 8 else b"dvvC", 1, 0, profile << 9 | 5 << 3 | 5, base << 4
    )
    start = raw.rindex(b"hev1" if b"hev1" in raw else b"hvc1")
    raw[start : start + 4] = entry
    end = start - 4 + struct.unpack_from(">I", raw, start - 4)[0]
    raw[end:end] = box
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        place = raw.rindex(kind) - 4
        struct.pack_into(">I", raw, place, struct.unpack_from(">I", raw, place)[0] + len(box))
    place = start - 4
    struct.pack_into(">I", raw, place, struct.unpack_from(">I", raw, place)[0] + len(box))
    target.write_bytes(raw)
    return target


def first(path: Path, hdr: str = "refuse") -> Picture | FrameError:
    with av.open(str(path)) as container:
        scaler = Scaler(container.streams.video[0], short_side=4000, hdr=hdr)  # type: ignore[arg-type]
        return scaler.picture(next(container.decode(video=0)))


def refused(path: Path, hdr: str = "refuse") -> str:
    picture = first(path, hdr)
    assert isinstance(picture, FrameError), picture
    assert picture.reason == Reason.HDR_UNSUPPORTED
    return picture.detail


@pytest.mark.parametrize("transfer", HDR_TAGS)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_container_that_says_hdr_is_believed(tmp_path: Path, suffix: str, transfer: str) -> None:
    """An iPhone's MOV and files from editors: kajisho5/ffmpeg-skill#5, browser-use/video-use#6."""
    path = with_tags(encoded(tmp_path / "plain.mp4"), tmp_path / f"v.{suffix}", HDR_TAGS[transfer])
    detail = refused(path)
    assert transfer.upper() in detail
    assert "the container" in detail


@pytest.mark.parametrize("transfer", HDR_TAGS)
def test_a_stream_that_says_hdr_is_believed(tmp_path: Path, transfer: str) -> None:
    number = HDR_TAGS[transfer].transfer
    path = encoded(tmp_path / "v.mp4", params=f":transfer={number}:colorprim=9:colormatrix=9")
    assert "the stream" in refused(with_tags(path, tmp_path / "w.mp4", UNSPECIFIED))


def test_a_mastering_display_alone_is_not_hdr(tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    path = encoded(tmp_path / "v.mp4", params=f":master-display={display}:max-cll=1000,400:hdr10=1")
    with av.open(str(path)) as container:
        kinds = {item.type.name for item in list_side_data(next(container.decode(video=0)))}
    assert "MASTERING_DISPLAY_METADATA" in kinds
    assert isinstance(first(path), Picture)


@pytest.mark.parametrize("entry", [b"hev1", b"dvhe", b"dvh1"])
@pytest.mark.parametrize("mode", ["refuse", "tonemap"])
def test_dolby_vision_5_is_refused_always(tmp_path: Path, entry: bytes, mode: str) -> None:
    """Without Dolby Vision support it looks green and purple: fliks-app/fliks#658."""
    path = with_dolby_vision(encoded(tmp_path / "plain.mp4"), tmp_path / "v.mp4", 5, 0, entry)
    assert "Dolby Vision profile 5" in refused(path, mode)


def test_dolby_vision_in_matroska_is_detected(tmp_path: Path) -> None:
    path = with_dolby_vision(encoded(tmp_path / "plain.mp4"), tmp_path / "v.mp4", 5, 0)
    target = tmp_path / "v.mkv"
    with (
        av.open(str(path)) as source,
        av.open(str(target), "w", options={"strict": "unofficial"}) as container,
    ):
        stream = container.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    with av.open(str(target)) as container:
        assert dolby_vision_of_stream(container.streams.video[0]) == DolbyVision(5, 0)
    assert "Dolby Vision profile 5" in refused(target)


@pytest.mark.parametrize(("base", "transfer"), [(1, "PQ"), (4, "HLG"), (2, None)])
def test_dolby_vision_8_is_what_its_base_is(tmp_path: Path, base: int, transfer: str | None) -> None:
    path = with_dolby_vision(encoded(tmp_path / "plain.mp4"), tmp_path / "v.mp4", 8, base)
    if transfer is None:
        assert isinstance(first(path), Picture)
    else:
        assert transfer in refused(path)


def test_hdr_that_cannot_be_tone_mapped_has_no_tags() -> None:
    ictcp = detect_hdr(ColorTags(9, PQ, 14, 1), UNSPECIFIED, None)
    assert ictcp is not None
    assert ictcp.tags is None
    assert "ICtCp" in ictcp.detail
    assert detect_hdr(UNSPECIFIED, UNSPECIFIED, None) is None
    assert detect_hdr(ColorTags(2, HLG, 2, 1), UNSPECIFIED, None) == HdrPicture(
        "high dynamic range: HLG (ARIB STD-B67), says the stream", ColorTags(9, HLG, 9, 1)
    )


NITS = np.array([0, 0.5, 2, 5, 10, 20, 40, 70, 100, 150, 203, 300, 400, 600, 800, 1000])
HUES = {
    "gray": (1, 1, 1),
    "red": (1, 0.6, 0.6),
    "green": (0.6, 1, 0.6),
    "blue": (0.6, 0.6, 1),
    "skin": (0.9, 0.75, 0.65),
}


def signal(transfer: int) -> np.ndarray:
    """PQ and HLG signal values (for a display of 1,000 cd/m²) for NITS of gray."""
    if transfer == PQ:
        power = (NITS / 10000) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    light = (NITS / 1000) ** (1 / 1.2)
    return np.where(
        light <= 1 / 12,
        np.sqrt(3 * light),
        0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073,
    )


def gradient(transfer: int) -> av.VideoFrame:
    """A row of patches for each hue, ever brighter; BT.2020 of limited range in 10 bits."""
    rgb = signal(transfer)[None, :, None] * np.array([*HUES.values()])[:, None]
    luma = rgb @ np.array([0.2627, 0.678, 0.0593])
    planes = [
        64 + 876 * luma,
        512 + 896 * (rgb[..., 2] - luma) / 1.8814,
        512 + 896 * (rgb[..., 0] - luma) / 1.4746,
    ]
    frame = av.VideoFrame(16 * len(NITS), 16 * len(HUES), "yuv444p10le")
    for plane, values in zip(frame.planes, planes, strict=True):
        samples = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        samples[:, : plane.width] = np.round(values).repeat(16, 0).repeat(16, 1)
        plane.update(samples.tobytes())
    ColorTags(9, transfer, 9, 1).apply_to(frame)
    return frame


def by_zscale(frame: av.VideoFrame) -> np.ndarray:
    """The chain that people use: zscale to linear light, tonemap=hable, zscale to BT.709."""
    filters = (
        subprocess.run(["ffmpeg", "-hide_banner", "-filters"], capture_output=True, text=True).stdout
        if shutil.which("ffmpeg")
        else ""
    )
    if " zscale " not in filters:
        pytest.skip("no ffmpeg with zscale here")
    name = {PQ: "smpte2084", HLG: "arib-std-b67"}[frame.color_trc]
    raw = b"".join(
        np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, : plane.width].tobytes()
        for plane in frame.planes
    )
    chain = (
        f"setparams=color_primaries=bt2020:color_trc={name}:colorspace=bt2020nc:range=tv,zscale=t=linear:npl=203,"
        "format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
    )
    source = ["-f", "rawvideo", "-pix_fmt", "yuv444p10le", "-s", f"{frame.width}x{frame.height}", "-i", "-"]
    command = ["ffmpeg", "-v", "error", *source, "-vf", chain, "-pix_fmt", "bgr24", "-f", "rawvideo", "-"]
    raw_output = subprocess.run(command, input=raw, capture_output=True, check=True).stdout
    return np.frombuffer(raw_output, np.uint8).reshape(frame.height, frame.width, 3)


@pytest.mark.parametrize("transfer", [HLG, pytest.param(PQ, marks=pytest.mark.slow)])
def test_tone_mapping_keeps_order_hue_and_light(tmp_path: Path, transfer: int) -> None:
    with av.open(str(encoded(tmp_path / "v.mp4"))) as container:
        scaler = Scaler(container.streams.video[0], short_side=4000, hdr="tonemap")
    frame = gradient(transfer)
    picture = scaler.picture(frame)
    assert isinstance(picture, Picture)
    assert picture.treatment == "tone-mapped"
    patches = picture.pixels[8::16, 8::16].astype(int)  # hue, light, BGR
    gray, red, green, blue, skin = patches
    assert (np.ptp(gray, axis=-1) <= 1).all()
    assert (np.diff(gray[:, 0]) > 0).all()  # monotone, and nothing but the peak is white
    assert gray[-2, 0] < 250
    assert 140 <= gray[list(NITS).index(203), 0] <= 190  # a sheet of paper
    assert (red[2:, 2] > red[2:, :2].max(axis=-1)).all()
    assert (green[2:, 1] > green[2:, ::2].max(axis=-1)).all()
    assert (blue[2:, 0] > blue[2:, 1:].max(axis=-1)).all()
    assert (np.diff(skin[2:]) > 0).all()  # more red than green, more green than blue
    other = by_zscale(frame)[8::16, 8::16].astype(int)
    assert np.abs(gray - other[0]).max() <= 32
    assert np.abs(patches - other).mean() <= 24
