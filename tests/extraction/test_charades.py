"""Charades' actions that end after the stated length become pairs that say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionpairs import pairs
from actionpairs.extraction.plan import summarize_plan
from actionpairs.recipe import load
from actionpairs.stages.extract import extract
from actionpairs.storage import Folder
from tests.conftest import MakeVideo


def test_the_recipe_keeps_the_genuine_actions(shared: Path) -> None:
    folder = shared / "annotations/charades"
    if not folder.is_dir():
        pytest.skip("no genuine file here")
    files = [str(folder / name) for name in ("Charades_v1_test.csv", "Charades_v1_classes.txt")]
    summary = summarize_plan(load("charades"), files, limit=None)
    assert summary.rows == 16_691
    assert summary.selected >= 0.999 * summary.rows


def test_the_last_frame_there_is_stands_for_a_stop_after_it(make_video: MakeVideo, tmp_path: Path) -> None:
    make_video("videos/YSKX3.mp4")  # 60 frames, 2.002 s
    table = tmp_path / "Charades_v1_test.csv"
    table.write_text("id,subject,actions,length\nYSKX3,CP6Y,c077 0.50 3.50;c076 0.50 3.70,2.02\n")
    classes = tmp_path / "Charades_v1_classes.txt"
    classes.write_text("c076 Holding a pillow\nc077 Putting a pillow somewhere\n")
    out = tmp_path / "out"
    summary = extract(
        "charades",
        videos=str(tmp_path / "videos"),
        annotations=[str(table), str(classes)],
        out=str(out),
        executor="serial",
    )
    assert summary.rejected == {"past_end": 1}  # 3.70 is more than 1.5 s after the stated length
    [name] = pairs.file_names(Folder(out))
    [pair] = pairs.load_pairs(Folder(out), name)
    assert pair.facts.segment.stop_seconds == 3.5
    assert pair.facts.after_seconds == pytest.approx(59 * 1001 / 30000, abs=1e-6)
    assert pair.facts.after_early_seconds == pytest.approx(3.5 - 59 * 1001 / 30000, abs=1e-6)
