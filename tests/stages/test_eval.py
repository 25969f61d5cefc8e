"""eval edits, scores and reports; the same call goes on where it stopped, and what is missing is said."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from importlib import resources
from pathlib import Path

import cv2
import jsonschema
import numpy as np
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
from actionpairs.shards import entries
from actionpairs.stages.eval import evaluate
from actionpairs.storage import Folder
from tests.evaluation.conftest import SPLIT, make_editor, make_recognizer, make_shards

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


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_model_stands_beside_the_copy_and_the_truth(world: Path, done: Path) -> None:
    found = run(world, done, models=("first", "second"), recognizer=str(world / "recognizer"))
    assert {row.name for row in found.rows[:2]} == {"first", "second"}
    assert [row.kind for row in found.rows] == ["model", "model", "copy", "truth"]
    assert all(len(row.edits) == 8 for row in found.rows)
    assert [sample.key for sample in found.samples] == [f"s{number:03d}" for number in range(8)]


def test_the_copy_does_not_move_and_the_truth_does(world: Path, done: Path) -> None:
    found = run(world, done, models=("first", "second"), recognizer=str(world / "recognizer"))
    motion = {row.kind: next(s.value for s in row.scores if s.name == "motion alignment") for row in found.rows}
    assert motion["copy"] == 0
    assert motion["truth"] == pytest.approx(100)


def test_a_second_run_gives_the_same_bytes(world: Path, done: Path, tmp_path: Path) -> None:
    run(world, tmp_path / "again", models=("first", "second"), recognizer=str(world / "recognizer"))
    assert content(tmp_path / "again") == content(done)


def test_what_a_stopped_run_left_is_finished_to_the_same_bytes(world: Path, tmp_path: Path) -> None:
    run(world, tmp_path / "whole")
    run(world, tmp_path / "cut")
    for name in ("manifest.json", "report.json", "index.html", "edits/first/s001.png", "edits/first/s006.png"):
        (tmp_path / "cut" / name).unlink()
    (tmp_path / "cut/edits/first/s006.png.partial").write_bytes(b"half")
    run(world, tmp_path / "cut")
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_edits_that_are_there_are_not_made_again(world: Path, tmp_path: Path) -> None:
    run(world, tmp_path / "out")
    (tmp_path / "out/manifest.json").unlink()
    before = (tmp_path / "out/edits/first/s000.png").stat().st_mtime_ns
    run(world, tmp_path / "out")
    assert (tmp_path / "out/edits/first/s000.png").stat().st_mtime_ns == before


def test_what_is_missing_is_said_and_the_rest_still_comes(world: Path, tmp_path: Path) -> None:
    found = run(world, tmp_path / "out")
    assert [score.name for score in found.rows[0].scores] == [
        "motion alignment",
        "discrimination",
        "SSIM",
        "PSNR",
        "background PSNR",
    ]
    assert sum("--recognizer" in note for note in found.notes) == 1
    for kind in ("inception", "clip", "dinov2"):
        assert sum(f"--features {kind}=" in note for note in found.notes) == 1


def test_a_limit_scores_so_many_samples(world: Path, tmp_path: Path) -> None:
    found = run(world, tmp_path / "out", limit=3)
    assert len(found.samples) == 3
    assert len(list((tmp_path / "out/edits/first").iterdir())) == 3


def test_another_model_does_not_fit_into_the_same_folder(world: Path, tmp_path: Path) -> None:
    run(world, tmp_path / "out", limit=1)
    with pytest.raises(StorageError, match="other inputs"):
        run(world, tmp_path / "out", models=("second",), limit=1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"split": "nowhere"}, ShardError, "no split 'nowhere'"),
        ({"models": ("shards",)}, ModelError, "no diffusers pipeline"),
        ({"models": ("first", "first")}, ScoreError, "given twice"),
        ({"recognizer": "first"}, ModelError, "not a TimeSformer"),
        ({"features": {"inception": "small.yaml"}}, ScoreError, "not a TorchScript file"),
        ({"features": {"inception": "absent.pt"}}, StorageError, "absent.pt is not there"),
        ({"features": {"vgg": "small.yaml"}}, ScoreError, "no such feature network"),
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


def given(world: Path, folder: Path, *, side: int = 64) -> Path:
    """The inputs of all 8 samples as another tool's edits."""
    source = Folder(world / "shards")
    for entry in entries(source, SPLIT):
        picture = examples.read(Example(source, entry.key, entry), side)[0]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{entry.key}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def test_a_folder_of_edits_is_scored_as_a_model_is(world: Path, tmp_path: Path) -> None:
    folder = given(world, tmp_path / "given")
    (folder / "other.png").write_bytes(b"of no sample")
    found = run(world, tmp_path / "out", models=(), edits={"theirs": str(folder)})
    assert [row.name for row in found.rows] == ["theirs", "copy of the input", "the real last frame"]
    assert found.rows[0].scores == found.rows[1].scores  # for these edits are copies
    assert any("theirs: a folder of edits (1 file of no sample left aside: other.png)" in n for n in found.notes)


