"""eval predicts, scores and reports; the same call continues where it stopped, and notes what is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

from actionpairs import manifest
from actionpairs.configs import EvalConfig
from actionpairs.data import examples
from actionpairs.data.examples import Example
from actionpairs.errors import ModelError, ScoreError, ShardError, StorageError
from actionpairs.evaluation import human_eval
from actionpairs.evaluation.records import Report
from actionpairs.manifest import FileDigest
from actionpairs.recipe import Recipe, load
from actionpairs.shards import load_entries
from actionpairs.stages.eval import evaluate
from actionpairs.storage import Folder
from tests.evaluation.conftest import MOVES, SPLIT, make_editor, make_recognizer, make_shards

NOT_WRITTEN_YET = "manifest.json", "report.json", "scores.parquet", "index.html"
SMALL = "eval: {resolution: 64, steps: 2, batch_size: 3, gallery: 4}\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 8 samples, two models, a recognizer and a recipe."""
    root = tmp_path_factory.mktemp("world")
    make_shards(root / "shards")
    for seed, name in enumerate(("first", "second")):
        make_editor(seed=seed).save(root / name)
    make_recognizer().save(root / "recognizer")
    (root / "small.yaml").write_text(SMALL)
    return root


def run(world: Path, out: Path, *, models: tuple[str, ...] = ("first",), **options: object) -> Report:
    return evaluate(
        str(world / "small.yaml"),
        models=[str(world / name) for name in models],
        shards=str(world / "shards"),
        split=str(options.pop("split", SPLIT)),
        out=str(out),
        device="cpu",
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def done(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished report of both models with the recognizer."""
    out = tmp_path_factory.mktemp("done") / "report"
    run(world, out, models=("first", "second"), recognizer=str(world / "recognizer"))
    return out


@pytest.fixture(scope="module")
def first_alone(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished report of one model without any weights; tests that change it take a copy."""
    out = tmp_path_factory.mktemp("first") / "report"
    run(world, out)
    return out


@pytest.fixture
def first_copy(first_alone: Path, tmp_path: Path) -> Path:
    return shutil.copytree(first_alone, tmp_path / "out")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_model_stands_beside_the_copy_and_the_truth(world: Path, done: Path) -> None:
    report = run(world, done, models=("first", "second"), recognizer=str(world / "recognizer"))
    assert {row.name for row in report.rows[:2]} == {"first", "second"}
    assert [row.kind for row in report.rows] == ["model", "model", "copy", "truth"]
    assert all(len(row.edits) == 8 for row in report.rows)
    assert [sample.key for sample in report.samples] == [f"s{number:03d}" for number in range(8)]


def test_the_copy_does_not_move_and_the_truth_does(world: Path, done: Path) -> None:
    report = run(world, done, models=("first", "second"), recognizer=str(world / "recognizer"))
    motion = {row.kind: next(s.value for s in row.scores if s.name == "motion alignment") for row in report.rows}
    assert motion["copy"] == 0
    assert motion["truth"] == pytest.approx(100)


def test_a_second_run_gives_the_same_bytes(world: Path, done: Path, tmp_path: Path) -> None:
    run(world, tmp_path / "again", models=("first", "second"), recognizer=str(world / "recognizer"))
    assert content(tmp_path / "again") == content(done)


def test_a_stopped_run_is_finished_to_the_same_bytes(world: Path, first_alone: Path, first_copy: Path) -> None:
    made = first_copy / "predictions/first"
    for path in (*(first_copy / name for name in NOT_WRITTEN_YET), made / "s001.png", made / "s006.png"):
        path.unlink()
    (made / "s006.png.partial").write_bytes(b"half")
    run(world, first_copy)
    assert content(first_copy) == content(first_alone)


def test_predictions_that_exist_are_not_made_again(world: Path, first_copy: Path) -> None:
    (first_copy / "manifest.json").unlink()
    before = (first_copy / "predictions/first/s000.png").stat().st_mtime_ns
    run(world, first_copy)
    assert (first_copy / "predictions/first/s000.png").stat().st_mtime_ns == before


def test_what_is_missing_is_noted_and_the_rest_still_comes(world: Path, first_alone: Path) -> None:
    report = run(world, first_alone)
    names = {score.name for score in report.rows[0].scores}
    assert {"motion alignment", "discrimination", "SSIM", "PSNR", "background PSNR"} <= names
    assert not {"FID", "LPIPS", "Acc top-1"} & names
    assert sum("--recognizer" in note for note in report.notes) == 1
    for kind in ("inception", "clip", "dinov2", "lpips"):
        assert sum(f"--features {kind}=" in note for note in report.notes) == 1


def test_scores_of_every_edit_are_in_a_table(world: Path, done: Path) -> None:
    table = pq.read_table(done / "scores.parquet").to_pandas()
    assert len(table) == 4 * 8
    assert list(table.columns[:4]) == ["key", "row", "Acc top-1", "motion alignment"]
    assert set(table["Acc top-1 text"]) <= set(MOVES)
    assert table[table.row == "copy of the input"].discrimination.isna().all()
    report = json.loads((done / "report.json").read_text())
    for row in report["rows"]:
        values = {score["name"]: score["value"] for score in row["scores"]}
        assert table[table.row == row["name"]]["motion alignment"].mean() == pytest.approx(
            values["motion alignment"], abs=1e-9
        )
    assert "scores.parquet" in json.loads((done / "manifest.json").read_text())["files"]


def test_a_limit_scores_so_many_samples(world: Path, tmp_path: Path) -> None:
    report = run(world, tmp_path / "out", limit=3)
    assert len(report.samples) == 3
    assert len(list((tmp_path / "out/predictions/first").iterdir())) == 3


def test_another_model_does_not_fit_into_the_same_folder(world: Path, first_alone: Path) -> None:
    with pytest.raises(StorageError, match="other inputs"):
        run(world, first_alone, models=("second",))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"split": "nowhere"}, ShardError, "no split 'nowhere'"),
        ({"models": ("shards",)}, ModelError, "no diffusers pipeline"),
        ({"models": ("first", "first")}, ScoreError, "given twice"),
        ({"recognizer": "first"}, ModelError, "not a recognizer"),
        ({"features": {"inception": "small.yaml"}}, ScoreError, "not a TorchScript file"),
        ({"features": {"inception": "absent.pt"}}, StorageError, "absent.pt is not there"),
        ({"features": {"vgg": "small.yaml"}}, ScoreError, "no metric takes such weights"),
        ({"features": {"clip": "recognizer"}}, ScoreError, "it is a timesformer"),
    ],
)
def test_bad_input_is_named(
    world: Path, tmp_path: Path, options: dict[str, object], error: type[Exception], words: str
) -> None:
    if "recognizer" in options:
        options = {"recognizer": str(world / str(options["recognizer"]))}
    if isinstance(options.get("features"), dict):
        options = {"features": {kind: str(world / path) for kind, path in options["features"].items()}}  # type: ignore[attr-defined]
    with pytest.raises(error, match=words):
        run(world, tmp_path / "out", limit=1, **options)  # type: ignore[arg-type]


