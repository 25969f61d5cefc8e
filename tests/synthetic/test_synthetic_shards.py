"""Rendered pairs become shards that the trainer reads; held-back combinations are in the test split alone."""

from __future__ import annotations

from pathlib import Path

from actionpairs import shards
from actionpairs.storage import Folder
from actionpairs.synthetic.synthetic_shards import SyntheticSet, write_synthetic_shards

HELD_BACK = (("take", "cup"), ("put", "box"), ("open", "drawer"))
ACTIONS = SyntheticSet("LC", "fixed", "actions", 5, 3, 48, 4, HELD_BACK)


def test_held_back_combinations_are_never_trained_on(tmp_path: Path) -> None:
    write_synthetic_shards(ACTIONS, out=str(tmp_path / "set"))
    folder = Folder(tmp_path / "set")
    trained = {(entry.verb, entry.noun) for entry in shards.load_entries(folder, ACTIONS.train)}
    tested = {(entry.verb, entry.noun) for entry in shards.load_entries(folder, ACTIONS.test)}
    assert trained
    assert not trained & set(HELD_BACK)
    assert tested & set(HELD_BACK)


def test_no_scene_is_in_both_splits(tmp_path: Path) -> None:
    write_synthetic_shards(ACTIONS, out=str(tmp_path / "set"))
    folder = Folder(tmp_path / "set")
    groups = [
        {entry.group for entry in shards.load_entries(folder, split)} for split in (ACTIONS.train, ACTIONS.test)
    ]
    assert not groups[0] & groups[1]


def test_the_same_call_again_changes_nothing(tmp_path: Path) -> None:
    spec = SyntheticSet("static", "fixed", "static edits", 2, 1, 48, 4)
    write_synthetic_shards(spec, out=str(tmp_path / "set"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set").rglob("*") if path.name != ".lock"}
    write_synthetic_shards(spec, out=str(tmp_path / "set"))
    assert before == {path: path.stat().st_mtime_ns for path in before}
