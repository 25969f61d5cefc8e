"""A folder belongs to one spec and one version, and its manifest is written last."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from actionpairs import manifest
from actionpairs.configs import FilterConfig
from actionpairs.errors import StorageError
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.storage import Folder
from actionpairs.version import PACKAGE_VERSION, SCHEMA_VERSION

ROOT = Path(__file__).parents[1]


def spec(**inputs: str) -> StageSpec:
    return StageSpec("shard", "test", FilterConfig(), inputs)


def test_work_that_is_done_is_found_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out")
    with manifest.working(folder, spec()) as done:
        assert done is None
        folder.write_bytes("a", b"1")
        made = manifest.finish(folder, spec(), counts={"a": 1}, files={"a": FileDigest.of(b"1")})
    with manifest.working(folder, spec()) as done:
        assert done == made == manifest.load(folder, stage="shard")
    assert sorted(folder.names()) == ["a", "manifest.json", "recipe.json"]


def test_a_finished_folder_holds_nothing_of_workers_that_were_lost(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with manifest.working(folder, spec()):
        (tmp_path / "a.tar.0123abcd.partial").write_bytes(b"half")
        manifest.finish(folder, spec(), counts={}, files={})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "recipe.json"]


def test_another_spec_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with manifest.working(folder, spec(pairs="1")):
        folder.write_bytes("made", b"")
    with (
        pytest.raises(StorageError, match=r"made from other inputs \(pairs\)\."),
        manifest.working(folder, spec()),
    ):
        pass


def test_a_folder_of_another_recipe_names_the_keys_that_differ(tmp_path: Path) -> None:
    folder, old = Folder(tmp_path), StageSpec("shard", "test", FilterConfig(min_change=0.5), {"pairs": "1"})
    with manifest.working(folder, old):
        folder.write_bytes("made", b"")
    with pytest.raises(StorageError, match=r"by another recipe \(min_change\) and from other inputs \(pairs\)\."):
        manifest.working(folder, spec(pairs="2")).__enter__()
    recipe = tmp_path / "recipe.json"
    content = json.loads(recipe.read_text())
    for damage in ({"config": 1, "inputs": None}, {"config": {}, "inputs": {}}):
        recipe.write_text(json.dumps({**content, **damage}))
        with pytest.raises(StorageError, match="made "):
            manifest.working(folder, spec(pairs="2")).__enter__()


def test_a_folder_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="pair: no such folder, or an empty one, so `extract` has not finished"):
        manifest.load(Folder(tmp_path / "pair"), stage="extract")


def test_a_folder_that_another_spec_or_version_began_and_made_nothing_in_is_free(tmp_path: Path) -> None:
    with manifest.working(Folder(tmp_path), spec(pairs="1")):
        pass
    content = json.loads((tmp_path / "recipe.json").read_text()) | {"package_version": "0.1.9"}
    (tmp_path / "recipe.json").write_text(json.dumps(content))
    with manifest.working(Folder(tmp_path), spec()):
        pass
    assert json.loads((tmp_path / "recipe.json").read_text())["spec_digest"] == spec().digest


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StorageError, match="not empty"), manifest.working(Folder(tmp_path), spec()):
        pass


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with (
        manifest.working(folder, spec()),
        pytest.raises(StorageError, match="another run"),
        manifest.working(folder, spec()),
    ):
        pass


def test_an_unfinished_stage_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="actionpairs shard"):
        manifest.load(Folder(tmp_path), stage="shard")


def test_a_manifest_of_another_stage_is_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with manifest.working(folder, spec()):
        manifest.finish(folder, spec(), counts={}, files={})
    with pytest.raises(StorageError, match="made by `shard`, not by `extract`"):
        manifest.load(folder, stage="extract")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1}', "\x00"])
def test_garbage_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StorageError, match="not a manifest"):
        manifest.load(Folder(tmp_path), stage="shard")


def test_the_recipe_is_written_out_in_full(tmp_path: Path) -> None:
    with manifest.working(Folder(tmp_path), spec()):
        assert json.loads((tmp_path / "recipe.json").read_text())["config"] == FilterConfig().model_dump()


def begun_by(folder: Path, **versions: object) -> None:
    """Make an unfinished folder what another version began."""
    with manifest.working(Folder(folder), spec()):
        Folder(folder).write_bytes("made", b"")
    content = json.loads((folder / "recipe.json").read_text()) | versions
    (folder / "recipe.json").write_text(json.dumps(content))


@pytest.mark.parametrize("versions", [{"package_version": "0.1.9"}, {"schema_version": 1}])
def test_an_unfinished_folder_of_another_version_is_not_gone_on_with(
    tmp_path: Path, versions: dict[str, object]
) -> None:
    begun_by(tmp_path, **versions)
    with pytest.raises(StorageError, match="does not mix the output of two versions") as caught:
        manifest.working(Folder(tmp_path), spec()).__enter__()
    assert "Choose another --out" in caught.value.cure


def test_an_unfinished_folder_of_the_first_version_is_recognized(tmp_path: Path) -> None:
    begun_by(tmp_path)
    content = json.loads((tmp_path / "recipe.json").read_text())
    content["order_digest"] = content.pop("spec_digest")
    del content["schema_version"], content["package_version"]
    (tmp_path / "recipe.json").write_text(json.dumps(content))
    with pytest.raises(StorageError, match=r"begun by actionpairs 0\.1 \(schema 1\)"):
        manifest.working(Folder(tmp_path), spec()).__enter__()


def finished(folder: Path, **changes: object) -> Folder:
    with manifest.working(Folder(folder), spec()):
        manifest.finish(Folder(folder), spec(), counts={}, files={})
    content = json.loads((folder / "manifest.json").read_text()) | changes
    (folder / "manifest.json").write_text(json.dumps(content))
    return Folder(folder)


def test_a_finished_folder_names_the_versions_that_wrote_it(tmp_path: Path) -> None:
    finished(tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert content["schema_version"] == SCHEMA_VERSION
    assert content["package_version"] == PACKAGE_VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", PACKAGE_VERSION)
    assert "version = attr: actionpairs.version.PACKAGE_VERSION" in (ROOT / "setup.cfg").read_text()


def test_an_earlier_schema_is_read_only_by_those_who_can(tmp_path: Path) -> None:
    folder = finished(tmp_path, schema_version=1, package_version="0.1")
    with pytest.raises(StorageError, match="its columns have changed since") as caught:
        manifest.load(folder, stage="shard")
    assert "`actionpairs shard` again" in caught.value.cure
    assert manifest.load(folder, stage="shard", oldest=1).package_version == "0.1"


def test_a_later_schema_asks_for_a_later_version(tmp_path: Path) -> None:
    folder = finished(tmp_path, schema_version=SCHEMA_VERSION + 1, package_version="9.0")
    with pytest.raises(StorageError, match=r"written by actionpairs 9\.0") as caught:
        manifest.load(folder, stage="shard", oldest=1)
    assert "Install that version" in caught.value.cure


def test_the_digest_of_a_manifest_does_not_depend_on_who_wrote_it(tmp_path: Path) -> None:
    one = manifest.load(finished(tmp_path / "a"), stage="shard")
    other = manifest.load(finished(tmp_path / "b", package_version="0.2.1"), stage="shard")
    assert one.digest == other.digest
