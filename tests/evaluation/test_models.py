"""A model has a name of its own, a folder and a digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionpairs.errors import ModelError, ScoreError
from actionpairs.evaluation import models


def test_names_are_the_shortest_ends_that_differ() -> None:
    assert models.names(["out/model/", "timbrooks/instruct-pix2pix"]) == ("model", "instruct-pix2pix")
    assert models.names(["runs/a/model", "runs/b/model"]) == ("a-model", "b-model")


def test_a_name_cannot_leave_its_folder() -> None:
    for name in models.names(["..", "out/we ird/.", "a/<b>"]):
        assert "/" not in name
        assert "." not in name
        assert name


def test_a_model_given_twice_is_refused() -> None:
    with pytest.raises(ScoreError, match="twice"):
        models.names(["out/model", "out/model/"])


def test_a_folder_that_is_no_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        models.resolve([str(tmp_path)])


def test_what_is_neither_folder_nor_hub_id_is_refused() -> None:
    with pytest.raises(ModelError, match="no such file or folder"):
        models.resolve(["no/such/folder"])


def test_the_digest_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "weights").write_bytes(b"one")
    [first], [again] = (models.resolve([str(tmp_path)]) for _ in range(2))
    assert first == again
    (tmp_path / "weights").write_bytes(b"two")
    assert models.resolve([str(tmp_path)])[0].digest != first.digest
