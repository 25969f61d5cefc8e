"""The folder of someone with two clips and a table, as the pages tell of it."""

from __future__ import annotations

import csv
import io
import json
import pickle
from pathlib import Path

import pytest

from tests.conftest import MakeVideo
from tests.docs.pages import DOCS, blocks

FRAMES_PER_SECOND = 29.97


@pytest.fixture
def own_videos(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: my-videos with two clips of three seconds, and the table of the guide."""
    for name in ("kitchen.mp4", "table.mp4"):
        make_video(f"my-videos/{name}", frames=90)
    (tmp_path / "my-table.csv").write_text(guide_table())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def guide_table() -> str:
    """The table of the guide for one's own videos."""
    [table] = blocks(DOCS / "guides/own-videos.md", "csv")
    return table


@pytest.fixture
def wrong_files(own_videos: Path) -> Path:
    """The same folder, with the files that troubleshooting.md breaks."""
    table = guide_table()
    rows = list(csv.DictReader(io.StringIO(table)))
    with (own_videos / "frames.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row in rows:
            times = ("start_seconds", "stop_seconds")
            writer.writerow(row | {name: round(float(row[name]) * FRAMES_PER_SECOND) for name in times})
    (own_videos / "columns.csv").write_text(table.replace("start_seconds,stop_seconds", "from,to"))
    (own_videos / "from-excel.csv").write_bytes(table.replace("drawer", "Küche").encode("cp1252"))
    (own_videos / "my-table.pkl").write_bytes(pickle.dumps(rows))
    video = {"duration": 12.0, "subset": "training", "annotations": [{"segment": [1, 2], "label": "x"}]}
    (own_videos / "other.json").write_text(json.dumps({"database": {"abc": video}}))
    (own_videos / "mine.yaml").write_text("extends: table\nshard:\n  filter:\n    min_change: 0.01\n")
    (own_videos / "empty").mkdir()
    return own_videos