def test_a_device_that_is_not_there_is_named(world: Path, tmp_path: Path) -> None:
    recipe = load(world / "small.yaml")
    assert isinstance(recipe, Recipe)
    assert isinstance(recipe.eval, EvalConfig)
    with pytest.raises(ScoreError, match="--device nonsense"):
        evaluate(
            recipe, models=[], shards=str(world / "shards"), split=SPLIT, out=str(tmp_path), device="nonsense"
        )


def folder_of_copies(world: Path, folder: Path, *, side: int = 64) -> Path:
    """The inputs of all 8 samples as another tool's edits."""
    source = Folder(world / "shards")
    for entry in load_entries(source, SPLIT):
        picture = examples.load_pair(Example(source, entry.key, entry), side)[0]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{entry.key}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def test_a_folder_of_predictions_is_scored_as_a_model_is(world: Path, tmp_path: Path) -> None:
    folder = folder_of_copies(world, tmp_path / "theirs")
    (folder / "other.png").write_bytes(b"of no sample")
    report = run(world, tmp_path / "out", models=(), predictions={"theirs": str(folder)})
    assert [row.name for row in report.rows] == ["theirs", "copy of the input", "the real last frame"]
    assert report.rows[0].scores == report.rows[1].scores  # for these are copies
    assert any(
        "theirs: a folder of predictions (1 file of no sample left aside: other.png)" in n for n in report.notes
    )


def test_every_fault_of_a_folder_is_named_and_counted(world: Path, tmp_path: Path) -> None:
    folder = folder_of_copies(world, tmp_path / "theirs")
    (folder / "s000.png").unlink()
    (folder / "s001.png").write_bytes(b"no picture")
    (folder / "s002.png").write_bytes(b"")
    cv2.imwrite(str(folder / "s003.png"), np.zeros((64, 65, 3), np.uint8))
    (folder / "s004.jpg").write_bytes((folder / "s004.png").read_bytes())
    with pytest.raises(ScoreError) as caught:
        run(world, tmp_path / "out", models=(), predictions={"theirs": str(folder)})
    for words in (
        "1 missing (s000)",
        "1 given twice (s004)",
        "2 corrupt (s001.png, s002.png)",
        "1 of another aspect (s003.png)",
        "of 8 samples",
    ):
        assert words in str(caught.value)


