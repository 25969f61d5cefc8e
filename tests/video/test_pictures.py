"""Colors, orientation and ranges of the decoded pictures."""

from __future__ import annotations

import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from av.filter import Graph

from actionpairs.errors import NoVideoStreamError
from actionpairs.records import Reason
from actionpairs.video.decode import NotAsPlannedError, Video
from actionpairs.video.scaling import FrameError, Picture, Scaler

WIDTH, HEIGHT = 320, 180


def write(
    path: Path,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    **options: str,
) -> Path:
    """Six frames of smooth colors that move."""
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.options = {"crf": "4", **options}
        for number in range(6):
            waves = [128 + 110 * np.sin(rows / 40 + columns / 60 * k + number / 3 + k) for k in (0.5, 1, 2)]
            frame = av.VideoFrame.from_ndarray(np.stack(waves, axis=-1).astype(np.uint8), "bgr24")
            container.mux(stream.encode(frame.reformat(format=pixels)))
        container.mux(stream.encode())
    return path


def ours(path: Path) -> Picture | FrameError:
    with av.open(str(path)) as container:
        scaler = Scaler(container.streams.video[0], short_side=4000)
        return scaler.picture(list(container.decode(video=0))[3])


def by_ffmpeg(path: Path) -> np.ndarray:
    """The fourth frame by libavfilter's own conversion, which uses the frame's matrix and range."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = list(container.decode(stream))[3]
        graph = Graph()
        scale = graph.add("scale", "flags=accurate_rnd+full_chroma_int+bicubic")
        shape = graph.add("format", "bgr24")
        graph.link_nodes(graph.add_buffer(template=stream), scale, shape, graph.add("buffersink")).configure()
        graph.vpush(frame)
        return graph.vpull().to_ndarray()


def scaled(path: Path) -> Picture | FrameError:
    """The first frame, by a scaler that was created before decoding."""
    with av.open(str(path)) as container:
        scaler = Scaler(container.streams.video[0], short_side=4000)
        return scaler.picture(next(container.decode(video=0)))


def by_command(path: Path, height: int, width: int) -> np.ndarray:
    """The first frame by the ffmpeg command, autorotated."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg here")
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-frames:v",
        "1",
        "-pix_fmt",
        "bgr24",
        "-f",
        "rawvideo",
        "-",
    ]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


SPACES = [
    {},
    {"colorspace": "bt709"},
    {"colorspace": "smpte170m"},
    {"colorspace": "bt2020nc"},
    {"colorspace": "bt709", "color_range": "pc"},
    {"colorspace": "smpte170m", "color_range": "pc"},
]


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: "-".join(space.values()) or "unspecified")
def test_colors_are_those_of_ffmpeg(tmp_path: Path, pixels: str, space: dict[str, str]) -> None:
    path = write(tmp_path / "v.mp4", pixels=pixels, **space)
    picture = ours(path)
    assert isinstance(picture, Picture)
    assert np.abs(picture.pixels.astype(int) - by_ffmpeg(path)).max() <= 2


def test_matrix_and_range_are_used(tmp_path: Path) -> None:
    """The same samples with other tags are other colors: a decoder that ignores tags fails here."""
    pictures = [ours(write(tmp_path / f"{number}.mp4", **space)) for number, space in enumerate(SPACES)]
    pixels = [picture.pixels.astype(int) for picture in pictures if isinstance(picture, Picture)]
    assert np.abs(pixels[1] - pixels[2]).max() > 5
    assert np.abs(pixels[1] - pixels[4]).max() > 5


@pytest.mark.parametrize(("width", "height"), [(321, 181), (333, 187)])
def test_odd_sizes_are_kept(tmp_path: Path, width: int, height: int) -> None:
    picture = ours(write(tmp_path / "v.mp4", pixels="yuv444p", size=(width, height)))
    assert isinstance(picture, Picture)
    assert picture.pixels.shape == (height, width, 3)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_refused_by_name(tmp_path: Path, transfer: str) -> None:
    path = write(tmp_path / "v.mp4", pixels="yuv420p10le", colorspace="bt2020nc", color_trc=transfer)
    picture = ours(path)
    assert isinstance(picture, FrameError)
    assert picture.reason == Reason.HDR_UNSUPPORTED


