"""shard filters, splits and packs, and the bytes depend on pairs and recipe alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import pytest

from actionpairs import shards
from actionpairs.errors import ShardError, StorageError
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import ShardSummary, shard
from actionpairs.stages.verify import check, verify
from actionpairs.storage import Folder
from tests.conftest import RawDataset
from tests.stages.conftest import SMALL_RECIPE, content


@pytest.fixture
def work(dataset: RawDataset, tmp_path: Path) -> Path:
    dataset.add("a_still,a.mp4,0.1,0.12,wait,wait,cup,a")
    extract(
        "table",
        videos=str(dataset.videos),
        annotations=[str(dataset.table)],
        out=str(tmp_path / "pairs"),
        workers=1,
    )
    (tmp_path / "small.yaml").write_text(SMALL_RECIPE)
    return tmp_path


def run(work: Path, name: str = "shards", recipe: str = "small.yaml") -> ShardSummary:
    return shard(work / recipe, pairs=str(work / "pairs"), out=str(work / name))


def test_every_pair_is_in_a_split_or_has_its_reason(work: Path) -> None:
    summary = run(work)
    assert summary.samples == {"table-train": 4, "tabletest": 2}
    assert summary.dropped == {"nothing_changed": 1}
    assert summary.pairs == 7
    assert verify(str(work / "shards")) == 6


def test_splits_that_are_too_small_are_named(work: Path) -> None:
    assert run(work).notes == run(work).notes  # of a finished folder too
    assert [note.partition(":")[0] for note in run(work).notes] == [
        "table-train has 4 pairs",
        "tabletest has 2 pairs",
    ]


def test_no_sample_is_in_two_splits(work: Path) -> None:
    run(work)
    train, test = (
        {entry.key for entry in shards.load_entries(Folder(work / "shards"), split)}
        for split in ("table-train", "tabletest")
    )
    assert (len(train), len(test), train & test) == (4, 2, set())


def test_same_pairs_same_bytes(work: Path) -> None:
    run(work, "one")
    run(work, "two")
    assert content(work / "one") == content(work / "two")


def test_two_phases_write_the_bytes_of_one_pass(work: Path) -> None:
    subset = "{most: {of: tabletest, count: 1, by: change, max_per_action: 1}}"
    (work / "far.yaml").write_text(
        SMALL_RECIPE.replace("{tests: {tabletest: 2}}", f"{{tests: {{tabletest: 2}}, subsets: {subset}}}")
    )
    run(work, "one", "far.yaml")
    (work / "two").mkdir()
    shutil.copy(work / "one/recipe.json", work / "two")
    (work / "two/000099-000000.spool").write_bytes(b"left by a run that was killed")
    shard(work / "far.yaml", pairs=str(work / "pairs"), out=str(work / "two"), workers=2)
    assert content(work / "one") == content(work / "two")


def test_what_a_killed_run_left_is_made_good(work: Path) -> None:
    run(work, "whole")
    shutil.copytree(work / "whole", work / "killed")
    (work / "killed/manifest.json").unlink()
    (work / "killed/table-train-000000.tar").rename(work / "killed/table-train-000000.tar.partial")
    (work / "killed/index.json").write_text("{")
    run(work, "killed")
    assert content(work / "killed") == content(work / "whole")


def test_another_threshold_reads_no_video_and_decodes_no_picture(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(work / "videos")
    for name in ("imdecode", "imencode", "imread"):
        monkeypatch.setattr(cv2, name, lambda *_: pytest.fail("a picture was decoded"))
    (work / "loose.yaml").write_text(SMALL_RECIPE.replace("0.012", "0.0"))
    assert sum(run(work, "loose", "loose.yaml").samples.values()) == 7


def test_tests_larger_than_the_pool_are_refused(work: Path) -> None:
    (work / "greedy.yaml").write_text(SMALL_RECIPE.replace("tabletest: 2", "tabletest: 500"))
    with pytest.raises(ShardError, match="6 pairs are kept, but the test splits hold out 500"):
        run(work, "greedy", "greedy.yaml")


def test_pairs_that_are_not_done_are_refused(work: Path) -> None:
    (work / "pairs/manifest.json").unlink()
    with pytest.raises(StorageError, match="`extract` has not finished"):
        run(work)


def test_check_names_the_first_difference(work: Path) -> None:
    run(work)
    expected = work / "expected.json"
    expected.write_bytes((work / "shards/manifest.json").read_bytes())
    check(str(work / "shards"), str(expected))
    changed = json.loads(expected.read_text())
    changed["counts"]["tabletest"] = 3
    expected.write_text(json.dumps(changed))
    with pytest.raises(ShardError, match="tabletest: 2, expected 3"):
        check(str(work / "shards"), str(expected))


def test_verify_names_the_first_wrong_file(work: Path) -> None:
    run(work)
    tar = work / "shards/table-train-000000.tar"
    data = bytearray(tar.read_bytes())
    data[600] ^= 1
    tar.write_bytes(data)
    with pytest.raises(ShardError, match=r"table-train-000000\.tar: not the bytes"):
        verify(str(work / "shards"))
    tar.unlink()
    with pytest.raises(ShardError, match="not there"):
        verify(str(work / "shards"))


def test_a_subset_is_a_split_of_its_own_with_rule_and_list_in_the_manifest(work: Path) -> None:
    subset = "{most: {of: tabletest, count: 1, by: change, max_per_action: 1}}"
    (work / "far.yaml").write_text(
        SMALL_RECIPE.replace("{tests: {tabletest: 2}}", f"{{tests: {{tabletest: 2}}, subsets: {subset}}}")
    )
    assert run(work, "far", "far.yaml").subsets == {"most": 1}
    folder = Folder(work / "far")
    [sample] = shards.iter_samples(folder, "most-000000.tar")
    tested = {
        item.key: item.metadata.measures.change for item in shards.iter_samples(folder, "tabletest-000000.tar")
    }
    assert tested[sample.key] == max(tested.values())
    assert sample.metadata.split == "most"
    made = json.loads((work / "far/manifest.json").read_text())
    rule = "the 1 of tabletest with the largest change, at most 1 of one action; ties by id"
    assert made["subsets"] == {"most": {"rule": rule, "ids": [sample.metadata.segment.id]}}
    assert made["counts"]["most"] == 1
    assert verify(str(work / "far")) == 7
