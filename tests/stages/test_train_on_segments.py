"""A recognizer can train on frames of whole segments, decoded from the videos."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from actionpairs.data import examples
from actionpairs.data.clips import SegmentClip, decode_clips, find_clips
from actionpairs.errors import TrainingError, VideoError
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard
from actionpairs.stages.train import TrainSummary, train
from actionpairs.storage import Folder
from tests.conftest import HEADER, encode_video, read_index
from tests.stages.conftest import SMALL_RECIPE
from tests.stages.training_runs import EDITOR, RECOGNIZER
from tests.training.conftest import without_curves as without_curves

pytestmark = pytest.mark.usefixtures("without_curves")
SIDE, RATE = 144, 30000 / 1001
CLIPS = {"clips": "segments", "frames": 4}


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos, and the shards of their segments: two long ones a video, which overlap, and a short one."""
    folder = tmp_path_factory.mktemp("segments")
    (folder / "videos").mkdir()
    rows = []
    for name in "abc":
        encode(folder / f"videos/{name}.mp4")
        for number, (start, stop) in enumerate([(0.1, 1.8), (0.5, 1.2), (1.3, 1.42)]):
            verb = ("open", "close")[number % 2]
            rows.append(f"{name}_{number},{name}.mp4,{start},{stop},{verb} box,{verb},box,{name}\n")
    (folder / "segments.csv").write_text(HEADER + "".join(rows))
    recipe, pairs = folder / "small.yaml", str(folder / "pairs")
    recipe.write_text(SMALL_RECIPE.replace("min_change: 0.012", ""))
    table = str(folder / "segments.csv")
    extract(recipe, videos=str(folder / "videos"), annotations=[table], out=pairs, executor="serial")
    shard(recipe, pairs=pairs, out=str(folder / "shards"))
    return folder


def encode(path: Path, pts: list[int] | None = None) -> None:
    size, codec = (SIDE, SIDE), "libx264"
    encode_video(path, frames=60, pts=pts, codec=codec, size=size, options=None, pixels="yuv420p")


@pytest.fixture
def folder(extracted: Path, tmp_path: Path) -> Path:
    """A copy of the videos and shards for each test, which may change it."""
    for name in ("videos", "shards"):
        shutil.copytree(extracted / name, tmp_path / name)
    return tmp_path


def all_clips(folder: Path) -> tuple[SegmentClip, ...]:
    shards = [Folder(folder / "shards")]
    return find_clips([*examples.load_train(shards), *examples.load_test(shards)], Folder(folder / "videos"))


def run(folder: Path, section: dict[str, object], *, videos: bool, stop_after: int | None = None) -> TrainSummary:
    recipe = folder / "train.yaml"
    recipe.write_text(yaml.safe_dump({"train": section}))
    return train(
        recipe,
        shards=[str(folder / "shards")],
        videos=str(folder / "videos") if videos else None,
        out=str(folder / "model"),
        device="cpu",
        stop_after=stop_after,
    )


def test_a_clip_goes_evenly_from_the_pairs_first_frame_to_its_last(folder: Path) -> None:
    """Two clips of a video may overlap. A clip with fewer frames than requested repeats some."""
    clips, videos = all_clips(folder), Folder(folder / "videos")
    assert len(clips) == 9
    decoded = list(decode_clips(clips, videos, frames=8, size=SIDE))
    in_threads = decode_clips(clips, videos, frames=8, size=SIDE, workers=2)
    assert all(np.array_equal(one, other) for one, other in zip(decoded, in_threads, strict=True))
    for clip, pictures in zip(clips, decoded, strict=True):
        first, last = round(clip.facts.before_seconds * RATE), round(clip.facts.after_seconds * RATE)
        expected = [first + (last - first) * number // 7 for number in range(8)]
        assert [read_index(picture, height=SIDE) for picture in pictures] == expected
        pair = examples.load_pair(clip.example, SIDE)
        assert np.abs(pictures[[0, -1]].astype(int) - pair).mean() < 3  # JPEG, and RGB as the pair is


def test_a_recognizer_trains_on_segments_and_is_scored_on_pairs(folder: Path) -> None:
    section = RECOGNIZER | CLIPS | {"resolution": 32}
    assert not run(folder, section, videos=True, stop_after=1).finished
    summary = run(folder, section, videos=True)
    assert (summary.counts["pairs"], summary.counts["scored"]) == (7, 2)
    assert "7 segments, each as a clip of frames" in (folder / "model/README.md").read_text()


def test_segments_without_videos_are_refused_and_videos_without_segments(folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"clips: segments.*--videos"):
        run(folder, RECOGNIZER | CLIPS, videos=False)
    for section in (RECOGNIZER, EDITOR):
        with pytest.raises(TrainingError, match=r"reads no videos\. Leave --videos out"):
            run(folder, section, videos=True)
    assert not (folder / "model").exists()


def test_a_video_that_is_missing_or_ambiguous_is_named(folder: Path) -> None:
    video = folder / "videos/b.mp4"
    for name in ("one", "two"):
        (folder / "videos" / name).mkdir()
        (folder / "videos" / name / "b.mp4").write_bytes(video.read_bytes())
    video.unlink()
    with pytest.raises(VideoError, match=r"b\.mp4.*the name fits one/b\.mp4, two/b\.mp4"):
        all_clips(folder)
    for name in ("one", "two"):
        (folder / "videos" / name / "b.mp4").unlink()
    with pytest.raises(VideoError, match=r"videos: b\.mp4, the video of the pair .*b_\d: no such file"):
        all_clips(folder)


def test_a_video_that_the_pairs_are_not_from_is_named(folder: Path) -> None:
    """It has as many frames, at other times."""
    encode(folder / "videos/b.mp4", pts=[500 + number * 1200 for number in range(60)])
    with pytest.raises(VideoError, match=r"videos/b\.mp4: the pair .*b_\d is not from this video"):
        list(decode_clips(all_clips(folder), Folder(folder / "videos"), frames=8, size=SIDE))
    (folder / "videos/b.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"videos/b\.mp4: cannot be opened"):
        list(decode_clips(all_clips(folder), Folder(folder / "videos"), frames=8, size=SIDE))
