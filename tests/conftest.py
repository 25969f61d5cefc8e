"""What every test may use: videos that carry their frame index in pixels, and the shared real files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.fake_hub import FakeHub, fake_hub, used

if "PYTEST_XDIST_WORKER" in os.environ:
    # Several processes with several threads each wait for one another most of the time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).parents[2] / "shared" / "data"
CELL, BITS = 12, 12


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the tests of the longest fixture, so that no second worker takes some of them at the end."""
    items.sort(key=lambda item: item.path.name != "test_zoo.py")


@pytest.fixture
def shared() -> Path:
    """The folder of real clips and annotation files; the test is skipped where it is not there."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data here")
    return SHARED


def draw_index(number: int, *, width: int, height: int) -> np.ndarray:
    """A gray picture whose bottom-left edge says its number: twelve cells, most significant bit first."""
    picture = np.full((height, width, 3), 60 + number % 80, np.uint8)
    picture[height // 4 : height // 2, (number * 3) % (width // 2) :] = (200, 120, 40)
    for bit in range(BITS):
        white = (number >> (BITS - 1 - bit)) & 1
        picture[height - CELL :, bit * CELL : (bit + 1) * CELL] = 255 * white
    return picture


def read_index(picture: np.ndarray, *, height: int) -> int:
    """Read the number back from a picture, of a frame that was `height` pixels high."""
    cell = CELL * picture.shape[0] / height
    row = round(picture.shape[0] - cell / 2)
    bits = [int(picture[row, round((bit + 0.5) * cell)].mean() > 127) for bit in range(BITS)]
    return int("".join(map(str, bits)), 2)


def encode_video(
    path: Path,
    *,
    frames: int,
    pts: list[int] | None,
    codec: str,
    size: tuple[int, int],
    options: dict[str, str] | None,
    pixels: str,
) -> None:
    """Write a video whose every frame carries its number. See `make_video`."""
    times = pts or [number * 1001 for number in range(frames)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(30000, 1001))
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, 30000)
        if codec in ("mpeg1video", "mpeg2video"):  # these count in frames
            stream.codec_context.time_base = Fraction(1001, 30000)
        stream.codec_context.options = {"g": "12", "bf": "2", **(options or {})}
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(draw_index(number, width=size[0], height=size[1]), "bgr24")
            frame.pts, frame.time_base = time, Fraction(1, 30000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


MakeVideo = Callable[..., Path]
_encoded: dict[str, bytes] = {}  # every video is encoded once a session


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Write a video whose every frame carries its number.

    pts: presentation times in units of 1/30000 s; 30000/1001 fps from zero where none are given.
    """

    def make(
        name: str = "video.mp4",
        *,
        frames: int = 60,
        pts: list[int] | None = None,
        codec: str = "libx264",
        size: tuple[int, int] = (256, 144),
        options: dict[str, str] | None = None,
        pixels: str = "yuv420p",
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        key = repr((path.suffix, frames, pts, codec, size, options, pixels))
        if key not in _encoded:
            encode_video(path, frames=frames, pts=pts, codec=codec, size=size, options=options, pixels=pixels)
            _encoded[key] = path.read_bytes()
        path.write_bytes(_encoded[key])
        return path

    return make


MakeNoise = Callable[..., Path]


@pytest.fixture
def make_noise(tmp_path: Path) -> MakeNoise:
    """Write a video of moving noise with sound, about 250 KB a second, with a key frame a second."""

    def make(name: str, *, seconds: int) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(0).integers(0, 256, (320, 500, 3), np.uint8)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.width, stream.height, stream.pix_fmt = 426, 240, "yuv420p"
            stream.codec_context.options = {"g": "30", "bf": "2", "preset": "ultrafast", "crf": "30"}
            sound = container.add_stream("pcm_s16le" if name.endswith("mov") else "aac", rate=48000)
            for number in range(30 * seconds):
                picture = noise[number % 80 :, number % 70 :][:240, :426]
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture.copy(), "bgr24")))
                samples = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), "s16", "mono")
                samples.sample_rate, samples.pts = 48000, number * 1600
                container.mux(sound.encode(samples))
            container.mux([*stream.encode(), *sound.encode()])
        return path

    return make


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on this machine, which `hf://` means while the test runs."""
    with fake_hub() as server, used(server, tmp_path / "hf-home", monkeypatch):
        yield server


HEADER = "segment_id,video,start_seconds,stop_seconds,instruction,verb,noun,participant\n"


@dataclass(frozen=True)
class RawDataset:
    """Three videos of 60 frames, and six good rows in a table."""

    videos: Path
    table: Path

    def add(self, *rows: str) -> None:
        with self.table.open("a") as file:
            file.writelines(f"{row}\n" for row in rows)


@pytest.fixture
def dataset(tmp_path: Path, make_video: MakeVideo) -> RawDataset:
    for name in "abc":
        make_video(f"videos/{name}.mp4")
    table = tmp_path / "segments.csv"
    rows = [
        f"{name}_{number},{name}.mp4,{number * 0.7 + 0.1:.1f},{number * 0.7 + 0.6:.1f},take cup,take,cup,{name}"
        for name in "abc"
        for number in range(2)
    ]
    table.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return RawDataset(tmp_path / "videos", table)