def test_a_folder_with_gaps_is_scored_only_when_allowed_and_every_row_says_of_how_many(
    world: Path, tmp_path: Path
) -> None:
    folder = folder_of_copies(world, tmp_path / "theirs")
    (folder / "s000.png").unlink()
    with pytest.raises(ScoreError, match=r"1 missing \(s000\).*--allow-missing"):
        run(world, tmp_path / "out", models=(), predictions={"theirs": str(folder)})
    report = run(world, tmp_path / "out", models=(), predictions={"theirs": str(folder)}, allow_missing=True)
    theirs, copy, _ = report.rows
    assert [len(row.edits) for row in report.rows] == [7, 8, 8]
    of_copy = {edit.key: edit for edit in copy.edits}
    assert list(theirs.edits) == [of_copy[edit.key] for edit in theirs.edits]
    assert all(score.count <= 7 for score in theirs.scores)
    assert all(difference.value == 0 for difference in report.differences)
    assert any("1 of 8 samples have no picture" in note for note in report.notes)
    for name in ("index.html", "report.md", "report.tex"):
        assert "theirs (7 of 8 samples)" in (tmp_path / "out" / name).read_text()


def test_a_folder_without_any_picture_is_refused_whatever_is_allowed(world: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    with pytest.raises(ScoreError, match="8 missing"):
        run(
            world,
            tmp_path / "out",
            models=(),
            predictions={"theirs": str(tmp_path / "theirs")},
            allow_missing=True,
        )


def test_predictions_that_changed_are_not_taken_for_the_old_ones(world: Path, tmp_path: Path) -> None:
    folder = folder_of_copies(world, tmp_path / "theirs")
    run(world, tmp_path / "out", models=(), predictions={"theirs": str(folder)})
    cv2.imwrite(str(folder / "s000.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(StorageError, match="other inputs"):
        run(world, tmp_path / "out", models=(), predictions={"theirs": str(folder)})


def test_two_rows_of_one_name_are_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="another row has this name"):
        run(world, tmp_path / "out", predictions={"first": str(folder_of_copies(world, tmp_path / "theirs"))})


def test_every_model_is_compared_with_every_other_and_with_the_copy(world: Path, done: Path) -> None:
    report = run(world, done, models=("first", "second"), recognizer=str(world / "recognizer"))
    names = [row.name for row in report.rows]
    pairs = dict.fromkeys((item.row, item.other) for item in report.differences)
    assert list(pairs) == [(names[0], names[1]), (names[0], names[2]), (names[1], names[2])]


KILLED = """
import sys
from actionpairs.stages.eval import evaluate
recipe, model, shards, split, out = sys.argv[1:]
evaluate(recipe, models=[model], shards=shards, split=split, out=out, device="cpu")
"""


@pytest.mark.slow
def test_a_killed_run_is_finished_to_the_same_bytes(world: Path, tmp_path: Path) -> None:
    arguments = [world / "small.yaml", world / "first", world / "shards", SPLIT, tmp_path / "killed"]
    process = subprocess.Popen([sys.executable, "-c", KILLED, *map(str, arguments)])
    while process.poll() is None and not list((tmp_path / "killed").rglob("*.png")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed/manifest.json").exists()
    run(world, tmp_path / "killed")
    run(world, tmp_path / "whole")
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_finished_report_takes_in_a_rater_page_and_its_answers(world: Path, first_copy: Path) -> None:
    before = run(world, first_copy)
    run(world, first_copy, rater_page=True)
    report_id = human_eval.report_id(before)
    answer = {
        "item": human_eval.item_id(report_id, "s000", "first"),
        "action": True,
        "environment": True,
        "objects": False,
    }
    answers = first_copy.parent / "ann.json"
    answers.write_text(json.dumps({"report": report_id, "rater": "Ann", "answers": [answer]}))
    rated = run(world, first_copy, answers=[str(answers)])
    assert [rating.value for rating in rated.human_ratings] == [100, 100, 0]
    assert "What 1 rater says of the action is too little" in rated.first_to_read
    assert replace(rated, human_ratings=(), raters=0, first_to_read=before.first_to_read) == before
    assert "Human evaluation: 1 rater" in (first_copy / "report.md").read_text()
    files = manifest.load(Folder(first_copy), stage="eval").files
    assert all(FileDigest.of((first_copy / name).read_bytes()) == digest for name, digest in files.items())
    assert "rater_page.html" in files
    assert run(world, first_copy) == rated


def test_every_report_satisfies_the_schema(done: Path) -> None:
    schema = json.loads(resources.files("actionpairs.report").joinpath("report.schema.json").read_text())
    jsonschema.validate(json.loads((done / "report.json").read_text()), schema)


def test_a_finished_report_whose_json_is_gone_says_what_to_do(world: Path, first_copy: Path) -> None:
    (first_copy / "report.json").unlink()
    with pytest.raises(ScoreError, match=r"Remove its manifest.json and run again"):
        run(world, first_copy)


def test_several_processes_are_refused(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ScoreError, match="one process, and 2 were started"):
        run(world, tmp_path / "out")
