"""A recognizer may learn from frames of whole segments, which are read from the videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from actionpairs.data import clips as segments
from actionpairs.data import examples
from actionpairs.errors import TrainingError, VideoError
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard
from actionpairs.stages.train import TrainSummary, train
from actionpairs.storage import Folder
from tests.conftest import MakeVideo, read_index
from tests.stages.conftest import HEADER, SMALL_RECIPE
from tests.stages.test_train import EDITOR, RECOGNIZER

SIDE, RATE = 144, 30000 / 1001
CLIPS = {"clips": "segments", "frames": 4}


@pytest.fixture
def filmed(tmp_path: Path, make_video: MakeVideo) -> Path:
    """A folder with videos, and shards of their segments: two long ones a video, that overlap, and a short one."""
    rows = []
    for name in "abc":
        make_video(f"videos/{name}.mp4", size=(SIDE, SIDE))
        for number, (start, stop) in enumerate([(0.1, 1.8), (0.5, 1.2), (1.3, 1.42)]):
            verb = ("open", "close")[number % 2]
            rows.append(f"{name}_{number},{name}.mp4,{start},{stop},{verb} box,{verb},box,{name}\n")
    (tmp_path / "segments.csv").write_text(HEADER + "".join(rows))
    (tmp_path / "small.yaml").write_text(SMALL_RECIPE.replace("min_change: 0.012", ""))
    recipe, pairs = tmp_path / "small.yaml", str(tmp_path / "pairs")
    extract(
        recipe, videos=str(tmp_path / "videos"), annotations=[str(tmp_path / "segments.csv")], out=pairs, workers=1
    )
    shard(recipe, pairs=pairs, out=str(tmp_path / "shards"))
    return tmp_path


def found(filmed: Path) -> tuple[segments.SegmentClip, ...]:
    folders = [Folder(filmed / "shards")]
    return segments.find([*examples.training(folders), *examples.testing(folders)], Folder(filmed / "videos"))


def run(filmed: Path, section: dict[str, object], *, videos: bool, stop_after: int | None = None) -> TrainSummary:
    recipe = filmed / "train.yaml"
    recipe.write_text(yaml.safe_dump({"train": section}))
    return train(
        recipe,
        shards=[str(filmed / "shards")],
        videos=str(filmed / "videos") if videos else None,
        out=str(filmed / "model"),
        device="cpu",
        stop_after=stop_after,
    )


def test_a_clip_goes_evenly_from_the_pairs_first_frame_to_its_last(filmed: Path) -> None:
    """Two clips of a video may overlap; where one has fewer frames than are asked for, some stay longer."""
    filmed_segments, videos = found(filmed), Folder(filmed / "videos")
    assert len(filmed_segments) == 9
    clips = list(segments.read_all(filmed_segments, videos, frames=8, size=SIDE))
    shared = segments.read_all(filmed_segments, videos, frames=8, size=SIDE, workers=2)
    assert all(np.array_equal(one, other) for one, other in zip(clips, shared, strict=True))
    for one, clip in zip(filmed_segments, clips, strict=True):
        first, last = round(one.facts.before_seconds * RATE), round(one.facts.after_seconds * RATE)
        expected = [first + (last - first) * number // 7 for number in range(8)]
        assert [read_index(picture, height=SIDE) for picture in clip] == expected
        pair = examples.read(one.example, SIDE)
        assert np.abs(clip[[0, -1]].astype(int) - pair).mean() < 3  # JPEG, and RGB as the pair is


def test_a_recognizer_learns_from_segments_and_is_judged_on_pairs(filmed: Path) -> None:
    section = RECOGNIZER | CLIPS | {"resolution": 32}
    assert not run(filmed, section, videos=True, stop_after=1).finished
    summary = run(filmed, section, videos=True)
    assert (summary.counts["pairs"], summary.counts["scored"]) == (7, 2)
    assert "7 segments, each shown as a clip of frames" in (filmed / "model/README.md").read_text()


def test_segments_without_videos_are_refused_and_videos_without_segments(filmed: Path) -> None:
    with pytest.raises(TrainingError, match=r"clips: segments.*--videos"):
        run(filmed, RECOGNIZER | CLIPS, videos=False)
    for section in (RECOGNIZER, EDITOR):
        with pytest.raises(TrainingError, match=r"reads no videos\. Leave --videos out"):
            run(filmed, section, videos=True)
    assert not (filmed / "model").exists()


def test_a_video_that_is_missing_or_not_one_alone_is_named(filmed: Path) -> None:
    video = filmed / "videos/b.mp4"
    for folder in ("one", "two"):
        (filmed / "videos" / folder).mkdir()
        (filmed / "videos" / folder / "b.mp4").write_bytes(video.read_bytes())
    video.unlink()
    with pytest.raises(VideoError, match=r"b\.mp4.*could be any of one/b\.mp4, two/b\.mp4"):
        found(filmed)
    for folder in ("one", "two"):
        (filmed / "videos" / folder / "b.mp4").unlink()
    with pytest.raises(VideoError, match=r"videos: b\.mp4, which the pair .*b_\d was cut from: no such file"):
        found(filmed)


def test_a_video_that_the_pairs_were_not_cut_from_is_named(filmed: Path, make_video: MakeVideo) -> None:
    """It has as many frames, at other times."""
    make_video("videos/b.mp4", size=(SIDE, SIDE), pts=[500 + number * 1200 for number in range(60)])
    with pytest.raises(VideoError, match=r"videos/b\.mp4: the pair .*b_\d was not cut from this video"):
        list(segments.read_all(found(filmed), Folder(filmed / "videos"), frames=8, size=SIDE))
    (filmed / "videos/b.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"videos/b\.mp4: cannot be opened"):
        list(segments.read_all(found(filmed), Folder(filmed / "videos"), frames=8, size=SIDE))