def test_every_fault_of_a_folder_of_edits_is_named_and_counted(world: Path, tmp_path: Path) -> None:
    folder = given(world, tmp_path / "given")
    (folder / "s000.png").unlink()
    (folder / "s001.png").write_bytes(b"no picture")
    (folder / "s002.png").write_bytes(b"")
    cv2.imwrite(str(folder / "s003.png"), np.zeros((64, 65, 3), np.uint8))
    (folder / "s004.jpg").write_bytes((folder / "s004.png").read_bytes())
    with pytest.raises(ScoreError) as caught:
        run(world, tmp_path / "out", models=(), edits={"theirs": str(folder)})
    for words in (
        "1 missing (s000)",
        "1 given twice (s004)",
        "2 corrupt (s001.png, s002.png)",
        "1 of another size (s003.png)",
        "of 8 samples",
    ):
        assert words in str(caught.value)


def test_edits_that_changed_are_not_taken_for_the_old_ones(world: Path, tmp_path: Path) -> None:
    folder = given(world, tmp_path / "given")
    run(world, tmp_path / "out", models=(), edits={"theirs": str(folder)})
    cv2.imwrite(str(folder / "s000.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(StorageError, match="other inputs"):
        run(world, tmp_path / "out", models=(), edits={"theirs": str(folder)})


def test_two_rows_of_one_name_are_refused(world: Path, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="another row has this name"):
        run(world, tmp_path / "out", edits={"first": str(given(world, tmp_path / "given"))})


def test_every_model_is_compared_with_every_other_and_with_the_copy(world: Path, done: Path) -> None:
    found = run(world, done, models=("first", "second"), recognizer=str(world / "recognizer"))
    names = [row.name for row in found.rows]
    pairs = dict.fromkeys((item.row, item.other) for item in found.differences)
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


def test_a_finished_report_takes_in_a_study_and_its_answers(world: Path, tmp_path: Path) -> None:
    before = run(world, tmp_path / "out")
    run(world, tmp_path / "out", study=True)
    study = human_eval.study_of(before)
    answer = {
        "item": human_eval.item_of(study, "s000", "first"),
        "action": True,
        "environment": True,
        "objects": False,
    }
    (tmp_path / "ann.json").write_text(json.dumps({"study": study, "rater": "Ann", "answers": [answer]}))
    found = run(world, tmp_path / "out", answers=[str(tmp_path / "ann.json")])
    assert [opinion.value for opinion in found.opinions] == [100, 100, 0]
    assert replace(found, opinions=(), raters=0) == before
    assert "What people say: 1 rater" in (tmp_path / "out/report.md").read_text()
    files = manifest.read(Folder(tmp_path / "out"), stage="eval").files
    assert all(FileDigest.of((tmp_path / "out" / name).read_bytes()) == digest for name, digest in files.items())
    assert "study.html" in files
    assert run(world, tmp_path / "out") == found


def test_every_report_satisfies_the_schema(done: Path) -> None:
    schema = json.loads(resources.files("actionpairs.report").joinpath("report.schema.json").read_text())
    jsonschema.validate(json.loads((done / "report.json").read_text()), schema)


def test_a_finished_report_whose_json_is_gone_says_what_to_do(world: Path, tmp_path: Path) -> None:
    run(world, tmp_path / "out", limit=1)
    (tmp_path / "out/report.json").unlink()
    with pytest.raises(ScoreError, match=r"Remove its manifest.json and run again"):
        run(world, tmp_path / "out", limit=1)


def test_several_processes_are_refused(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ScoreError, match="one process, and 2 were started"):
        run(world, tmp_path / "out")
