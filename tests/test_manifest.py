"""A folder belongs to one order, and its manifest comes last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actionpairs import manifest
from actionpairs.configs import FilterConfig
from actionpairs.errors import StorageError
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.storage import Folder


def order(**inputs: str) -> StageSpec:
    return StageSpec("shard", "test", FilterConfig(), inputs)


def test_work_that_is_done_is_found_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out")
    with manifest.working(folder, order()) as done:
        assert done is None
        folder.write_bytes("a", b"1")
        made = manifest.finish(folder, order(), counts={"a": 1}, files={"a": FileDigest.of(b"1")})
    with manifest.working(folder, order()) as done:
        assert done == made == manifest.read(folder, stage="shard")
    assert sorted(folder.names()) == ["a", "manifest.json", "recipe.json"]


def test_a_finished_folder_holds_nothing_of_workers_that_were_lost(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with manifest.working(folder, order()):
        (tmp_path / "a.tar.0123abcd.partial").write_bytes(b"half")
        manifest.finish(folder, order(), counts={}, files={})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "recipe.json"]


def test_another_order_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with manifest.working(folder, order(pairs="1")):
        pass
    with (
        pytest.raises(StorageError, match="another recipe or from other inputs"),
        manifest.working(folder, order()),
    ):
        pass


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StorageError, match="not empty"), manifest.working(Folder(tmp_path), order()):
        pass


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with (
        manifest.working(folder, order()),
        pytest.raises(StorageError, match="another run"),
        manifest.working(folder, order()),
    ):
        pass


def test_an_unfinished_stage_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="actionpairs shard"):
        manifest.read(Folder(tmp_path), stage="shard")


def test_a_manifest_of_another_stage_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with manifest.working(folder, order()):
        manifest.finish(folder, order(), counts={}, files={})
    with pytest.raises(StorageError, match="made by `shard`, not by `extract`"):
        manifest.read(folder, stage="extract")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1}', "\x00"])
def test_garbage_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StorageError, match="not a manifest"):
        manifest.read(Folder(tmp_path), stage="shard")


def test_the_recipe_is_written_out_in_full(tmp_path: Path) -> None:
    with manifest.working(Folder(tmp_path), order()):
        assert json.loads((tmp_path / "recipe.json").read_text())["config"] == FilterConfig().model_dump()
