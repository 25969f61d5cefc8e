"""Videos with broken bytes cause no crash and no hang, and lose no segment."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from actionpairs.executors import Died, Done, local
from actionpairs.extraction.video_pairs import VideoResult, VideoTask, extract_video
from actionpairs.recipe import load
from actionpairs.records import Segment
from tests.conftest import MakeVideo

ROUNDS = int(os.environ.get("ACTIONPAIRS_FUZZ", "60"))
KINDS = [
    ("v.mp4", "libx264"),
    ("v.mkv", "libx264"),
    ("v.ts", "libx264"),
    ("v.mov", "mpeg4"),
    ("v.avi", "mpeg4"),
    ("v.webm", "libvpx-vp9"),
    ("v265.mp4", "libx265"),
    ("v.flv", "libx264"),
]


def broken(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """Flip, truncate, remove, zero or splice bytes."""
    way = draw.choice(["flip", "cut", "out", "splice", "zero"])
    place, size = draw.randrange(len(data)), draw.randrange(1, 4000)
    if way == "flip":
        changed = bytearray(data)
        for _ in range(draw.randrange(1, 60)):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if way == "cut":
        return data[:place]
    if way == "out":
        return data[:place] + data[place + size :]
    if way == "zero":
        return data[:place] + bytes(size) + data[place + size :]
    return data[:place] + other[draw.randrange(len(other)) :]


@pytest.mark.slow
def test_broken_videos_are_accounted_for(make_video: MakeVideo, tmp_path: Path) -> None:
    """More rounds: ACTIONPAIRS_FUZZ=2000 pytest tests/video/test_fuzz.py."""
    options = {"libvpx-vp9": {"deadline": "realtime"}, "libx265": {"x265-params": "log-level=none"}}
    whole = [
        make_video(f"whole/{name}", frames=60, codec=codec, options=options.get(codec)).read_bytes()
        for name, codec in KINDS
    ]
    draw = random.Random(ROUNDS)
    tasks = []
    for number in range(ROUNDS):
        kind = number % len(KINDS)
        name = f"{number}{Path(KINDS[kind][0]).suffix}"
        (tmp_path / name).write_bytes(broken(whole[kind], draw.choice(whole), draw))
        tasks.append(task(tmp_path, name, number))
    outcomes = list(local.run(extract_video, tasks, workers=2))
    assert len(outcomes) == ROUNDS
    assert [outcome for outcome in outcomes if isinstance(outcome, Died)] == []
    for outcome in outcomes:
        assert isinstance(outcome, Done)
        result: VideoResult = outcome.result
        assert result.pairs + len(result.notes.rejections) == len(outcome.task.segments)


def task(folder: Path, name: str, number: int) -> VideoTask:
    segments = tuple(
        Segment(f"{number}-{place}", name, start, start + 0.5, "take cup", "take", "cup", "take cup", "g")
        for place, start in enumerate((0.0, 0.7, 1.4))
    )
    return VideoTask(
        videos_url=str(folder),
        file=name,
        segments=segments,
        out_url=str(folder / "out"),
        name=f"pairs/{number}.parquet",
        config=load("table").extract,
        frames_released=False,
    )
