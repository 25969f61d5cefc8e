"""A small set of videos with its table of segments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import MakeVideo

SMALL_RECIPE = """
extends: table
shard:
  filters: {min_change: 0.012}
  splits: {tests: {tabletest: 2}}
  samples_per_shard: 3
"""
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


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
