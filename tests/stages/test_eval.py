"""eval edits, scores and reports; the same call goes on where it stopped, and what is missing is said."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from actionpairs.configs import EvalConfig
from actionpairs.errors import ModelError, ScoreError, ShardError, StorageError
from actionpairs.recipe import Recipe, load
from actionpairs.records import Report
from actionpairs.stages.eval import evaluate
from tests.scoring.conftest import SPLIT, make_editor, make_recogniser, make_shards

SMALL = "eval: {resolution: 64, steps: 2, batch_size: 3, gallery: 4}\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of 8 samples, two models, a recogniser and a recipe."""
    root = tmp_path_factory.mktemp("world")
    make_shards(root / "shards")
    for seed, name in enumerate(("first", "second")):
        make_editor(seed=seed).save(root / name)
    make_recogniser().save(root / "recogniser")
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
    """A finished report of both models with the recogniser."""
    out = tmp_path_factory.mktemp("done") / "report"
    run(world, out, models=("first", "second"), recogniser=str(world / "recogniser"))
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_model_stands_beside_the_copy_and_the_truth(world: Path, done: Path) -> None:
    found = run(world, done, models=("first", "second"), recogniser=str(world / "recogniser"))
    assert {row.name for row in found.rows[:2]} == {"first", "second"}
    assert [row.kind for row in found.rows] == ["model", "model", "copy", "truth"]
    assert all(len(row.edits) == 8 for row in found.rows)
    assert [sample.key for sample in found.samples] == [f"s{number:03d}" for number in range(8)]


def test_the_copy_does_not_move_and_the_truth_does(world: Path, done: Path) -> None:
    found = run(world, done, models=("first", "second"), recogniser=str(world / "recogniser"))
    motion = {row.kind: next(s.value for s in row.scores if s.name == "motion alignment") for row in found.rows}
    assert motion["copy"] == 0
    assert motion["truth"] == pytest.approx(100)


def test_a_second_run_gives_the_same_bytes(world: Path, done: Path, tmp_path: Path) -> None:
    run(world, tmp_path / "again", models=("first", "second"), recogniser=str(world / "recogniser"))
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
    assert [score.name for score in found.rows[0].scores] == ["motion alignment", "SSIM", "PSNR"]
    assert sum("--recogniser" in note for note in found.notes) == 1
    assert sum("--features" in note for note in found.notes) == 1


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
        ({"recogniser": "first"}, ModelError, "not a TimeSformer"),
        ({"features": "small.yaml"}, ScoreError, "not a TorchScript file"),
        ({"features": "absent.pt"}, StorageError, "absent.pt is not there"),
    ],
)
def test_bad_input_is_named(
    world: Path, tmp_path: Path, options: dict[str, object], error: type[Exception], words: str
) -> None:
    for name in {"recogniser", "features"} & set(options):
        options = {**options, name: str(world / str(options[name]))}
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
