"""train: the same command goes on, ends with the same bytes, and what it leaves can be used."""

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

import numpy as np
import pytest
import torch
import yaml
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image
from safetensors.torch import load_file

from actionpairs import manifest
from actionpairs.errors import ModelError, StorageError, TrainingError
from actionpairs.recognition import timesformer
from actionpairs.stages.train import TrainSummary, train
from actionpairs.storage import Folder
from actionpairs.training import metric_log
from tests.training.squares import SIDE, SIZES, write_squares

EDITOR = {
    "task": "editor",
    "model": SIZES.model_dump(mode="json"),
    "steps": 6,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "warmup_steps": 2,
    "resolution": SIDE,
    "ema_decay": 0.9,
    "checkpoint_every": 2,
    "sample_every": 3,
    "sample_count": 2,
    "sample_steps": 2,
}
RECOGNIZER = {
    "task": "recognizer",
    "steps": 4,
    "batch_size": 8,
    "learning_rate": 2e-3,
    "resolution": SIDE,
    "frames": 2,
    "patch_size": 8,
    "width": 32,
    "layers": 2,
    "heads": 2,
}
UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


def recipe(folder: Path, section: dict[str, object], **changes: object) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({"train": section | changes}))
    return path


def run(recipe_path: Path, shards: Path, out: Path, stop_after: int | None = None) -> TrainSummary:
    return train(recipe_path, shards=[str(shards)], out=str(out), device="cpu", stop_after=stop_after)


