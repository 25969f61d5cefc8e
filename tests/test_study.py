"""The study renders, trains, scores and writes its page, and continues where it stopped."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from actionpairs.synthetic.synthetic_shards import SyntheticSet

ROOT = Path(__file__).parents[1]
MARKS = "".join(
    f"<!-- cpu {part} -->\nold\n<!-- end of cpu {part} -->\n" for part in ("truth", "seeds", "scores", "trust")
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The study's command, with small sets and recipes that take a minute."""
    monkeypatch.syspath_prepend(str(ROOT / "docs/study"))
    spec = importlib.util.spec_from_file_location("study_command", ROOT / "docs/study/__main__.py")
    assert spec
    assert spec.loader
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    sizes, tables = sys.modules["sizes"], sys.modules["tables"]
    small = sizes.Size(
        (SyntheticSet("LC", "fixed", "actions", 3, 2, 64, 12, sizes.HELD_BACK),),
        SyntheticSet("static", "fixed", "static edits", 1, 2, 64, 21),
        seeds=(0, 1),
        other_seeds=(0,),
        base=None,
    )
    for module in (command, tables):
        monkeypatch.setattr(module, "SIZES", {"cpu": small})
    for name in ("actions", "no-action", "hinge", "recognizer"):
        shorter = {"extends": f"study/cpu/{name}", "train": {"steps": 2}}
        path = tmp_path / "recipes/cpu" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(shorter))
    monkeypatch.setattr(command, "RECIPES", tmp_path / "recipes")
    (tmp_path / "study.md").write_text(MARKS)
    monkeypatch.setattr(tables, "PAGE", tmp_path / "study.md")
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    return command


def test_rows_are_trained_scored_and_written_to_the_page_once(study: ModuleType, tmp_path: Path) -> None:
    study.study("cpu", tmp_path / "out", rows=["no-action", "hinge", "actions"], device="cpu")
    page = (tmp_path / "study.md").read_text()
    assert "old" not in page
    rows = {line.split(" | ")[1]: line.split(" | ") for line in page.splitlines() if line.startswith("| LC | ")}
    assert list(rows)[:2] == ["copy of the input", "base"]
    assert {"actions-seed0", "no-action-seed0", "hinge-seed0", "actions-seed1", "no-action-seed1"} < rows.keys()
    assert "hinge-seed1" not in rows
    assert rows["no-action"][2].count(", ") == 1
    assert float(rows["copy of the input"][3]) == 0
    assert float(rows["the real last frame"][3]) == 100
    assert (tmp_path / "docs/study-cpu.jpg").stat().st_size > 1000
    scores = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/scores").rglob("*.json")}
    study.study("cpu", tmp_path / "out", rows=["no-action", "hinge", "actions"], device="cpu")
    assert scores == {path: path.stat().st_mtime_ns for path in scores}
    assert (tmp_path / "study.md").read_text() == page
