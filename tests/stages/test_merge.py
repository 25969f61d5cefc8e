"""merge makes one data set of several: nothing collides or leaks, and the bytes depend on the inputs alone."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
import yaml

from actionpairs import shards
from actionpairs.errors import ShardError, StorageError
from actionpairs.pairs import load_rejections
from actionpairs.records import Sample, Subset
from actionpairs.shards import merged_writing
from actionpairs.stages.merge import MergeSummary, merge
from actionpairs.stages.verify import verify
from actionpairs.storage import Folder
from tests.stages.conftest import content
from tests.stages.merged_sets import Pair, jpeg, two_sets, write_set


def run(inputs: list[str], out: Path, **options: object) -> MergeSummary:
    return merge(inputs, out=str(out), **{"workers": 1, "samples_per_shard": 4, **options})  # type: ignore[arg-type]


def samples(folder: Path, split: str = "") -> dict[str, Sample]:
    index = shards.load_index(Folder(folder))
    return {
        item.metadata.segment.id: item
        for shard in index.shards
        if shard.split.startswith(split)
        for item in shards.iter_samples(Folder(folder), shard.name)
    }


def rejected(folder: Path) -> dict[str, str]:
    return {item.segment_id: item.detail for item in load_rejections(Folder(folder))}


def test_training_splits_become_one_and_tests_keep_their_names(tmp_path: Path) -> None:
    summary = run(two_sets(tmp_path), tmp_path / "both")
    index = shards.load_index(Folder(tmp_path / "both"))
    assert summary.samples == {"LC-HC-train": 13, "LCtest": 2, "HCtest": 3}
    assert summary.trained_from == {"LC": 8, "HC": 5}
    assert (index.dataset, index.train_split, index.test_splits) == ("LC-HC", "LC-HC-train", ("LCtest", "HCtest"))
    assert verify(str(tmp_path / "both"), workers=1) == 18


def test_equal_keys_of_two_sets_are_kept_apart_and_say_where_they_are_from(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    run(inputs, tmp_path / "both")
    merged = samples(tmp_path / "both")
    for source, name in zip(inputs, ("LC", "HC"), strict=True):
        for original_id, before in samples(Path(source)).items():
            after = merged[f"{name}/{original_id}"]
            assert after.key == shards.key_of(f"{name}/{original_id}")
            assert (after.original_image, after.edited_image) == (before.original_image, before.edited_image)
            assert after.edit_prompt == before.edit_prompt
            assert after.metadata.segment.instruction == before.metadata.segment.instruction
            assert after.metadata.measures == before.metadata.measures
            assert after.metadata.segment.video == before.metadata.segment.video
    assert len(merged) == len({item.key for item in merged.values()}) == 18


def test_the_index_counts_what_is_there_and_not_what_the_inputs_said(tmp_path: Path) -> None:
    """lerobot issue 3788: a merge that kept its inputs' statistics."""
    run([*two_sets(tmp_path), write_set(tmp_path / "x", "X", [Pair("leak", "X-train", 11)])], tmp_path / "out")
    index = shards.load_index(Folder(tmp_path / "out"))
    counted = {split: len(samples(tmp_path / "out", split)) for split in index.samples_per_split}
    assert index.samples_per_split == counted == {"LC-HC-X-train": 13, "LCtest": 2, "HCtest": 3}
    assert {split: sum(counts.values()) for split, counts in index.samples_per_action.items()} == counted


def test_every_shard_is_a_random_part_of_both_sets(tmp_path: Path) -> None:
    run(two_sets(tmp_path), tmp_path / "both", samples_per_shard=7)
    tars = sorted(path.name for path in (tmp_path / "both").glob("LC-HC-train-*.tar"))
    for tar in tars:
        names = {item.metadata.segment.id[:2] for item in shards.iter_samples(Folder(tmp_path / "both"), tar)}
        assert names == {"LC", "HC"}