@pytest.fixture(scope="module")
def whole(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainSummary]:
    """An editor trained without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "model", run(recipe(folder, EDITOR), squares, folder / "model")


def test_a_finished_folder_holds_the_model_and_its_record(whole: tuple[Path, TrainSummary]) -> None:
    out, summary = whole
    assert (summary.finished, summary.step, summary.counts["pairs"]) == (True, 6, 20)
    assert {"loss", "static", "action", "regularization", "discrimination"} == set(summary.losses)
    assert len(metric_log.read(out / "losses.csv")) == 6
    assert {path.name for path in (out / "samples").iterdir()} == {"step-000003.png", "step-000006.png"}
    assert Image.open(out / "curves.png").width > 500
    card = (out / "README.md").read_text()
    assert "4 actions" in card
    assert "attn2" in card
    assert "running average (EMA)" in card
    digest = manifest.read(Folder(out), stage="train").inputs["shards 0"]
    assert f"- shards 0: `{digest}`" in card
    assert "steps: 6" in card
    for gone in ("cache", "checkpoints", ".model", ".base", ".lock"):
        assert not (out / gone).exists()


def test_the_manifest_names_every_published_file_and_no_log(whole: tuple[Path, TrainSummary]) -> None:
    files = manifest.read(Folder(whole[0]), stage="train").files
    assert {UNET, "model_index.json", "README.md", "curves.png", "recipe.json", f"base/{UNET}"} <= set(files)
    assert not any(name.startswith(("tensorboard", "losses")) for name in files)


def edit(folder: Path) -> Image.Image:
    """What diffusers makes of a gray picture with the model in a folder."""
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    picture = Image.fromarray(np.full((SIDE, SIDE, 3), 128, np.uint8))
    return pipeline("move the red square left", image=picture, num_inference_steps=2).images[0]


@pytest.mark.parametrize("folder", [".", "base"])
def test_the_folder_opens_in_diffusers_and_edits(whole: tuple[Path, TrainSummary], folder: str) -> None:
    assert edit(whole[0] / folder).size == (SIDE, SIDE)


def assert_only_attn2_is_frozen(out: Path) -> None:
    before, after = load_file(out / "base" / UNET), load_file(out / UNET)
    same = {name for name in after if torch.equal(before[name], after[name])}
    assert {name for name in after if "attn2" in name} == same


def test_frozen_tensors_keep_their_bits_and_the_others_do_not(whole: tuple[Path, TrainSummary]) -> None:
    assert_only_attn2_is_frozen(whole[0])
    for part in ("vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        assert (whole[0] / part).read_bytes() == (whole[0] / "base" / part).read_bytes()


def test_an_interrupted_run_ends_with_the_same_bytes(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    path = recipe(tmp_path, EDITOR)
    first = run(path, squares, tmp_path / "model", stop_after=3)
    assert (first.finished, first.step) == (False, 3)
    assert not (tmp_path / "model" / manifest.MANIFEST_FILE).exists()
    assert run(path, squares, tmp_path / "model").finished
    for name in (UNET, "README.md", "curves.png", "samples/step-000006.png"):
        assert (tmp_path / "model" / name).read_bytes() == (whole[0] / name).read_bytes()


def test_a_finished_run_is_not_done_again(whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path) -> None:
    written = (whole[0] / UNET).stat().st_mtime_ns
    again = run(recipe(tmp_path, EDITOR), squares, whole[0])
    assert again == whole[1]
    assert (whole[0] / UNET).stat().st_mtime_ns == written


def test_a_folder_of_another_recipe_is_refused(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="made by another recipe or from other inputs"):
        run(recipe(tmp_path, EDITOR, seed=1), squares, whole[0])


def test_an_editor_folder_is_what_another_run_can_start_from(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    """Without EMA, without frozen parts, without the extra terms: every ablation is one key."""
    path = recipe(
        tmp_path,
        EDITOR,
        model={"source": str(whole[0])},
        steps=2,
        freeze=[],
        action={"weight": 0},
        regularization={"weight": 0},
        ema_decay=0,
    )
    summary = run(path, squares, tmp_path / "model")
    assert set(summary.losses) == {"loss", "static"}
    before, after = load_file(whole[0] / UNET), load_file(tmp_path / "model" / UNET)
    assert not any(torch.equal(before[name], after[name]) for name in after if "attn2" in name)
    assert not (tmp_path / "model/base").exists()
    assert edit(tmp_path / "model").size == (SIDE, SIDE)


def test_a_tiny_editor_takes_the_autoencoder_that_the_recipe_names(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    sizes = SIZES.model_dump(mode="json") | {"autoencoder": str(whole[0]), "unet_channels": [16, 16]}
    run(recipe(tmp_path, EDITOR, model=sizes, steps=1), squares, tmp_path / "model")
    vae = "vae/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "model" / vae).read_bytes() == (whole[0] / vae).read_bytes()


def test_adapters_train_alone_go_on_exactly_and_are_merged_into_the_folder(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    """The folder edits by itself; its base with the adapter's file loaded says the same."""
    lora = {"rank": 2, "alpha": 4, "targets": ["attn1.to_q", "attn1.to_out.0"]}
    path = recipe(tmp_path, EDITOR, model={"source": str(whole[0])}, lora=lora, gradient_checkpointing=True)
    summary = run(path, squares, tmp_path / "model")
    assert summary.losses["regularization"] > 0
    assert not run(path, squares, tmp_path / "parts", stop_after=3).finished
    assert run(path, squares, tmp_path / "parts").finished
    for name in (UNET, "lora/pytorch_lora_weights.safetensors", "README.md"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
    before, after = load_file(whole[0] / UNET), load_file(tmp_path / "model" / UNET)
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed == {name for name in after if any(f"{target}.weight" in name for target in lora["targets"])}
    base = StableDiffusionInstructPix2PixPipeline.from_pretrained(whole[0])
    base.load_lora_weights(tmp_path / "model/lora")
    base.fuse_lora()
    base.unload_lora_weights()
    assert all(torch.allclose(value, after[name], atol=1e-6) for name, value in base.unet.state_dict().items())
    assert edit(tmp_path / "model").size == (SIDE, SIDE)


def test_in_bf16_regularization_begins_at_exactly_nothing(
    whole: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    """The frozen model is rounded once, and the trained one in every step: to the same numbers."""
    path = recipe(
        tmp_path, EDITOR, model={"source": str(whole[0])}, steps=2, precision="bf16", action={"weight": 0}
    )
    run(path, squares, tmp_path / "model")
    first, second = metric_log.read(tmp_path / "model/losses.csv")
    assert first["regularization"] == 0
    assert second["regularization"] > 0


@pytest.mark.slow
def test_a_compiled_network_in_channels_last_learns_the_same(squares: Path, tmp_path: Path) -> None:
    run(recipe(tmp_path, EDITOR, steps=3), squares, tmp_path / "plain")
    run(
        recipe(tmp_path, EDITOR, steps=3, compile=True, cuda_graphs=True, channels_last=True),
        squares,
        tmp_path / "fast",
    )
    plain, fast = (metric_log.read(tmp_path / name / "losses.csv") for name in ("plain", "fast"))
    for one, other in zip(plain, fast, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-3)
    assert edit(tmp_path / "fast").size == (SIDE, SIDE)


def test_a_model_that_is_not_there_is_named(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no/such/model"):
        run(recipe(tmp_path, EDITOR, model={"source": "no/such/model"}), squares, tmp_path / "model")


def test_shards_that_are_not_finished_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="`shard` has not finished here"):
        run(recipe(tmp_path, EDITOR), tmp_path / "none", tmp_path / "model")


def test_a_recognizer_is_trained_scored_and_saved(squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, RECOGNIZER)
    assert not run(path, squares, tmp_path / "model", stop_after=1).finished
    summary = run(path, squares, tmp_path / "model")
    assert summary.counts["scored"] == 4
    assert summary.counts["top_5"] == 4
    trained = timesformer.load(str(tmp_path / "model"))
    assert trained.actions == ("move away", "move left", "move near", "move right")
    table = (tmp_path / "model/confusion.csv").read_text().splitlines()
    assert len(table) == 5
    assert "top-1" in (tmp_path / "model/README.md").read_text()
    assert {"config.json", "model.safetensors", "confusion.csv"} <= set(
        manifest.read(Folder(tmp_path / "model"), stage="train").files
    )


def test_a_recognizer_without_test_split_holds_pairs_out(tmp_path: Path) -> None:
    write_squares(tmp_path / "SQ", 24, tests=0)
    summary = run(recipe(tmp_path, RECOGNIZER, steps=1, held_out=0.4), tmp_path / "SQ", tmp_path / "model")
    assert summary.counts["scored"] + summary.counts["pairs"] == 24


def test_one_pair_alone_cannot_be_scored(tmp_path: Path) -> None:
    write_squares(tmp_path / "SQ", 1, tests=0)
    with pytest.raises(TrainingError, match="leave none of the same actions to score with"):
        run(recipe(tmp_path, RECOGNIZER), tmp_path / "SQ", tmp_path / "model")


@pytest.mark.slow
def test_a_recognizer_learns_actions_that_can_be_told_apart(tmp_path: Path) -> None:
    write_squares(tmp_path / "SQ", 240, tests=40)
    path = recipe(tmp_path, RECOGNIZER, steps=1200, batch_size=16, warmup_steps=50, schedule="cosine")
    assert run(path, tmp_path / "SQ", tmp_path / "model").counts["top_1"] >= 36


def begin(path: Path, shards: Path, out: Path) -> BaseProcess:
    """Start the same training in a process of its own; torch is imported once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["actionpairs.stages.train"])
    process = context.Process(target=run, args=(path, shards, out))
    process.start()
    return process


def kill_at(row: int, process: BaseProcess, table: Path) -> None:
    """Kill a run when its table of losses has so many rows."""
    while not table.exists() or len(table.read_text().splitlines()) <= row:
        assert process.is_alive(), "the run ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    process.join()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_20_steps_it_ends_with_the_same_weights(squares: Path, tmp_path: Path) -> None:
    """SIGKILL at random, between two checkpoints or while one is written."""
    path = recipe(tmp_path, EDITOR, steps=70, checkpoint_every=3, sample_every=35)
    run(path, squares, tmp_path / "whole")
    out = tmp_path / "killed"
    for row in sorted(random.Random(4).sample(range(1, 68), 20)):
        kill_at(row, begin(path, squares, out), out / "losses.csv")
        assert not (out / manifest.MANIFEST_FILE).exists()
    last = begin(path, squares, out)
    last.join()
    assert last.exitcode == 0
    for name in (UNET, "README.md", "curves.png", "samples/step-000070.png"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def run_twofold(recipe_path: Path, shards: Path, out: Path, stop_after: int | None = None) -> None:
    """Train in two processes that meet over gloo."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command = ["-m", "tests.stages.one_of_several", str(recipe_path), str(shards), str(out)]
    command += [] if stop_after is None else [str(stop_after)]
    on_cpu = {"ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
    environment = os.environ | on_cpu | {"OMP_NUM_THREADS": "1", "MASTER_PORT": "0"}
    root = Path(__file__).parents[2]
    done = subprocess.run([*torchrun, *command], env=environment, cwd=root, timeout=200, stderr=subprocess.PIPE)
    if done.returncode:
        raise ChildProcessError(done.stderr.decode())


@pytest.mark.slow
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
    """They also draw samples and write checkpoints, where others crash (diffusers #2966).

    Under a hinge without a margin, one process may have to learn from wrong instructions and the other not.
    """
    run(recipe(tmp_path, EDITOR, **changes), squares, tmp_path / "one")
    run_twofold(recipe(tmp_path, EDITOR, fsdp=fsdp, **changes), squares, tmp_path / "two")
    one, two = (metric_log.read(tmp_path / name / "losses.csv") for name in ("one", "two"))
    for first, second in zip(one, two, strict=True):
        for name in ("loss", "static", "action", "regularization"):
            assert first[name] == pytest.approx(second[name], rel=close, abs=close)
    assert manifest.read(Folder(tmp_path / "two"), stage="train").counts["steps"] == 6
    assert_only_attn2_is_frozen(tmp_path / "two")
    assert edit(tmp_path / "two").size == (SIDE, SIDE)


@pytest.mark.slow
@pytest.mark.parametrize("fsdp", [False, True], ids=["ddp", "fsdp"])
def test_two_processes_resume_exactly(squares: Path, tmp_path: Path, fsdp: bool) -> None:
    path = recipe(tmp_path, EDITOR, fsdp=fsdp)
    run_twofold(path, squares, tmp_path / "whole")
    run_twofold(path, squares, tmp_path / "parts", stop_after=3)
    checkpoints = sorted((tmp_path / "parts/checkpoints").iterdir())
    assert [folder.name for folder in checkpoints] == ["step-000002", "step-000003"]
    for folder in checkpoints:
        assert {"random_states_0.pkl", "random_states_1.pkl"} <= {path.name for path in folder.iterdir()}
    for file in checkpoints[1].rglob("*.*"):
        os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(ChildProcessError, match="step-000003: this checkpoint cannot be read"):
        run_twofold(path, squares, tmp_path / "parts")
    shutil.rmtree(checkpoints[1])
    run_twofold(path, squares, tmp_path / "parts")
    assert (tmp_path / "parts" / UNET).read_bytes() == (tmp_path / "whole" / UNET).read_bytes()
