"""Training on a GPU. Skipped without one, unless ACTIONPAIRS_NEEDS_CUDA=1."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from actionpairs.stages.train import train
from actionpairs.training import metric_log
from tests.stages.training_runs import EDITOR, UNET, recipe
from tests.training.squares import write_squares

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() and os.environ.get("ACTIONPAIRS_NEEDS_CUDA") != "1", reason="no GPU"
)
TERMS = ("loss", "static", "action", "regularization", "discrimination")
WIDER = {**EDITOR["model"], "unet_channels": [64, 128], "unet_layers": 2, "text_width": 64}  # type: ignore[dict-item]
COMPILED = {"compile": True, "channels_last": True}
LONGER = {**EDITOR, "model": WIDER, "steps": 60, "batch_size": 8, "checkpoint_every": 20, "sample_every": 60}


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "SQ"
    write_squares(path)
    return path


def terms(out: Path) -> list[dict[str, float]]:
    """The losses of every step, without the speeds."""
    return [{name: row[name] for name in TERMS} for row in metric_log.load_rows(out / "losses.csv")]


@pytest.mark.parametrize(
    "fast", [{}, COMPILED, {**COMPILED, "cuda_graphs": True}], ids=["eager", "compiled", "graphs"]
)
def test_a_resumed_run_is_exactly_an_uninterrupted_one(
    squares: Path, tmp_path: Path, fast: dict[str, bool]
) -> None:
    path = recipe(tmp_path, LONGER, precision="bf16", deterministic=True, **fast)

    def run(name: str, stop_after: int | None = None) -> None:
        train(path, shards=[str(squares)], out=str(tmp_path / name), device="cuda", stop_after=stop_after)

    run("whole")
    run("parts", stop_after=23)
    run("parts")
    assert terms(tmp_path / "parts") == terms(tmp_path / "whole")
    assert (tmp_path / "parts" / UNET).read_bytes() == (tmp_path / "whole" / UNET).read_bytes()


def test_in_bf16_regularization_begins_at_exactly_zero(squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, LONGER, precision="bf16", steps=2)
    train(path, shards=[str(squares)], out=str(tmp_path / "model"), device="cuda")
    first, second = metric_log.load_rows(tmp_path / "model/losses.csv")
    assert first["regularization"] == 0
    assert second["regularization"] > 0


def test_a_gpu_has_the_losses_of_a_cpu(squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, LONGER, steps=5)
    for device in ("cpu", "cuda"):
        train(path, shards=[str(squares)], out=str(tmp_path / device), device=device)
    for one, other in zip(terms(tmp_path / "cpu"), terms(tmp_path / "cuda"), strict=True):
        assert other["static"] == pytest.approx(one["static"], rel=5e-3)
