"""`measure` makes the measures of stored pairs again, also of folders that an earlier version wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actionpairs import manifest, measures, pairs
from actionpairs.errors import StorageError
from actionpairs.manifest import STAGING_FOLDER
from actionpairs.records import Measures
from actionpairs.stages.extract import extract
from actionpairs.stages.measure import measure
from actionpairs.stages.shard import shard
from actionpairs.storage import Folder
from actionpairs.version import SCHEMA_VERSION
from tests.conftest import RawDataset
from tests.stages.conftest import SMALL_RECIPE

OLD_NAMES = {"overexposed": "blown"}
NEW_COLUMNS = ("tolerance_seconds", "decoded")


@pytest.fixture
def folder(dataset: RawDataset, tmp_path: Path) -> Path:
    out = tmp_path / "pairs"
    extract("table", videos=str(dataset.videos), annotations=[str(dataset.table)], out=str(out), executor="serial")
    return out


def age(folder: Path) -> None:
    """Make a folder what actionpairs 0.1 wrote: other names, fewer columns, no versions."""
    for path in (folder / "pairs").glob("*.parquet"):
        table = pq.read_table(path).drop_columns(list(NEW_COLUMNS))
        metadata = {b"rejected": table.schema.metadata[b"rejected"]}
        names = [OLD_NAMES.get(name, name) for name in table.column_names]
        pq.write_table(table.rename_columns(names).replace_schema_metadata(metadata), path)
    for name in (manifest.MANIFEST_FILE, manifest.RECIPE_FILE):
        content = json.loads((folder / name).read_text())
        content["order_digest"] = content.pop("spec_digest")
        del content["schema_version"], content["package_version"]
        if name == manifest.MANIFEST_FILE:
            del content["counts"]["read_through"]
        (folder / name).write_text(json.dumps(content))


def facts(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pairs.all_facts(Folder(folder)).to_pylist()
    return rows


def shard_it(folder: Path, out: Path) -> None:
    recipe = out.with_suffix(".yaml")
    recipe.write_text(SMALL_RECIPE)
    shard(recipe, pairs=str(folder), out=str(out))


def test_a_folder_of_an_earlier_version_is_refused_with_a_cure_that_works(folder: Path, tmp_path: Path) -> None:
    before = facts(folder)
    age(folder)
    with pytest.raises(StorageError, match=r"written by actionpairs 0\.1 \(schema 1\)") as caught:
        shard_it(folder, tmp_path / "shards")
    assert f"actionpairs measure {folder} --out NEW" in caught.value.cure
    summary = measure(str(folder), out=str(tmp_path / "new"), executor="serial")
    assert (summary.videos, summary.pairs) == (3, 6)
    shard_it(tmp_path / "new", tmp_path / "shards")
    after = facts(tmp_path / "new")
    assert [row["decoded"] for row in after] == ["not recorded"] * 6
    kept = {"id", "video", "start_seconds", "before_pts", "after_pts", "width", "treatment"}
    assert [{name: row[name] for name in kept} for row in after] == [
        {name: row[name] for name in kept} for row in before
    ]


def test_an_earlier_folder_is_brought_up_to_date_in_place(folder: Path, tmp_path: Path) -> None:
    age(folder)
    measure(str(folder), executor="serial")
    shard_it(folder, tmp_path / "shards")
    assert manifest.load(Folder(folder), stage="extract").schema_version == SCHEMA_VERSION
    assert not (folder / STAGING_FOLDER).exists()


def test_pictures_and_facts_stay_and_measures_change_by_little(folder: Path) -> None:
    before, jpegs = facts(folder), list(pairs.load_pairs(Folder(folder), pairs.file_names(Folder(folder))[0]))
    assert measure(str(folder), force=True, executor="serial").pairs == 6
    again = list(pairs.load_pairs(Folder(folder), pairs.file_names(Folder(folder))[0]))
    assert [(pair.before_jpeg, pair.after_jpeg) for pair in again] == [
        (pair.before_jpeg, pair.after_jpeg) for pair in jpegs
    ]
    for one, other in zip(before, facts(folder), strict=True):
        assert other["change"] == pytest.approx(one["change"], abs=0.02)
        assert other["ssim"] == pytest.approx(one["ssim"], abs=0.02)
        assert other["sharpness_before"] == pytest.approx(one["sharpness_before"], abs=0.05)
    notes = pairs.load_notes(Folder(folder), pairs.file_names(Folder(folder))[0])
    assert notes.measured_from == "jpeg"


def test_a_new_measure_reaches_the_pairs_that_exist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = measures.measure

    def changed(before: Any, after: Any) -> Measures:
        return replace(original(before, after), change=0.125)

    monkeypatch.setattr(measures, "measure", changed)
    measure(str(folder), force=True, executor="serial")
    assert {row["change"] for row in facts(folder)} == {0.125}


def test_a_folder_of_this_version_is_left_alone(folder: Path) -> None:
    content = {path: path.read_bytes() for path in folder.rglob("*.parquet")}
    assert measure(str(folder), executor="serial").videos == 0
    assert {path: path.read_bytes() for path in folder.rglob("*.parquet")} == content


def interrupt_at(call: int, monkeypatch: pytest.MonkeyPatch, *, change: float = 0.125) -> None:
    """Let measuring be stopped once, by Ctrl-C, at its n-th pair."""
    calls, original = [], measures.measure

    def interrupted(before: Any, after: Any) -> Measures:
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return replace(original(before, after), change=change)

    monkeypatch.setattr(measures, "measure", interrupted)


def test_a_folder_stays_whole_until_all_of_it_is_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = facts(folder)
    interrupt_at(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        measure(str(folder), force=True, executor="serial")
    assert facts(folder) == before
    shard_it(folder, tmp_path / "shards")
    summary = measure(str(folder), force=True, executor="serial")
    assert summary.videos == 2  # one was done by the call that was stopped
    assert {row["change"] for row in facts(folder)} == {0.125}
    assert not (folder / STAGING_FOLDER).exists()


@pytest.mark.parametrize("files", [0, 1, 4])
def test_a_stop_while_files_are_replaced_is_named_by_all_commands_and_finished_by_this_one(
    folder: Path, dataset: RawDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    age(folder)
    original, writes = Folder.write_bytes, []

    def write_bytes(self: Folder, name: str, data: bytes) -> None:
        if self.url == str(folder):
            writes.append(name)
            if len(writes) > files:
                raise KeyboardInterrupt
        original(self, name, data)

    monkeypatch.setattr(Folder, "write_bytes", write_bytes)
    with pytest.raises(KeyboardInterrupt):
        measure(str(folder), executor="serial")
    monkeypatch.setattr(Folder, "write_bytes", original)
    options = {"videos": str(dataset.videos), "annotations": [str(dataset.table)], "out": str(folder)}
    for command in (lambda: shard_it(folder, tmp_path / "shards"), lambda: extract("table", **options)):
        with pytest.raises(StorageError, match="was stopped while it replaced the files") as caught:
            command()
        assert f"`actionpairs measure {folder}`" in caught.value.cure
    measure(str(folder), executor="serial")
    shard_it(folder, tmp_path / "shards")


def test_another_source_does_not_go_on_in_the_same_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    measure(str(folder), out=str(other), executor="serial")
    interrupt_at(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        measure(str(folder), out=str(tmp_path / "new"), executor="serial")
    with pytest.raises(StorageError, match="from other inputs"):
        measure(str(other), out=str(tmp_path / "new"), executor="serial")
    assert measure(str(folder), out=str(tmp_path / "new"), executor="serial").videos == 2
    assert measure(str(folder), out=str(tmp_path / "new"), executor="serial").videos == 0  # all is done


def test_extract_does_not_go_on_with_a_folder_that_was_measured_again(folder: Path, dataset: RawDataset) -> None:
    measure(str(folder), force=True, executor="serial")
    with pytest.raises(StorageError, match="from other inputs"):
        extract("table", videos=str(dataset.videos), annotations=[str(dataset.table)], out=str(folder))


def test_a_picture_that_is_broken_is_named_and_the_folder_stays(folder: Path) -> None:
    path = sorted((folder / "pairs").glob("*.parquet"))[0]
    table = pq.read_table(path)
    broken = table.set_column(
        table.schema.get_field_index("before_jpeg"), "before_jpeg", pa.array([b""] * len(table), pa.binary())
    )
    pq.write_table(broken, path)
    with pytest.raises(StorageError, match=rf"{path.name}: a stored picture cannot be decoded"):
        measure(str(folder), force=True, executor="serial")
    assert (folder / manifest.MANIFEST_FILE).exists()


def test_workers_and_executors_change_no_byte(folder: Path, tmp_path: Path) -> None:
    for name, executor in (("one", "serial"), ("two", "local")):
        measure(str(folder), out=str(tmp_path / name), workers=2, executor=executor)  # type: ignore[arg-type]
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two


def test_columns_of_a_later_version_are_refused(folder: Path) -> None:
    path = next((folder / "pairs").glob("*.parquet"))
    table = pq.read_table(path)
    later = {**table.schema.metadata, b"schema_version": str(SCHEMA_VERSION + 1).encode()}
    pq.write_table(pa.table(table.columns, schema=table.schema.with_metadata(later)), path)
    with pytest.raises(StorageError, match="this is version") as caught:
        pairs.count(Folder(folder), f"pairs/{path.name}")
    assert "later version" in caught.value.cure


def test_a_folder_that_extract_has_not_finished_is_refused(folder: Path) -> None:
    (folder / manifest.MANIFEST_FILE).unlink()
    with pytest.raises(StorageError, match="`extract` has not finished here"):
        measure(str(folder), executor="serial")
