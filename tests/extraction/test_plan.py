"""A dry run says what a recipe would give, beside what others say, from the annotation files alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actionpairs import recipe
from actionpairs.cli import main
from actionpairs.errors import AnnotationError
from actionpairs.extraction import plan
from tests.annotations.conftest import shared
from tests.annotations.examples import EXAMPLES
from tests.curation.assigned import assigned

ROOT = Path(__file__).parents[2]
TRAIN = "epic100/EPIC_100_train_reconstructed.csv"
TABLE = "segment_id,video,start_seconds,stop_seconds,instruction,verb,noun,participant\n"


def write_table(folder: Path, rows: int = 12) -> Path:
    path = folder / "mine.csv"
    lines = [f"id{number},v{number},1,2,take cup,take,cup,P0{number % 3}" for number in range(rows)]
    path.write_text(TABLE + "\n".join([*lines, "bad,v1,2,1,take cup,take,cup,P01"]) + "\n")
    return path


def dry_run(*arguments: str) -> Any:
    result = CliRunner().invoke(main, ["extract", *arguments, "--dry-run", "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_dry_run_counts_every_row(tmp_path: Path) -> None:
    summary = dry_run("table", "--annotations", str(write_table(tmp_path)))
    assert summary["rows"] == 13
    assert summary["rejected"] == {"stop_not_after_start": 1}
    assert summary["selected"] == sum(summary["splits"].values()) == 12
    assert summary["splits"] == {"table-train": 8, "tabletest": 4}
    assert (summary["actions"], summary["expected"]) == (1, None)


def test_figures_stand_beside_the_expected_ones_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "extends: table\nshard: {expected: {source: paper, actions: 1, splits: {table-train: 10, other: 7}}}"
    )
    result = CliRunner().invoke(
        main, ["extract", str(path), "--annotations", str(write_table(tmp_path)), "--dry-run"]
    )
    assert "1  actions: paper 1, difference ±0" in result.output
    assert "8  table-train: paper 10, difference -2" in result.output
    assert "other: not in this recipe; paper 7" in result.output


def test_expected_figures_are_no_part_of_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: table\nshard: {expected: {source: paper, actions: 1}}")
    assert recipe.load(path).shard.digest() == recipe.load("table").shard.digest()


def test_a_name_that_no_row_has_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: table\nextract: {select: {verbs: [tkae]}}")
    table = write_table(tmp_path)
    table.write_text(table.read_text() + "more,v1,1,2,tkae cup,tkae,cup,P01\n")
    assert not any("no row has" in note for note in dry_run(str(path), "--annotations", str(table))["notes"])
    path.write_text("extends: table\nextract: {select: {verbs: [take, tkae], nouns: [cup, pan]}}")
    assert dry_run(str(path), "--annotations", str(table))["notes"] == ["no row has the noun 'pan'"]


def test_an_error_says_what_there_is_where_nothing_is_selected(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: table\nextract: {select: {verbs: [tkae]}}")
    result = CliRunner().invoke(
        main, ["extract", str(path), "--annotations", str(write_table(tmp_path)), "--dry-run"]
    )
    assert result.exit_code == 1
    assert "none of the 13 rows is selected: no row has the verb 'tkae'; 12 not_selected" in result.output
    assert "the verbs are 'take'; the nouns are 'cup'" in result.output


def test_pairs_are_not_made_without_the_names_that_the_recipe_asks_for(tmp_path: Path) -> None:
    train, *tables = (str(path) for path in EXAMPLES["epic100"].write(tmp_path))
    config = recipe.load("hc").extract
    with pytest.raises(AnnotationError, match=r"EPIC_100_verb_classes\.csv"):
        plan.check_names([train], config)
    plan.check_names([train, *tables], config)


def test_shuffled_rows_give_the_same_plan(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    before = dry_run("table", "--annotations", str(path))
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert dry_run("table", "--annotations", str(path)) == before


@pytest.mark.parametrize("name", ["hc", "lc"])
def test_a_recipe_expects_what_its_manifest_says_of_the_paper(name: str) -> None:
    facts = json.loads((ROOT / f"manifests/{name}.json").read_text())
    expected = recipe.load(name).shard.expected
    assert expected is not None
    assert (expected.actions, expected.splits) == (facts["paper"]["actions"], facts["paper"]["splits"])
    for test in facts["tests"].values():
        assert test["ids"] == sorted(set(test["ids"]))
        assert hashlib.sha256("\n".join(test["ids"]).encode()).hexdigest() == test["sha256"]


def test_hc_is_what_its_manifest_says() -> None:
    path = shared(TRAIN)
    facts = json.loads((ROOT / "manifests/hc.json").read_text())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["ours"]["annotations"][path.name]
    summary = dry_run("hc", "--annotations", str(path))
    assert {key: summary[key] for key in ("rows", "rejected", "selected", "actions", "splits")} == {
        key: facts["ours"][key] for key in ("rows", "rejected", "selected", "actions", "splits")
    }
    hc = recipe.load("hc")
    split_of = assigned(plan.make_plan([str(path)], hc.extract, limit=None).segments, hc.shard.splits)
    for name, test in facts["tests"].items():
        assert sorted(key for key, split in split_of.items() if split == name) == test["ids"]


def test_leak_free_hc_shares_no_participant_and_no_video() -> None:
    hc = recipe.load("hc-leak-free")
    segments = plan.make_plan([str(shared(TRAIN))], hc.extract, limit=None).segments
    split_of = assigned(segments, hc.shard.splits)
    for side in ("group", "video"):
        train = {getattr(item, side) for item in segments if split_of[item.id] == "HC-train"}
        apart = {getattr(item, side) for item in segments if split_of[item.id] in ("HCtest500", "HC-spare")}
        assert train
        assert not train & apart


def test_hc_without_place_never_trains_on_it() -> None:
    hc = recipe.load("hc-unseen-verbs")
    segments = plan.make_plan([str(shared(TRAIN))], hc.extract, limit=None).segments
    split_of = assigned(segments, hc.shard.splits)
    assert {split_of[item.id] for item in segments if item.verb.startswith("place")} == {"HCunseen-place"}


@pytest.mark.slow
def test_a_dry_run_of_all_of_epic_is_quick_and_small() -> None:
    path = shared(TRAIN)
    code = (
        "import resource, sys; from actionpairs.cli import main;"
        "main(sys.argv[1:], standalone_mode=False);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        # Not ru_maxrss: it starts at what the test's own process held when it forked.
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'));"
        "print(used.ru_utime + used.ru_stime, peak.split()[1])"
    )
    command = [sys.executable, "-c", code, "extract", "hc", "--annotations", str(path), "--dry-run", "--json"]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    seconds, kilobytes = map(float, result.stdout.splitlines()[-1].split())
    assert seconds < 4
    assert kilobytes < 500_000


def test_a_dry_run_reads_no_video_and_no_heavy_library() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'h5py', 'pandas', 'av']));"
        "import actionpairs.annotations; from actionpairs.extraction import plan;"
        "print([name for name in ('pyarrow', 'cv2', 'numpy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip() == "[]"


def test_a_split_that_cannot_be_filled_is_a_note(tmp_path: Path) -> None:
    few = dry_run("table", "--annotations", write_table(tmp_path, rows=3))["notes"]
    assert "tabletest has 3 of the 4 samples of the recipe: lower `shard.splits.tests`" in few
    assert "table-train is empty" in few
    assert not dry_run("table", "--annotations", write_table(tmp_path, rows=12))["notes"]
