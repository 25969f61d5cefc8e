"""train --tracker: which trackers are told, by which process, and that nothing is loaded before one is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actionpairs import manifest
from actionpairs.cli import main
from actionpairs.errors import MissingExtraError
from actionpairs.stages import train as stage
from actionpairs.stages.dry_run import plan_training
from actionpairs.storage import Folder
from actionpairs.training import dry_run, trackers
from tests.stages.training_runs import EDITOR, RECOGNIZER, recipe
from tests.training.conftest import without_curves as without_curves
from tests.training.squares import write_squares
from tests.training.tracked_runs import wandb_rows

DIAGNOSTICS = {"discrimination_pairs": 4}


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


def events(out: Path) -> EventAccumulator:
    return EventAccumulator(str(out / "tensorboard")).Reload()


@pytest.mark.usefixtures("without_curves")
def test_an_editors_run_shows_its_grids_points_and_final_numbers(squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, EDITOR, diagnostics=DIAGNOSTICS)
    for stop_after in (3, None):
        summary = stage.train(
            path, shards=[str(squares)], out=str(tmp_path / "model"), device="cpu", stop_after=stop_after
        )
    read = events(tmp_path / "model")
    assert [event.step for event in read.Scalars("loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in read.Images("samples")] == [3, 6]
    assert [event.step for event in read.Scalars("discrimination of fixed pairs (all)")] == [3, 6]
    assert read.Scalars("final/static")[0].value == pytest.approx(summary.losses["static"], rel=1e-5)
    files = manifest.load(Folder(tmp_path / "model"), stage="train").files
    assert not any(name.startswith(trackers.FOLDERS) for name in files)


def test_none_writes_the_tables_alone(squares: Path, tmp_path: Path) -> None:
    path, out = recipe(tmp_path, RECOGNIZER), tmp_path / "model"
    stage.train(path, shards=[str(squares)], out=str(out), device="cpu", tracker=["none"])
    assert (out / "losses.csv").exists()
    assert (out / "curves.png").exists()
    assert not (out / "tensorboard").exists()


def test_a_missing_tracker_is_said_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    monkeypatch.setattr(stage, "load", lambda *_, **__: pytest.fail("read"))
    for command in (stage.train, plan_training):
        options = {"out": str(tmp_path / "out")} if command is stage.train else {}
        with pytest.raises(MissingExtraError, match="--tracker wandb"):
            command("demo", shards=["nowhere"], tracker=["wandb"], **options)


def test_the_dry_run_names_the_trackers(squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, EDITOR)
    plan = plan_training(path, shards=[str(squares)], tracker=["tensorboard", "trackio"])
    text = dry_run.describe(plan)
    assert "trackers\n" in text
    assert "tensorboard: OUT/tensorboard\n" in text
    assert plan.flat()["trackers"] == ["tensorboard: OUT/tensorboard", *trackers.describe(["trackio"])]
    assert "  none\n" in dry_run.describe(plan_training(path, shards=[str(squares)], tracker=["none"]))


def test_a_name_that_is_no_tracker_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["train", "demo", "--shards", "x", "--out", "y", "--tracker", "comet"])
    assert result.exit_code == 2
    assert "'wandb'" in result.output


@pytest.mark.slow
def test_of_two_processes_one_logs(squares: Path, tmp_path: Path) -> None:
    """accelerate #644, timm #1309: as many W&B runs as there are GPUs."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "actionpairs"]
    command = [
        "train",
        str(recipe(tmp_path, RECOGNIZER)),
        "--shards",
        str(squares),
        "--out",
        str(tmp_path / "model"),
    ]
    names = ["--device", "cpu", "--tracker", "tensorboard", "--tracker", "wandb"]
    on_cpu = {"ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "MASTER_PORT": "0"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")} | on_cpu
    process = subprocess.run(
        [*torchrun, *command, *names],
        env=environment | {"WANDB_MODE": "offline"},
        cwd=Path(__file__).parents[2],
        timeout=300,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert len(list((tmp_path / "model/wandb").glob("offline-run-*"))) == 1
    assert [row["_step"] for row in wandb_rows(tmp_path / "model") if "loss" in row] == [1, 2, 3, 4]
    read = events(tmp_path / "model")
    assert [event.step for event in read.Scalars("loss")] == [1, 2, 3, 4]
    assert {"final/top_1", "final/top_5", "final/loss"} <= set(read.Tags()["scalars"])
    assert len(list((tmp_path / "model/tensorboard").iterdir())) == 1
