"""The pairs of a LeRobot data set are the first and last frames of its episodes, as a full decode counts them."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from actionpairs import pairs
from actionpairs.cli import main
from actionpairs.configs import SplitConfig
from actionpairs.records import FramePair, Reason
from actionpairs.stages.extract import extract
from actionpairs.storage import Folder
from actionpairs.video.catalog import Catalog
from tests.annotations.examples.robots import CAMERA
from tests.conftest import read_index
from tests.curation.assigned import assigned
from tests.stages.lerobot_folders import FPS, SIZE, LerobotFolder, encode_episode, render, render_v21, write_tables

TABLE = "meta/episodes/chunk-000/file-000.parquet"


def run(root: str | Path, out: Path, **keys: Any) -> list[FramePair]:
    """Extract a data set with one worker in this process."""
    recipe = out.with_suffix(".yaml")
    lines = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    recipe.write_text(f"extends: lerobot\nextract:\n  annotations:\n    format: lerobot\n{lines}")
    extract(recipe, videos=str(root), annotations=[str(root)], out=str(out), executor="serial")
    folder = Folder(out)
    return [pair for name in pairs.file_names(folder) for pair in pairs.load_pairs(folder, name)]


@lru_cache
def full_decode(path: Path) -> list[tuple[int, int]]:
    """The presentation time of every frame of a file, and the index that its picture shows."""
    with av.open(str(path)) as container:
        pictures = [(frame.pts, frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
    return [(pts, read_index(picture, height=SIZE[1])) for pts, picture in pictures]


def shown_index(jpeg: bytes) -> int:
    return read_index(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), height=SIZE[1])


def check(made: LerobotFolder, pair: FramePair, part: tuple[int, int]) -> None:
    """The pair has the frames at these two places in its episode, of a full decode of its file."""
    first, last = (made.firsts[episode_of(pair)] + place for place in part)
    frames = full_decode(made.root / pair.facts.segment.video.partition("#")[0])
    assert (pair.facts.before_pts, shown_index(pair.before_jpeg)) == frames[first], pair.facts.segment.id
    assert (pair.facts.after_pts, shown_index(pair.after_jpeg)) == frames[last], pair.facts.segment.id


def episode_of(pair: FramePair) -> int:
    return int(pair.facts.segment.group.removeprefix("episode_"))


def check_episodes(made: LerobotFolder, made_pairs: list[FramePair]) -> None:
    """There is a pair of every episode's first and last frame."""
    assert sorted(map(episode_of, made_pairs)) == list(range(len(made.lengths)))
    for pair in made_pairs:
        check(made, pair, (0, made.lengths[episode_of(pair)] - 1))


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_first_and_last_frames_of_episodes_are_those_of_a_full_decode(codec: str, tmp_path: Path) -> None:
    made = render(tmp_path / "set", codec=codec)
    made_pairs = run(made.root, tmp_path / "out")
    check_episodes(made, made_pairs)
    assert {pair.facts.decoded for pair in made_pairs} == {"planned"}


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_first_and_last_frames_of_subtasks_are_those_of_a_full_decode(codec: str, tmp_path: Path) -> None:
    made = render(tmp_path / "set", codec=codec)
    made_pairs = run(made.root, tmp_path / "out", segments="subtasks")
    assert Counter(pair.facts.segment.instruction for pair in made_pairs) == {"reach": 3, "grasp it": 3}
    for pair in made_pairs:
        length = made.lengths[episode_of(pair)]
        is_first = pair.facts.segment.instruction == "reach"
        check(made, pair, (0, length // 2 - 1) if is_first else (length // 2, length - 1))


@pytest.mark.parametrize(
    "error_frames",
    [
        pytest.param(lambda index: 1e-9 * index, id="sums of floats"),  # lerobot#3177
        pytest.param(lambda index: -1e-7, id="a little early"),  # lerobot#2447
        pytest.param(lambda index: 0.45, id="nearly half a frame late"),
        pytest.param(lambda index: -0.45, id="nearly half a frame early"),
    ],
)
def test_errors_of_less_than_half_a_frame_change_no_frame(error_frames: Any, tmp_path: Path) -> None:
    made = render(tmp_path / "set", lengths=[20, 31, 17, 25, 23])
    rows = pq.read_table(made.root / TABLE).to_pylist()
    for index, row in enumerate(rows[1:], start=1):
        row[f"videos/{CAMERA}/from_timestamp"] += error_frames(index) / FPS
        row[f"videos/{CAMERA}/to_timestamp"] += error_frames(index + 1) / FPS
    write_tables(made.root, rows, made.lengths)
    check_episodes(made, run(made.root, tmp_path / "out"))


def test_times_rounded_to_milliseconds_change_no_frame(tmp_path: Path) -> None:
    """lerobot-dataset-visualizer#113: 18.933 s is before the frame at 18.9333 s, and shows the episode before."""
    made = render(tmp_path / "set")
    rows = pq.read_table(made.root / TABLE).to_pylist()
    for row in rows:
        for name in ("from_timestamp", "to_timestamp"):
            row[f"videos/{CAMERA}/{name}"] = math.floor(1000 * row[f"videos/{CAMERA}/{name}"]) / 1000
    write_tables(made.root, rows, made.lengths)
    check_episodes(made, run(made.root, tmp_path / "out"))


def test_a_second_file_starts_its_own_clock(tmp_path: Path) -> None:
    """Tables of frames and videos are cut into files independently (fastlabel-python-sdk#286, lerobot#4027)."""
    made = render(tmp_path / "set", lengths=[20, 31, 17, 25], second_file=2)
    made_pairs = run(made.root, tmp_path / "out")
    assert Counter(pair.facts.segment.video.partition("#")[0][-7:] for pair in made_pairs) == {
        "000.mp4": 2,
        "001.mp4": 2,
    }
    check_episodes(made, made_pairs)


def test_version_2_1_gives_the_same_frames(tmp_path: Path) -> None:
    made = render_v21(tmp_path / "set")
    check_episodes(made, run(made.root, tmp_path / "out"))


def test_one_command_extracts_a_folder(tmp_path: Path) -> None:
    made = render(tmp_path / "set")
    command = ["extract", "lerobot", "--videos", str(made.root), "--annotations", str(made.root)]
    command += ["--out", str(tmp_path / "out"), "--workers", "1", "--json"]
    for _ in range(2):  # the same command again finds everything done
        result = CliRunner().invoke(main, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert '"pairs": 3' in result.stdout
    (made.root / f"videos/{CAMERA}/chunk-000/file-000.mp4").unlink()
    out = tmp_path / "other"
    result = CliRunner().invoke(main, [*command[:7], str(out), "--workers", "1"])
    assert result.exit_code == 1
    assert "file-000.mp4#episode_000000" in result.output


def test_links_to_the_cache_of_the_hub_are_followed(tmp_path: Path) -> None:
    made = render(tmp_path / "blobs")
    for path in [path for path in made.root.rglob("*") if path.is_file()]:
        link = tmp_path / "snapshot" / path.relative_to(made.root)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(path, link.parent))
    assert len(run(tmp_path / "snapshot", tmp_path / "out")) == 3


@pytest.fixture
def far(tmp_path: Path) -> Iterator[str]:
    """A data set in a store."""
    made = render(tmp_path / "near", codec="libsvtav1")
    system = fsspec.filesystem("memory")
    for path in [path for path in made.root.rglob("*") if path.is_file()]:
        system.pipe_file(f"/robots/{path.relative_to(made.root)}", path.read_bytes())
    yield "memory://robots"
    system.rm("/robots", recursive=True)


@pytest.mark.parametrize("segments", ["episodes", "subtasks"])
def test_a_data_set_in_a_store_gives_the_same_pairs(far: str, segments: str, tmp_path: Path) -> None:
    near_pairs = run(tmp_path / "near", tmp_path / "one", segments=segments)
    assert near_pairs
    assert run(far, tmp_path / "two", segments=segments) == near_pairs


def test_a_split_holds_episodes_apart_and_their_cameras_together(tmp_path: Path) -> None:
    """All episodes are in one file per camera, so that whole files could not be held out."""
    lengths = [8] * 6
    made = render(tmp_path / "set", lengths=lengths)
    rows = pq.read_table(made.root / TABLE).to_pylist()
    wrist = "observation.images.wrist"
    for row in rows:
        row |= {key.replace(CAMERA, wrist): value for key, value in row.items() if CAMERA in key}
    write_tables(made.root, rows, lengths)
    text = (
        (made.root / "meta/info.json")
        .read_text()
        .replace(f'"{CAMERA}"', f'"{wrist}": {{"dtype": "video"}}, "{CAMERA}"')
    )
    (made.root / "meta/info.json").write_text(text)
    encode_episode(made.root / f"videos/{wrist}/chunk-000/file-000.mp4", 0, sum(lengths), codec="libx264")
    segments = [pair.facts.segment for pair in run(made.root, tmp_path / "out")]
    assert len(segments) == 12
    config = SplitConfig(train="train", tests={"test": 4}, rule="leak-free", spare="spare")
    split_of = assigned(segments, config)
    tests = {name[:14] for name, split in split_of.items() if split == "test"}
    assert Counter(split_of.values()) == {"train": 8, "test": 4}
    assert {name for name, split in split_of.items() if name[:14] in tests} == {
        name for name, split in split_of.items() if split == "test"
    }


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("v/file-000.mp4#episode_000003", ("v/file-000.mp4",)),
        ("file-000#episode_000003", ("v/file-000.mp4",)),
        ("take#1.mp4", ("take#1.mp4",)),
        ("take#2.mp4", ()),
        ("take.mp4#2", ()),
        ("#episode_000003", ()),
        ("../v/file-000.mp4#episode_000003", ()),
    ],
)
def test_a_name_can_say_which_recording_of_a_file(name: str, files: tuple[str, ...]) -> None:
    assert Catalog(["v/file-000.mp4", "take#1.mp4", "take.mp4"]).find(name) == files


def test_an_episode_past_the_end_of_its_video_is_rejected(tmp_path: Path) -> None:
    """lerobot#2627: the times of a merged data set are those of another file."""
    made = render(tmp_path / "set")
    rows = pq.read_table(made.root / TABLE).to_pylist()
    rows[2] |= {f"videos/{CAMERA}/from_timestamp": 598.5, f"videos/{CAMERA}/to_timestamp": 598.5 + 41 / FPS}
    write_tables(made.root, rows, made.lengths)
    assert len(run(made.root, tmp_path / "out")) == 2
    [rejection] = pairs.load_rejections(Folder(tmp_path / "out"))
    assert (rejection.segment_id, rejection.reason) == ("episode_000002_top", Reason.PAST_END)
