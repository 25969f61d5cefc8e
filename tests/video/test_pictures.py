"""The colours, lines and ranges of the pictures that come out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph

from actionpairs.errors import NoVideoStreamError
from actionpairs.records import Reason
from actionpairs.video.decode import Video
from actionpairs.video.scaling import Picture, Scaler, Unfit

WIDTH, HEIGHT = 320, 180


def write(
    path: Path,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    **options: str,
) -> Path:
    """Six frames of smooth colours that move."""
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


def ours(path: Path) -> Picture | Unfit:
    with Video(str(path)) as video:
        [(_, picture)] = video.pictures([video.table.shown[3]], short_side=4000)
    return picture


def by_ffmpeg(path: Path) -> np.ndarray:
    """The fourth frame by libavfilter's own conversion, which reads matrix and range off the frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = list(container.decode(stream))[3]
        graph = Graph()
        scale = graph.add("scale", "flags=accurate_rnd+full_chroma_int+bicubic")
        shape = graph.add("format", "bgr24")
        graph.link_nodes(graph.add_buffer(template=stream), scale, shape, graph.add("buffersink")).configure()
        graph.vpush(frame)
        return graph.vpull().to_ndarray()


SPACES = [
    {},
    {"colorspace": "bt709"},
    {"colorspace": "smpte170m"},
    {"colorspace": "bt2020nc"},
    {"colorspace": "bt709", "color_range": "pc"},
    {"colorspace": "smpte170m", "color_range": "pc"},
]


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: "-".join(space.values()) or "untold")
def test_colours_are_those_of_ffmpeg(tmp_path: Path, pixels: str, space: dict[str, str]) -> None:
    path = write(tmp_path / "v.mp4", pixels=pixels, **space)
    picture = ours(path)
    assert isinstance(picture, Picture)
    assert np.abs(picture.pixels.astype(int) - by_ffmpeg(path)).max() <= 2


def test_matrix_and_range_are_heeded(tmp_path: Path) -> None:
    """The same samples under other tags are other colours: a decoder that ignores the tags fails here."""
    found = [ours(write(tmp_path / f"{number}.mp4", **space)) for number, space in enumerate(SPACES)]
    pixels = [picture.pixels.astype(int) for picture in found if isinstance(picture, Picture)]
    assert np.abs(pixels[1] - pixels[2]).max() > 5
    assert np.abs(pixels[1] - pixels[4]).max() > 5


@pytest.mark.parametrize(("width", "height"), [(321, 181), (333, 187)])
def test_odd_sizes_stay_what_they_are(tmp_path: Path, width: int, height: int) -> None:
    picture = ours(write(tmp_path / "v.mp4", pixels="yuv444p", size=(width, height)))
    assert isinstance(picture, Picture)
    assert picture.pixels.shape == (height, width, 3)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_turned_down_by_name(tmp_path: Path, transfer: str) -> None:
    path = write(tmp_path / "v.mp4", pixels="yuv420p10le", colorspace="bt2020nc", color_trc=transfer)
    picture = ours(path)
    assert isinstance(picture, Unfit)
    assert picture.reason == Reason.HDR_UNSUPPORTED


def test_interlaced_pictures_have_no_combs_and_say_so(tmp_path: Path) -> None:
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
    grey = picture.pixels[..., 1].astype(int)[10:-10]
    comb = np.abs(grey[1:-1] * 2 - grey[:-2] - grey[2:]).max()
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
        Video(str(path))


def test_time_zero_can_be_the_files_own_clock(make_video) -> None:  # type: ignore[no-untyped-def]
    path = make_video("late.mkv", pts=[150000 + number * 1001 for number in range(20)])
    with Video(str(path), time_zero="pts") as video:
        first = video.table.shown[0]
        assert video.table.seconds_of(first) == pytest.approx(5.0, abs=0.002)
        assert video.table.on_screen_at(5.0 + 3.5 * 1001 / 30000) == video.table.shown[3]


@pytest.mark.parametrize(
    "name", sorted(p.name for p in (Path(__file__).parents[3] / "shared/data/videos/odd").glob("*"))
)
def test_odd_files_give_the_frames_of_a_straight_decode(shared: Path, name: str) -> None:
    """Any few frames are the same pictures as those of a full pass in order, or each is turned down by name."""
    path = shared / "videos" / "odd" / name
    with Video(str(path)) as video:
        shown = video.table.shown
        few = sorted({shown[round(part * (len(shown) - 1) / 21)] for part in range(22)})
        found = dict(video.pictures(few, short_side=64))
    whole = straight(path, set(few))
    for pts in few:
        picture = found[pts]
        if isinstance(picture, Picture) and pts in whole:
            assert picture.pixels.shape == whole[pts].shape
            assert np.array_equal(picture.pixels, whole[pts])
        else:
            assert isinstance(picture, Unfit) or pts not in whole
    assert set(found) == set(few)


def straight(path: Path, wanted: set[int]) -> dict[int, np.ndarray]:
    """Frames by pts from a decode from front to back, through the same conversion."""
    found = {}
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        scaler = Scaler(container.streams.video[0], short_side=64)
        try:
            for frame in container.decode(video=0):
                if frame.pts in wanted:
                    found[frame.pts] = scaler.picture(frame).pixels
        except av.FFmpegError:
            pass
    return found