def test_a_training_sample_that_repeats_another_set_s_test_sample_is_dropped(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    leak = [Pair("leak", "X-train", 11), Pair("fine", "X-train", 50), Pair("test", "Xtest", 51)]
    inputs.append(write_set(tmp_path / "x", "X", leak, tests=["Xtest"]))
    for order in (inputs, inputs[::-1]):
        out = tmp_path / f"first {order[0][-2:]}"
        summary = run(order, out, keep_duplicates=True)
        assert summary.dropped["repeat a held-out sample of another input"] == 1
        assert rejected(out) == {"X/leak": "0 of 128 bits differ from LC/t1 (LCtest)"}
        assert "X/leak" not in samples(out)
        assert {"LC/t1", "X/fine", "X/test"} <= set(samples(out))


def test_of_two_equal_training_samples_that_of_the_later_input_goes(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    inputs.append(write_set(tmp_path / "x", "X", [Pair("again", "X-train", 3), Pair("new", "X-train", 60)]))
    run(inputs, tmp_path / "last")
    run(inputs[::-1], tmp_path / "first")
    run(inputs, tmp_path / "kept", keep_duplicates=True)
    assert rejected(tmp_path / "last") == {"X/again": "0 of 128 bits differ from LC/s3 (LC-HC-X-train)"}
    assert set(rejected(tmp_path / "first")) == {"LC/s3"}
    assert {"X/again", "LC/s3"} <= set(samples(tmp_path / "kept"))


def test_no_test_sample_is_ever_dropped(tmp_path: Path) -> None:
    twins = [Pair("train", "Y-train", 70), Pair("a", "Ytest", 10), Pair("b", "Ytest", 11), Pair("c", "Ytest", 3)]
    inputs = [*two_sets(tmp_path), write_set(tmp_path / "y", "Y", twins, tests=["Ytest"])]
    summary = run(inputs, tmp_path / "out")
    assert summary.samples["Ytest"] == 3
    assert summary.samples["LCtest"] == 2
    assert summary.notes == ("2 held-out samples repeat one of an earlier input, and stay",)
    assert set(rejected(tmp_path / "out")) == {"LC/s3"}


def test_a_set_s_own_near_duplicates_are_its_recipe_s_matter(tmp_path: Path) -> None:
    twins = [Pair(name, "Z-train", 80) for name in "abc"]
    summary = run([write_set(tmp_path / "z", "Z", twins), two_sets(tmp_path)[0]], tmp_path / "out")
    assert summary.trained_from == {"Z": 3, "LC": 8}


def test_a_video_that_one_set_trains_on_and_another_tests_with_is_reported(tmp_path: Path) -> None:
    pairs = [Pair("a", "V-train", 90, video="t0.mp4"), Pair("b", "V-train", 91)]
    summary = run([two_sets(tmp_path)[0], write_set(tmp_path / "v", "V", pairs)], tmp_path / "out")
    assert any(note.startswith("1 training samples are of videos named like") for note in summary.notes)


def test_split_names_that_collide_are_an_error_with_the_option_that_cures_it(tmp_path: Path) -> None:
    inputs = [two_sets(tmp_path)[0]]
    inputs.append(write_set(tmp_path / "q", "Q", [Pair("a", "Q-train", 1), Pair("b", "LCtest", 99)]))
    with pytest.raises(ShardError, match="Q/LCtest has the name of LC/LCtest") as caught:
        run(inputs, tmp_path / "out")
    assert "--rename Q/LCtest=NEW" in caught.value.cure
    assert not (tmp_path / "out/manifest.json").exists()
    summary = run(inputs, tmp_path / "out", rename={"Q/LCtest": "LCtest-Q"})
    assert summary.samples["LCtest-Q"] == 1
    with pytest.raises(ShardError, match="no input has this split"):
        run(inputs, tmp_path / "out", rename={"Q/LCtest": "LCtest-Q", "Q/nothing": "x"})


@pytest.mark.parametrize("split", ["LCtest ", "LC_test", "train"])
def test_names_that_datasets_would_take_for_one_collide_too(tmp_path: Path, split: str) -> None:
    first = write_set(tmp_path / "a", "A", [Pair("a", "A-train", 1), Pair("b", "LC-test", 2)])
    second = write_set(tmp_path / "b", "B", [Pair("a", "B-train", 3), Pair("b", split, 4)])
    with pytest.raises(ShardError, match="The split B/"):
        run([first, second], tmp_path / "out")


def test_one_data_set_name_twice_needs_another_name(tmp_path: Path) -> None:
    first = write_set(tmp_path / "a", "LC", [Pair("a", "LC-train", 1), Pair("t", "LCtest", 2)])
    second = write_set(tmp_path / "b", "LC", [Pair("a", "LC-train", 3)])
    with pytest.raises(ShardError, match="both have the data set 'LC'") as caught:
        run([first, second], tmp_path / "out")
    assert "NAME=" in caught.value.cure
    run([first, f"new={second}"], tmp_path / "out")
    assert set(samples(tmp_path / "out")) == {"LC/a", "LC/t", "new/a"}


def test_merging_in_two_steps_gives_the_same_samples(tmp_path: Path) -> None:
    lc, hc = two_sets(tmp_path)
    third = write_set(tmp_path / "x", "X", [Pair("a", "X-train", 60)], source={"license": "mit"})
    run([lc, hc, third], tmp_path / "at once", name="All")
    run([lc, hc], tmp_path / "both")
    run([str(tmp_path / "both"), third], tmp_path / "in steps", name="All")
    assert set(samples(tmp_path / "at once")) == set(samples(tmp_path / "in steps"))
    assert (tmp_path / "at once/README.md").read_text().count("| LC |") == 1
    assert "| LC | 8 | 2 | Kitchen A | cc-by-4.0 |" in (tmp_path / "in steps/README.md").read_text()


def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    run(inputs, tmp_path / "one")
    run(inputs, tmp_path / "four", workers=4)
    assert content(tmp_path / "one") == content(tmp_path / "four")


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = two_sets(tmp_path)
    run(inputs, tmp_path / "whole")
    usual, calls = merged_writing._load_sample, iter(range(100))

    def stops(*arguments: object) -> Sample:
        if next(calls) == 6:
            raise KeyboardInterrupt
        return usual(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(merged_writing, "_load_sample", stops)
    with pytest.raises(KeyboardInterrupt):
        run(inputs, tmp_path / "stopped")
    monkeypatch.undo()
    [finished] = (tmp_path / "stopped").glob("*.tar")
    time = finished.stat().st_mtime_ns
    assert not (tmp_path / "stopped/manifest.json").exists()
    (tmp_path / "stopped/LC-HC-train-000000.tar.0a1b2c3d.partial").write_bytes(b"left by a killed run")
    run(inputs, tmp_path / "stopped")
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")
    assert finished.stat().st_mtime_ns == time


def test_the_same_call_again_writes_nothing_and_says_the_same(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    first = run(inputs, tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert run(inputs, tmp_path / "out") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times
    with pytest.raises(StorageError, match="from other inputs"):
        run(inputs[::-1], tmp_path / "out")


def test_sets_of_other_package_versions_merge_to_the_same_bytes(tmp_path: Path) -> None:
    run(two_sets(tmp_path / "now"), tmp_path / "a")
    run(two_sets(tmp_path / "then", version="0.2.7"), tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_set_of_another_schema_version_is_refused_with_a_cure(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    made = json.loads((tmp_path / "hc/manifest.json").read_text())
    (tmp_path / "hc/manifest.json").write_text(json.dumps({**made, "schema_version": 1}))
    with pytest.raises(StorageError, match="its columns have changed since"):
        run(inputs, tmp_path / "out")


def test_the_card_names_every_source_with_its_license(tmp_path: Path) -> None:
    run(two_sets(tmp_path), tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    front = yaml.safe_load(io.StringIO(card.split("---\n")[1]))
    assert front["license"] == ["cc-by-4.0", "unknown"]
    assert "| LC | 8 | 2 | Kitchen A | cc-by-4.0 | `" in card
    assert "| HC | 5 | 3 | Kitchen B | unknown | `" in card
    assert "- HC: Ask." in card


def test_webdataset_reads_it_and_finds_no_key_twice(tmp_path: Path) -> None:
    run(two_sets(tmp_path), tmp_path / "out")
    tars = sorted(str(path) for path in (tmp_path / "out").glob("*.tar"))
    rows = list(webdataset.WebDataset(tars, shardshuffle=False))
    assert len(rows) == len({row["__key__"] for row in rows}) == 18
    assert {row["original_image.jpg"] for row in rows} == {
        jpeg(2 * look) for look in (*range(8), 10, 11, *range(20, 25), *range(30, 33))
    }


def test_datasets_loads_the_folder_with_its_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run(two_sets(tmp_path), tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 13, "LCtest": 2, "HCtest": 3}
    assert loaded["HCtest"][0]["json"]["segment"]["id"].startswith("HC/")


def test_a_split_whose_name_goes_on_in_another_s_is_loaded_alone(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    first = write_set(tmp_path / "a", "A", [Pair("a", "A-train", 1), Pair("b", "B", 2)], tests=["B"])
    second = write_set(tmp_path / "c", "C", [Pair("a", "C-train", 3), Pair("b", "B-hard", 4)], tests=["B-hard"])
    run([first, second], tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 2, "B": 1, "B_hard": 1}


def test_subsets_stay_subsets_and_a_copy_of_training_samples_is_no_test(tmp_path: Path) -> None:
    pairs = [Pair("a", "S-train", 1), Pair("a", "S-small", 1), Pair("t", "Stest", 2), Pair("t", "Shard", 2)]
    subsets = {"S-small": Subset("one of S-train", ("a",)), "Shard": Subset("one of Stest", ("t",))}
    first = write_set(tmp_path / "s", "S", pairs, tests=["Stest"], subsets=subsets)
    second = write_set(tmp_path / "x", "X", [Pair("a", "X-train", 1), Pair("b", "X-train", 2)])
    run([second, first], tmp_path / "out", keep_duplicates=True)
    assert set(rejected(tmp_path / "out")) == {"X/b"}
    made = json.loads((tmp_path / "out/manifest.json").read_text())
    assert made["subsets"]["Shard"] == {"rule": "one of Stest", "ids": ["S/t"]}
    assert verify(str(tmp_path / "out"), workers=1) == 5


BAD_TABLES = {
    "a shard outside": (lambda rows: rows | {"shard": ["../lc/LC-train-000000.tar"] * 3}, "no shard of it"),
    "a hash that is none": (lambda rows: rows | {"hash_before": ["zz"] * 3}, "no perceptual hash"),
    "an id that is missing": (lambda rows: rows | {"id": [None, "b", "c"]}, "has gaps"),
    "an id twice": (lambda rows: rows | {"id": ["a", "a", "c"]}, "an id twice"),
    "offsets of another sample": (lambda rows: rows | {"original_offset": [99, 512, 40000]}, "t[012]"),
    "negative offsets": (lambda rows: rows | {"original_offset": [-5, -6, -7]}, "cannot be in the bytes"),
    "offsets past the end": (lambda rows: rows | {"original_offset": [1 << 40, 1 << 41, 1 << 42]}, "cannot be"),
    "keys of others": (lambda rows: rows | {"key": ["x", "y", "z"]}, "is not where its table says"),
    "a row too few": (lambda rows: {name: values[:2] for name, values in rows.items()}, "2 rows, but 3"),
    "a column of another type": (lambda rows: rows | {"original_offset": ["a", "b", "c"]}, "not a table"),
}


@pytest.mark.parametrize(("change", "says"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_table_from_elsewhere_is_an_error_and_never_a_crash(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], says: str
) -> None:
    inputs = two_sets(tmp_path)
    path = tmp_path / "hc/HCtest.parquet"
    rows = pq.read_table(path)
    pq.write_table(pa.table(change(rows.to_pydict())), path)
    with pytest.raises(ShardError, match=says):
        run(inputs, tmp_path / "out")
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_split_s_name_from_elsewhere_never_leaves_the_folder(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    index = json.loads((tmp_path / "hc/index.json").read_text())
    index["samples_per_split"]["../../evil"] = index["samples_per_split"].pop("HCtest")
    (tmp_path / "hc/index.json").write_text(json.dumps(index))
    with pytest.raises(ShardError, match="cannot name files"):
        run(inputs, tmp_path / "out")
    with pytest.raises(ShardError, match="no name for files"):
        run(inputs, tmp_path / "out", rename={"HC/../../evil": "good"})


def test_a_cut_tar_is_named(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    tar = tmp_path / "hc/HCtest-000000.tar"
    for size in (tar.stat().st_size - 1, 3000, 100):
        tar.write_bytes(tar.read_bytes()[:size])
        with pytest.raises(ShardError, match=r"HCtest-000000\.tar: t\d is past the end of the file"):
            run(inputs, tmp_path / "out")


def test_an_option_that_cannot_be_is_an_error_with_a_cure(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    with pytest.raises(ShardError, match="near_duplicate_bits: Input should be less"):
        run(inputs, tmp_path / "out", near_duplicate_bits=40)
    with pytest.raises(ShardError, match="cannot name files"):
        run(inputs, tmp_path / "out", name="../../evil")


def test_a_set_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    inputs = two_sets(tmp_path)
    shutil.rmtree(tmp_path / "hc")
    with pytest.raises(StorageError, match="not finished"):
        run(inputs, tmp_path / "out")


def test_members_of_a_merged_tar_are_in_the_layout_s_order(tmp_path: Path) -> None:
    run(two_sets(tmp_path), tmp_path / "out")
    with tarfile.open(tmp_path / "out/HCtest-000000.tar") as tar:
        names = tar.getnames()
    keys = [name.partition(".")[0] for name in names[::4]]
    parts = ("original_image.jpg", "edited_image.jpg", "edit_prompt.txt", "json")
    assert names == [f"{key}.{part}" for key in keys for part in parts]