def test_interlaced_pictures_are_deinterlaced_and_reported(tmp_path: Path) -> None:
    """Two fields of a moving edge: woven together they are a comb, which no single moment shows."""
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.options = {"crf": "4", "x264-params": "tff=1"}
        for number in range(6):
            picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
            picture[0::2, : 100 + 16 * number] = 220
            picture[1::2, : 108 + 16 * number] = 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode())
    picture = ours(path)
    assert isinstance(picture, Picture)
    assert picture.treatment == "deinterlaced"
    gray = picture.pixels[..., 1].astype(int)[10:-10]
    comb = np.abs(gray[1:-1] * 2 - gray[:-2] - gray[2:]).max()
    assert comb < 100
    assert ours(write(tmp_path / "plain.mp4")).treatment == ""  # type: ignore[union-attr]


def test_a_file_with_sound_alone_has_no_video_stream(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(NoVideoStreamError):
        Video(str(path), short_side=512)


def test_time_zero_can_be_the_files_own_clock(make_video) -> None:  # type: ignore[no-untyped-def]
    path = make_video("late.mkv", pts=[150000 + number * 1001 for number in range(20)])
    with Video(str(path), short_side=512, time_zero="pts") as video:
        assert video.timeline.seconds_of(0) == pytest.approx(5.0, abs=0.002)
        assert video.timeline.on_screen_at(5.0 + 3.5 * 1001 / 30000) == 3


@pytest.mark.parametrize(
    "name", sorted(p.name for p in (Path(__file__).parents[3] / "shared/data/videos/odd").glob("*"))
)
def test_odd_files_give_the_frames_of_a_full_decode(shared: Path, name: str) -> None:
    """A few frames equal those of a full decode, or each is a FrameError."""
    path = shared / "videos" / "odd" / name
    with Video(str(path), short_side=64) as video:
        pictures, few = few_pictures(video)
    whole = decode_all(path, set(few))
    for pts in few:
        picture = pictures[pts]
        if isinstance(picture, Picture) and pts in whole:
            assert picture.pixels.shape == whole[pts].shape
            assert np.array_equal(picture.pixels, whole[pts])
        else:
            assert isinstance(picture, FrameError) or pts not in whole
    assert set(pictures) == set(few)


def few_pictures(video: Video) -> tuple[dict[int, Picture | FrameError], list[int]]:
    """Pictures by pts, spread over a video, and all requested pts."""

    def decode_few() -> tuple[dict[int, Picture | FrameError], list[int]]:
        frame_times = video.timeline.frame_times
        few = sorted({round(part * (len(frame_times) - 1) / 21) for part in range(22)})
        pictures = {frame_times[position]: picture for position, picture in video.pictures(few)}
        return pictures, [frame_times[position] for position in few]

    try:
        return decode_few()
    except NotAsPlannedError as error:
        video.read_through(str(error))
        return decode_few()


def decode_all(path: Path, wanted: set[int]) -> dict[int, np.ndarray]:
    """Frames by pts from a full decode, with the same conversion."""
    pictures = {}
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        scaler = Scaler(container.streams.video[0], short_side=64)
        try:
            for frame in container.decode(video=0):
                if frame.pts in wanted:
                    pictures[frame.pts] = scaler.picture(frame).pixels
        except av.FFmpegError:
            pass
    return pictures


ONE = 65536
MATRICES = {  # a, b, c, d of the display matrix
    "none": (ONE, 0, 0, ONE),
    "mirrored": (-ONE, 0, 0, ONE),
    "upside down": (ONE, 0, 0, -ONE),
    "half": (-ONE, 0, 0, -ONE),
    "clockwise": (0, ONE, -ONE, 0),
    "counterclockwise": (0, -ONE, ONE, 0),
    "transposed": (0, ONE, ONE, 0),
    "transposed the other way": (0, -ONE, -ONE, 0),
    "30 degrees": (56756, 32768, -32768, 56756),
    "1 degree": (65526, 1144, -1144, 65526),
    "nothing": (0, 0, 0, 0),
}
TURNS = {
    "none": lambda a: a,
    "mirrored": lambda a: a[:, ::-1],
    "upside down": lambda a: a[::-1],
    "half": lambda a: a[::-1, ::-1],
    "clockwise": lambda a: np.rot90(a, -1),
    "counterclockwise": np.rot90,
    "transposed": lambda a: a.swapaxes(0, 1),
    "transposed the other way": lambda a: a[::-1, ::-1].swapaxes(0, 1),
}


def write_turned(path: Path, name: str, aspect: Fraction | None = None) -> Path:
    """Twelve color patches without symmetry, with a display matrix that is inserted afterwards."""
    patches = np.random.default_rng(3).integers(40, 216, (3, 4, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.codec_context.options = {"crf": "1"}
        stream.set_display_matrix(
            [*MATRICES["counterclockwise"][:2], 0, *MATRICES["counterclockwise"][2:], 0, 0, 0, 1 << 30]
        )
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        frame = av.VideoFrame.from_ndarray(patches.repeat(16, 0).repeat(16, 1), "bgr24")
        container.mux(stream.encode(frame.reformat(format="yuv444p")))
        container.mux(stream.encode())
    raw = bytearray(path.read_bytes())
    a, b, c, d = MATRICES[name]
    start = raw.rindex(b"tkhd") + 44
    raw[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("name", TURNS)
def test_pictures_are_upright_as_their_display_matrix_says(tmp_path: Path, name: str) -> None:
    plain, turned = (
        scaled(write_turned(tmp_path / "p.mp4", "none")),
        scaled(write_turned(tmp_path / "v.mp4", name)),
    )
    assert isinstance(plain, Picture)
    assert isinstance(turned, Picture)
    assert np.array_equal(turned.pixels, TURNS[name](plain.pixels))


@pytest.mark.parametrize("name", MATRICES)
def test_pictures_are_turned_as_ffmpeg_does_it(tmp_path: Path, name: str) -> None:
    path = write_turned(tmp_path / "v.mp4", name)
    picture = scaled(path)
    assert isinstance(picture, Picture)
    assert difference(picture.pixels, by_command(path, *picture.pixels.shape[:2])) < 2


def test_pixels_that_are_not_square_are_made_so_before_a_quarter_turn(tmp_path: Path) -> None:
    picture = scaled(write_turned(tmp_path / "v.mp4", "clockwise", Fraction(3, 2)))
    assert isinstance(picture, Picture)
    assert picture.pixels.shape == (96, 48, 3)


def test_a_turn_that_changes_within_a_video_is_followed(tmp_path: Path) -> None:
    paths = [write_turned(tmp_path / f"{name}.mp4", name) for name in ("none", "30 degrees", "mirrored")]
    with av.open(str(paths[0])) as container:
        scaler = Scaler(container.streams.video[0], short_side=4000)
    for path in [*paths, paths[0]]:
        with av.open(str(path)) as container:
            picture = scaler.picture(next(container.decode(video=0)))
        alone = scaled(path)
        assert isinstance(picture, Picture)
        assert isinstance(alone, Picture)
        assert np.array_equal(picture.pixels, alone.pixels)


@pytest.mark.parametrize(
    ("orientation", "name"),
    [(1, "none"), (2, "mirrored"), (5, "transposed"), (6, "clockwise"), (8, "counterclockwise")],
)
def test_exif_in_motion_jpeg_turns_pictures(tmp_path: Path, orientation: int, name: str) -> None:
    """Such a frame has side data that PyAV does not know; it raises ValueError for all side data."""
    patches = np.random.default_rng(3).integers(40, 216, (3, 4, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    full = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    plain = cv2.imencode(".jpg", patches, [cv2.IMWRITE_JPEG_QUALITY, 97, *full])[1].tobytes()
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    path, turned = tmp_path / "v.mjpg", tmp_path / "t.mjpg"
    path.write_bytes(3 * plain)
    turned.write_bytes(3 * (plain[:2] + segment + plain[2:]))
    upright, picture = scaled(path), scaled(turned)
    assert isinstance(upright, Picture)
    assert isinstance(picture, Picture)
    assert np.array_equal(picture.pixels, TURNS[name](upright.pixels))
    assert difference(picture.pixels, by_command(turned, *picture.pixels.shape[:2])) < 2


def test_an_absurd_pixel_aspect_ratio_is_ignored(tmp_path: Path) -> None:
    picture = scaled(write_turned(tmp_path / "v.mp4", "none", Fraction(20000, 1)))
    assert isinstance(picture, Picture)
    assert picture.pixels.shape == (48, 64, 3)


RARE = [*range(23), 255, 1000]


@pytest.mark.parametrize(
    "pixels",
    [
        "yuv420p",
        "yuvj420p",
        "yuv420p10le",
        "yuva444p12le",
        "gbrp",
        "rgb24",
        "gray",
        "gray10le",
        "pal8",
        "xyz12le",
        "bayer_rggb8",
        "monow",
    ],
)
def test_no_color_tag_stops_anything(tmp_path: Path, pixels: str) -> None:
    """Since FFmpeg 8, filters refuse reserved and rare tags: eluv-io/avpipe#175, PyAV#2208."""
    with av.open(str(write(tmp_path / "v.mp4"))) as container:
        scaler = Scaler(container.streams.video[0], short_side=16)
    frame = av.VideoFrame(32, 32, pixels)
    for plane in frame.planes:
        plane.update(bytes(range(256)) * (plane.buffer_size // 256) + bytes(plane.buffer_size % 256))
    for tag in ("color_primaries", "color_trc", "colorspace", "color_range"):
        usual = getattr(frame, tag)
        for value in RARE:
            setattr(frame, tag, value)
            picture = scaler.picture(frame)
            assert getattr(frame, tag) == value
            assert isinstance(picture, Picture) or (tag == "color_trc" and value in (16, 18))
        setattr(frame, tag, usual)


def test_a_format_that_ffmpeg_cannot_convert_is_a_decode_error(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "v.mp4"))) as container:
        scaler = Scaler(container.streams.video[0], short_side=16)
    for pixels in ("rgb4", "yaf32le"):
        picture = scaler.picture(av.VideoFrame(32, 32, pixels))
        assert isinstance(picture, FrameError)
        assert picture.reason == Reason.DECODE_ERROR
        assert pixels in picture.detail
    assert isinstance(scaler.picture(av.VideoFrame(32, 32, "yuv420p")), Picture)


def retagged(path: Path, target: Path, bitstream_filter: str) -> Path:
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0], opaque=True)
        change = BitStreamFilterContext(bitstream_filter, source.streams.video[0], stream)
        for packet in source.demux(video=0):
            for changed in change.filter(packet if packet.dts is not None else None):
                changed.stream = stream
                container.mux(changed)
    return target


@pytest.mark.parametrize("value", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 20, 255])
def test_every_matrix_is_shown_as_ffmpeg_shows_it(tmp_path: Path, value: int) -> None:
    plain = write(tmp_path / "v.mp4")
    path = retagged(plain, tmp_path / "t.mp4", f"h264_metadata=matrix_coefficients={value}:colour_primaries=3")
    picture = scaled(path)
    assert isinstance(picture, Picture)
    assert difference(picture.pixels, by_command(path, HEIGHT, WIDTH)) < 2


@pytest.mark.parametrize("tags", [(0, 0, 1), (3, 3, 3), (12, 20, 14)])
def test_prores_with_reserved_tags_is_shown(tmp_path: Path, tags: tuple[int, int, int]) -> None:
    path = write(tmp_path / "v.mov", codec="prores_ks", pixels="yuv422p10le")
    raw, start = bytearray(path.read_bytes()), 0
    while (start := raw.find(b"icpf", start)) >= 0:
        raw[start + 18 : start + 21] = bytes(tags)
        start += 4
    path.write_bytes(raw)
    picture = scaled(path)
    assert isinstance(picture, Picture)
    assert difference(picture.pixels, by_command(path, HEIGHT, WIDTH)) < 2


def with_colr(path: Path, target: Path, primaries: int, transfer: int, matrix: int, span: int) -> Path:
    """The same packets with a colr box; the stream itself is unchanged."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0], opaque=True)
        context = stream.codec_context
        context.color_primaries, context.color_trc = primaries, transfer
        context.colorspace, context.color_range = matrix, span
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    assert b"colrnclx" in target.read_bytes()
    return target


@pytest.mark.parametrize(("codec", "is_used"), [("libx264", True), ("mpeg4", True), ("libx265", False)])
def test_color_in_the_container_alone_counts_where_it_does_in_ffmpeg(
    tmp_path: Path, codec: str, is_used: bool
) -> None:
    """FFmpeg's HEVC decoder ignores the container's tags."""
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
    plain = write(tmp_path / "v.mp4", codec=codec, **options)
    pictures = []
    for number, tags in enumerate([(1, 1, 1, 1), (1, 1, 1, 2), (6, 6, 6, 1)]):
        path = with_colr(plain, tmp_path / f"{number}.mp4", *tags)
        picture = scaled(path)
        assert isinstance(picture, Picture)
        pictures.append(picture.pixels)
        assert difference(picture.pixels, by_command(path, HEIGHT, WIDTH)) < 2
    assert (difference(pictures[0], pictures[1]) > 2) == is_used
    assert (difference(pictures[0], pictures[2]) > 2) == is_used


@pytest.mark.parametrize("pixels", ["gray", "gray10le", "gray12le"])
@pytest.mark.parametrize("span", ["tv", "pc"])
def test_gray_is_spread_as_ffmpeg_spreads_it(tmp_path: Path, pixels: str, span: str) -> None:
    path = write(tmp_path / "v.mkv", codec="ffv1", pixels=pixels, color_range=span)
    picture = scaled(path)
    assert isinstance(picture, Picture)
    assert difference(picture.pixels, by_command(path, HEIGHT, WIDTH)) < 2
