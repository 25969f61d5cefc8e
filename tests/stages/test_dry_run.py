"""`train --dry-run` against what runs of the same recipes write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file

from actionpairs.cli import main
from actionpairs.errors import ActionpairsError, TrainingError
from actionpairs.stages.dry_run import plan_training
from actionpairs.training import dry_run
from tests.editors import tiny_pipelines
from tests.stages.training_runs import EDITOR, RECOGNIZER, recipe, run
from tests.training.conftest import editor_folder as editor_folder
from tests.training.conftest import pairs as pairs
from tests.training.conftest import squares as squares
from tests.training.conftest import without_curves as without_curves
from tests.training.squares import SIDE


def size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def numbers(path: Path) -> int:
    """The bytes of all tensors of a safetensors file."""
    return sum(tensor.nbytes for tensor in load_file(path).values())


def assert_matches(plan: Mapping[str, Any], out: Path, *, step: int) -> None:
    """The work folders of a run that has stopped at a step are as large as planned."""
    assert size((out / "cache").glob("latents-*.npy")) == plan["disk_latents"]
    assert size((out / "cache").glob("texts-*/*")) == plan["disk_texts"]
    checkpoint = out / f"checkpoints/step-{step:06d}"
    weights = sum(map(numbers, checkpoint.glob("*.safetensors")))
    states = torch.load(checkpoint / "optimizer.bin", weights_only=True)["state"].values()
    moments = sum(state[name].nbytes for state in states for name in ("exp_avg", "exp_avg_sq"))
    assert weights + moments == plan["disk_checkpoint_estimated"]
    assert moments == plan["bytes_moments"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_curves")
def test_a_run_from_nothing_writes_what_was_planned(squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, EDITOR, flip=0.5)
    plan = plan_training(path, shards=[str(squares)], device="cpu").flat()
    run(path, squares, tmp_path / "model", stop_after=2)
    assert_matches(plan, tmp_path / "model", step=2)
    summary = run(path, squares, tmp_path / "model")
    weights = list((tmp_path / "model").glob("*/*.safetensors"))
    assert sum(map(numbers, weights)) == pytest.approx(plan["disk_output_estimated"], abs=256)
    unet = load_file(tmp_path / "model/unet/diffusion_pytorch_model.safetensors")
    assert sum(each.numel() for each in unet.values()) == plan["parameters"]
    trained = sum(each.numel() for name, each in unet.items() if "attn2" not in name)
    assert trained == plan["trained_parameters"]
    assert plan["steps"] == summary.steps
    assert plan["pairs"] == summary.counts["pairs"] == 20
    assert (plan["steps_per_epoch"], plan["epochs"], plan["rows"]) == (5, 6 * 4 / 20, 8)
    assert plan["buckets"] == {f"{SIDE}×{SIDE}": 20}


@pytest.mark.slow
@pytest.mark.usefixtures("without_curves")
def test_a_run_with_adapters_writes_what_was_planned(
    editor_folder: Path,
    squares: Path,
    tmp_path: Path,
) -> None:
    lora = {"rank": 2, "alpha": 4, "merge": False}
    path = recipe(
        tmp_path, EDITOR, model={"source": str(editor_folder)}, lora=lora, steps=2, flip=0, accumulation=2
    )
    plan = plan_training(path, shards=[str(squares)], device="cpu").flat()
    run(path, squares, tmp_path / "model", stop_after=1)
    assert_matches(plan, tmp_path / "model", step=1)
    run(path, squares, tmp_path / "model")
    adapters = tmp_path / "model/lora/pytorch_lora_weights.safetensors"
    with safe_open(adapters, "pt") as file:
        trained = sum(file.get_tensor(name).numel() for name in file.keys())  # noqa: SIM118 (no mapping)
    assert trained == plan["trained_parameters"]
    assert numbers(adapters) == plan["disk_output_estimated"] == plan["bytes_trained_weights"]
    assert plan["rows"] == 4
    again = recipe(tmp_path, EDITOR, model={"source": str(tmp_path / "model")}, lora=lora)  # adapters alone
    assert plan_training(again, shards=[str(squares)], device="cpu").memory.parameters == plan["parameters"]


def test_of_a_model_on_the_hub_only_configs_are_fetched(
    squares: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny_pipelines.build("kontext").save_pretrained(tmp_path / "hub")
    fetched: list[str] = []

    def download(repository: str, name: str, **options: Any) -> str:
        assert repository == "someone/kontext"
        fetched.append(name)
        return str(tmp_path / "hub" / name)

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("no other download")

    listed = [str(file.relative_to(tmp_path / "hub")) for file in (tmp_path / "hub").rglob("*") if file.is_file()]
    monkeypatch.setattr(huggingface_hub, "list_repo_files", lambda *_, **__: listed)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    path = recipe(tmp_path, EDITOR, model={"source": "someone/kontext"}, lora={"rank": 2}, resolution=64)
    plan = plan_training(path, shards=[str(squares)])
    assert set(fetched) == {
        "model_index.json",
        "scheduler/scheduler_config.json",
        *(f"{part}/config.json" for part in ("transformer", "vae", "text_encoder", "text_encoder_2")),
    }
    assert plan.work.weights == "bfloat16"


@pytest.mark.usefixtures("without_curves")
def test_the_command_needs_no_out_and_says_all_in_one_flat_object(
    editor_folder: Path,
    squares: Path,
    tmp_path: Path,
) -> None:
    path = recipe(tmp_path, EDITOR, model={"source": str(editor_folder)})
    command = ["train", str(path), "--shards", str(squares), "--device", "cpu"]
    planned = CliRunner().invoke(main, [*command, "--dry-run", "--json"], catch_exceptions=False)
    values = json.loads(planned.stdout)
    assert [name for name, value in values.items() if isinstance(value, dict)] == ["buckets"]
    assert values["bytes_peak_estimated"] == max(
        value for name, value in values.items() if name.endswith("_phase_estimated")
    )
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 2
    assert "--out is needed" in refused.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.yaml"]


def test_the_table_names_every_estimate(editor_folder: Path, squares: Path, tmp_path: Path) -> None:
    path = recipe(tmp_path, EDITOR, model={"source": str(editor_folder)})
    lines = dry_run.describe(plan_training(path, shards=[str(squares)])).splitlines()
    for word in ("activations", "peak", "main memory while", "checkpoint", "in the end"):
        assert all("(estimate)" in line for line in lines if word in line and "GiB" in line)
    assert any(line.endswith("AdamW's moments") for line in lines)


def test_a_recognizers_recipe_is_refused(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="recognizer"):
        plan_training(recipe(tmp_path, RECOGNIZER), shards=[str(squares)])


def test_squares_that_the_family_does_not_have_are_refused(squares: Path, tmp_path: Path) -> None:
    tiny_pipelines.build("kontext").save_pretrained(tmp_path / "kontext")
    path = recipe(tmp_path, EDITOR, model={"source": str(tmp_path / "kontext")}, resolution=72, square=True)
    with pytest.raises(ActionpairsError, match="16"):
        plan_training(path, shards=[str(squares)])
