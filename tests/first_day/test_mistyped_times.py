"""A mistyped time among many rows hides neither the unit nor the columns; a column of mistyped times does."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionpairs.errors import AnnotationError
from actionpairs.extraction import plan
from actionpairs.recipe import load
from tests.conftest import HEADER


def table(folder: Path, *, mistyped: int) -> str:
    rows = [f"r{number},a.mp4,{number}.25,{number}.75,take cup,take,cup,anna" for number in range(40 - mistyped)]
    rows += [f"bad{number},a.mp4,00;00:0{number}.25,9.75,take cup,take,cup,anna" for number in range(mistyped)]
    path = folder / "table.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def test_one_mistyped_time_is_a_rejection_of_its_row(tmp_path: Path) -> None:
    summary = plan.summarize_plan(load("table-guess"), [table(tmp_path, mistyped=1)], limit=None)
    assert (summary.rows, summary.selected, dict(summary.rejected)) == (40, 39, {"unreadable_row": 1})


def test_many_mistyped_times_are_no_seconds(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="the unit of the times"):
        plan.summarize_plan(load("table-guess"), [table(tmp_path, mistyped=8)], limit=None)
