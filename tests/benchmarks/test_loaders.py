"""A benchmark is read as released; what is missing, broken or out of place is one error that names all of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from actionpairs import benchmarks
from actionpairs.benchmarks.benchmark import Benchmark, check_pictures, sizes_of
from actionpairs.cli.models import _BENCHMARKS
from actionpairs.errors import ScoreError
from actionpairs.storage import Folder
from tests.benchmarks import miniatures
from tests.benchmarks.miniatures import MINIATURES, cell, dump, pair, parquet, png


def loaded(name: str, root: Path) -> Benchmark:
    bench, write = MINIATURES[name]
    return benchmarks.load(bench, str(write(root)))


def test_the_command_knows_every_benchmark() -> None:
    assert set(_BENCHMARKS) == set(benchmarks.LOADERS)


@pytest.mark.parametrize(
    ("name", "count", "targets"),
    [
        ("motionedit", 3, 3),
        ("bytemorph", 3, 3),
        ("bytemorph-parquet", 3, 3),
        ("aurora", 4, 2),
        ("risebench", 3, 0),
        ("gedit", 4, 0),
        ("gedit-parquet", 4, 0),
        ("imgedit", 3, 0),
    ],
)
def test_a_benchmark_is_read_as_released(tmp_path: Path, name: str, count: int, targets: int) -> None:
    benchmark = loaded(name, tmp_path)
    assert len(benchmark.samples) == len({sample.key for sample in benchmark.samples}) == count
    assert sum(sample.target is not None for sample in benchmark.samples) == targets
    assert all(sample.instruction for sample in benchmark.samples)
    check_pictures(benchmark.title, benchmark.samples)


@pytest.mark.parametrize("name", ["bytemorph", "bytemorph-parquet"])
def test_the_halves_are_input_and_target(tmp_path: Path, name: str) -> None:
    sample = loaded(name, tmp_path).samples[0]
    before, after, action = pair(0)
    assert sample.target is not None
    assert np.array_equal(sample.original.decode(), before)
    assert np.array_equal(sample.target.decode(), after)
    assert (sample.instruction, sample.original.size()) == (action, (64, 64))


def test_sizes_come_from_heads_as_pictures_decode(tmp_path: Path) -> None:
    benchmark = loaded("motionedit", tmp_path)
    assert sizes_of(benchmark.title, benchmark.samples) == {"400": (64, 64), "401": (64, 64), "402": (72, 48)}


def test_both_languages_of_one_key_are_two_samples(tmp_path: Path) -> None:
    samples = {sample.key: sample for sample in loaded("gedit", tmp_path).samples}
    assert samples["motion_change-cn-k0"].instruction == "把方块移开"
    assert samples["motion_change-en-k0"].edit == "motion_change/en/k0.png"
    assert samples["subject-add-cn-k1"].categories == ("subject-add", "cn")


def test_what_discedit_contrasts_is_joined_by_the_input(tmp_path: Path) -> None:
    contrasts = {sample.key: sample.contrast for sample in loaded("aurora", tmp_path).samples}
    [moved, painted] = [contrasts["something-000"], contrasts["clevr-001"]]
    assert moved is not None
    assert painted is not None
    assert (moved.fulfilled, moved.unfulfilled) == ("leave it", "move left")
    assert (painted.fulfilled, painted.unfulfilled) == ("keep it blue", "paint it black")
    assert contrasts["something-001"] is contrasts["clevr-000"] is None


def test_targets_that_the_release_lacks_are_noted(tmp_path: Path) -> None:
    miniatures.aurora(tmp_path)
    (tmp_path / "data/something/images/1/last.jpg").unlink()
    benchmark = benchmarks.load("aurora", str(tmp_path))
    assert [sample.target is None for sample in benchmark.samples] == [False, True, True, True]
    assert "data/something/images/1/last.jpg" in benchmark.notes[0]


def test_the_digest_is_that_of_the_files(tmp_path: Path) -> None:
    before = loaded("risebench", tmp_path / "one").digest
    assert loaded("risebench", tmp_path / "two").digest == before
    miniatures.save(tmp_path / "two/data/causal_reasoning_images/1.png", pair(7)[0])
    assert benchmarks.load("risebench", str(tmp_path / "two")).digest != before


def test_all_that_is_missing_is_one_error(tmp_path: Path) -> None:
    miniatures.imgedit(tmp_path)
    for number in range(2):
        (tmp_path / f"Benchmark/singleturn/animal/{number}.jpg").unlink()
    with pytest.raises(ScoreError, match=r"2 missing \(.*animal/0\.jpg, .*animal/1\.jpg\)"):
        benchmarks.load("imgedit", str(tmp_path))


def test_pictures_without_their_json_are_missed(tmp_path: Path) -> None:
    miniatures.bytemorph(tmp_path)
    (tmp_path / "0_camera_zoom/20.json").unlink()
    with pytest.raises(ScoreError, match=r"1 missing \(0_camera_zoom/20\.json\)"):
        benchmarks.load("bytemorph", str(tmp_path))


def test_all_broken_pictures_are_one_error(tmp_path: Path) -> None:
    benchmark = loaded("risebench", tmp_path)
    paths = [tmp_path / "data/causal_reasoning_images" / f"{number}.png" for number in (1, 2)]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ScoreError, match=r"2 broken pictures \(.*1\.png, .*2\.png\)"):
        check_pictures(benchmark.title, benchmark.samples)
    paths[0].write_bytes(b"no picture")
    with pytest.raises(ScoreError, match=r"2 broken pictures \(.*1\.png, .*2\.png\)"):
        sizes_of(benchmark.title, benchmark.samples)


@pytest.mark.parametrize("name", benchmarks.LOADERS)
def test_another_folder_is_told_by_what_it_lacks(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(ScoreError, match=r"(?i)no |neither") as error:
        benchmarks.load(name, str(tmp_path))
    assert str(tmp_path) in error.value.message


@pytest.mark.parametrize(("name", "file"), [("gedit", "data-0.arrow"), ("motionedit", "data/train-0.parquet")])
def test_a_table_that_is_none_is_an_error(tmp_path: Path, name: str, file: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"PAR1 or not")
    with pytest.raises(ScoreError, match="not a whole Parquet or Arrow file"):
        benchmarks.load(name, str(tmp_path))


def test_a_truncated_table_is_an_error(tmp_path: Path) -> None:
    path = miniatures.gedit(tmp_path) / "data-00000-of-00001.arrow"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ScoreError, match="not a whole Parquet or Arrow file"):
        benchmarks.load("gedit", str(tmp_path))


def test_a_missing_column_is_named_beside_those_that_there_are(tmp_path: Path) -> None:
    parquet(tmp_path / "x.parquet", [{"id": "1", "instruction": "move", "input_image": cell(png(pair(0)[0]))}])
    with pytest.raises(ScoreError, match="no column prompt; it has id, instruction, input_image"):
        benchmarks.load("motionedit", str(tmp_path))


def test_a_picture_that_is_not_in_the_table_is_a_fault(tmp_path: Path) -> None:
    rows = pq.read_table(miniatures.motionedit(tmp_path) / "data/train-00000-of-00001.parquet").to_pylist()
    rows[1]["input_image"] = {"bytes": None, "path": "elsewhere.png"}
    parquet(tmp_path / "data/train-00000-of-00001.parquet", rows)
    with pytest.raises(ScoreError, match=r"1 without a picture \(.*row 2, input_image\)"):
        benchmarks.load("motionedit", str(tmp_path))


@pytest.mark.parametrize("image", ["../../secret.png", "/etc/passwd", "a\\..\\b.png", "a\0b.png"])
def test_no_path_leads_outside(tmp_path: Path, image: str) -> None:
    path = miniatures.risebench(tmp_path) / "datav2_total_w_subtask.json"
    entries = json.loads(path.read_text())
    entries[1]["image"] = image
    dump(path, entries)
    with pytest.raises(ScoreError, match="1 with a path that leads outside"):
        benchmarks.load("risebench", str(tmp_path))


@pytest.mark.parametrize("key", ["../up", "a/b", "..", "", "x" * 300, "\ud800", "a\nb"])
def test_no_key_writes_elsewhere(tmp_path: Path, key: str) -> None:
    path = miniatures.imgedit(tmp_path) / "Benchmark/singleturn/singleturn.json"
    entries = json.loads(path.read_text())
    dump(path, {**entries, key: next(iter(entries.values()))})
    with pytest.raises(ScoreError, match="1 without id or prompt"):
        benchmarks.load("imgedit", str(tmp_path))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '"text"', "\xff", "[1, null]"])
def test_json_of_any_kind_is_one_error(tmp_path: Path, text: str) -> None:
    for name, file in (("risebench", "data_total.json"), ("aurora", "test.json"), ("imgedit", "basic_edit.json")):
        (tmp_path / file).write_bytes(text.encode("latin-1"))
        with pytest.raises(ScoreError):
            benchmarks.load(name, str(tmp_path))


def test_a_sample_that_comes_twice_is_a_fault(tmp_path: Path) -> None:
    path = miniatures.risebench(tmp_path) / "datav2_total_w_subtask.json"
    entries = json.loads(path.read_text())
    dump(path, [*entries, entries[0]])
    with pytest.raises(ScoreError, match=r"1 given twice \(temporal_reasoning_0\)"):
        benchmarks.load("risebench", str(tmp_path))


def test_half_characters_do_not_break_a_report(tmp_path: Path) -> None:
    path = miniatures.imgedit(tmp_path) / "Benchmark/singleturn/singleturn.json"
    path.write_text(path.read_text().replace("turn it", "turn \\ud800"))
    [first, *_] = benchmarks.load("imgedit", str(tmp_path)).samples
    assert first.instruction == "turn ?"


def test_an_unknown_benchmark_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ScoreError, match="no such benchmark") as error:
        benchmarks.load("magicbrush", ".")
    assert "motionedit" in error.value.cure


def test_the_folder_may_be_any_of_those_above_the_pictures(tmp_path: Path) -> None:
    miniatures.imgedit(tmp_path)
    keys = [
        [sample.key for sample in benchmarks.LOADERS["imgedit"](Folder(str(tmp_path / place))).samples]
        for place in ("", "Benchmark", "Benchmark/singleturn")
    ]
    assert keys[0] == keys[1] == keys[2] == ["1000", "1001", "1002"]
