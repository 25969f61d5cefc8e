"""A model has a name of its own, a place and a digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionpairs.errors import ModelError, ScoreError
from actionpairs.scoring import contestants


def test_names_are_the_shortest_ends_that_differ() -> None:
    assert contestants.names(["out/model/", "timbrooks/instruct-pix2pix"]) == ("model", "instruct-pix2pix")
    assert contestants.names(["runs/a/model", "runs/b/model"]) == ("a-model", "b-model")


def test_a_name_cannot_leave_its_folder() -> None:
    for name in contestants.names(["..", "out/we ird/.", "a/<b>"]):
        assert "/" not in name
        assert "." not in name
        assert name


def test_a_model_given_twice_is_refused() -> None:
    with pytest.raises(ScoreError, match="twice"):
        contestants.names(["out/model", "out/model/"])


def test_a_folder_that_is_no_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        contestants.enter([str(tmp_path)])


def test_what_is_neither_folder_nor_hub_id_is_refused() -> None:
    with pytest.raises(ModelError, match="neither a folder nor a model"):
        contestants.locate("no/such/folder")


def test_the_digest_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"one")
    first = contestants.digest(tmp_path)
    assert contestants.digest(tmp_path) == first
    (tmp_path / "weights").write_bytes(b"two")
    assert contestants.digest(tmp_path) != first
