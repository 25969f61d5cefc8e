"""`demo --only-videos` renders clips and a table as someone would have them, good rows and bad ones."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from actionpairs.extraction import plan
from actionpairs.recipe import load
from actionpairs.stages.demo import demo
from tests.first_day import clips


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.rendered_once(tmp_path_factory)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_there_are_twelve_clips_and_a_table_that_the_recipe_reads(rendered: Path) -> None:
    assert len(list((rendered / "videos").glob("*.MP4"))) == 12
    summary = plan.summarize_plan(load("table-tiny"), [str(rendered / "table.csv")], limit=None)
    assert (summary.rows, summary.selected) == (173, 170)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_rows_name_clips_and_seconds_but_for_one_of_each_fault(rendered: Path) -> None:
    with (rendered / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    good, bad = rows[:168], rows[168:]
    assert all((rendered / "videos" / row["video"]).is_file() for row in good)
    assert all(float(row["start_seconds"]) < float(row["stop_seconds"]) for row in good)
    assert len(bad) == 5
    assert bad[3]["start_seconds"].count(":") + bad[3]["start_seconds"].count(";") == 2  # a clock time, mistyped


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_call_again_renders_nothing(rendered: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (rendered / "videos").iterdir()}
    assert demo(out=str(rendered), only_videos=True) == str(rendered / "table.csv")
    assert {path.name: path.stat().st_mtime_ns for path in (rendered / "videos").iterdir()} == before
