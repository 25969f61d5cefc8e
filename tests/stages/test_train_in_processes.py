"""train: killed runs and runs of two processes end with the weights of one that was not stopped."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from actionpairs import manifest
from actionpairs.storage import Folder
from actionpairs.training import metric_log
from tests.stages.training_runs import EDITOR, UNET, assert_only_attn2_is_frozen, edit, recipe, run
from tests.training.squares import SIDE, write_squares

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


def start(path: Path, shards: Path, out: Path) -> BaseProcess:
    """Start a run in a new process. torch is imported once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["actionpairs.stages.train"])
    process = context.Process(target=run, args=(path, shards, out))
    process.start()
    return process


def kill_at(row: int, process: BaseProcess, table: Path) -> None:
    """Kill a run when losses.csv has so many rows."""
    while not table.exists() or len(table.read_text().splitlines()) <= row:
        assert process.is_alive(), "the run ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    process.join()


@pytest.mark.timeout(900)
def test_killed_at_20_steps_it_ends_with_the_same_weights(squares: Path, tmp_path: Path) -> None:
    """SIGKILL at random, between two checkpoints or while one is written."""
    path = recipe(tmp_path, EDITOR, steps=70, checkpoint_every=3, sample_every=35)
    run(path, squares, tmp_path / "whole")
    out = tmp_path / "killed"
    for row in sorted(random.Random(4).sample(range(1, 68), 20)):
        kill_at(row, start(path, squares, out), out / "losses.csv")
        assert not (out / manifest.MANIFEST_FILE).exists()
    last = start(path, squares, out)
    last.join()
    assert last.exitcode == 0
    for name in (UNET, "README.md", "curves.png", "samples/step-000070.png"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def run_in_two_processes(recipe_path: Path, shards: Path, out: Path, stop_after: int | None = None) -> None:
    """Train in two processes that communicate over gloo."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command = ["-m", "tests.stages.one_of_several", str(recipe_path), str(shards), str(out)]
    command += [] if stop_after is None else [str(stop_after)]
    on_cpu = {"ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment = os.environ | on_cpu | {"OMP_NUM_THREADS": "1", "MASTER_PORT": "0"}
    root = Path(__file__).parents[2]
    process = subprocess.run([*torchrun, *command], env=environment, cwd=root, timeout=200, stderr=subprocess.PIPE)
    if process.returncode:
        raise ChildProcessError(process.stderr.decode())


@pytest.mark.parametrize("fsdp", [False, True], ids=["ddp", "fsdp"])
@pytest.mark.parametrize(
    ("changes", "close"),
    [
        ({}, 1e-5),
        ({"accumulation": 2, "action": {"form": "hinge", "margin": 0}}, 1e-5),
        ({"precision": "bf16"}, 5e-3),
    ],
    ids=["plain", "hinge", "bf16"],
)
def test_two_processes_learn_what_one_does(
    squares: Path, tmp_path: Path, fsdp: bool, changes: dict[str, object], close: float
) -> None:
    """They also draw samples and write checkpoints (diffusers #2966: the script crashes there).

    Under a hinge without a margin, one process may need a backward pass of the negatives and the other not.
    """
    run(recipe(tmp_path, EDITOR, **changes), squares, tmp_path / "one")
    run_in_two_processes(recipe(tmp_path, EDITOR, fsdp=fsdp, **changes), squares, tmp_path / "two")
    one, two = (metric_log.load_rows(tmp_path / name / "losses.csv") for name in ("one", "two"))
    for first, second in zip(one, two, strict=True):
        for name in ("loss", "static", "action", "regularization"):
            assert first[name] == pytest.approx(second[name], rel=close, abs=close)
    assert manifest.load(Folder(tmp_path / "two"), stage="train").counts["steps"] == 6
    assert_only_attn2_is_frozen(tmp_path / "two")
    assert edit(tmp_path / "two").size == (SIDE, SIDE)


@pytest.mark.parametrize("fsdp", [False, True], ids=["ddp", "fsdp"])
def test_two_processes_resume_exactly(squares: Path, tmp_path: Path, fsdp: bool) -> None:
    path = recipe(tmp_path, EDITOR, fsdp=fsdp)
    run_in_two_processes(path, squares, tmp_path / "whole")
    run_in_two_processes(path, squares, tmp_path / "parts", stop_after=3)
    checkpoints = sorted((tmp_path / "parts/checkpoints").iterdir())
    assert [folder.name for folder in checkpoints] == ["step-000002", "step-000003"]
    for folder in checkpoints:
        assert {"random_states_0.pkl", "random_states_1.pkl"} <= {path.name for path in folder.iterdir()}
    for file in checkpoints[1].rglob("*.*"):
        os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(ChildProcessError, match="step-000003: this checkpoint cannot be read"):
        run_in_two_processes(path, squares, tmp_path / "parts")
    shutil.rmtree(checkpoints[1])
    run_in_two_processes(path, squares, tmp_path / "parts")
    assert (tmp_path / "parts" / UNET).read_bytes() == (tmp_path / "whole" / UNET).read_bytes()
