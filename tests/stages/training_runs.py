"""Small training runs: their recipes, and what the tests do with the models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image
from safetensors.torch import load_file

from actionpairs.stages.train import TrainSummary, train
from tests.training.squares import SIDE, SIZES

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
STATIC_WEIGHED = {  # by time and place L_static alone, as up to version 0.2
    "time_weights": "min_snr",
    "min_snr_gamma": 5,
    "change_weight": 10,
    "accumulation": 2,
    "action": {"time_weights": "none", "change_weight": 0},
    "regularization": {"time_weights": "none", "change_weight": 0},
}
UNET = "unet/diffusion_pytorch_model.safetensors"


def recipe(folder: Path, section: dict[str, object], **changes: object) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({"train": section | changes}))
    return path


def run(recipe_path: Path, shards: Path, out: Path, stop_after: int | None = None) -> TrainSummary:
    return train(recipe_path, shards=[str(shards)], out=str(out), device="cpu", stop_after=stop_after)


def edit(folder: Path) -> Image.Image:
    """An edit of a gray picture, by diffusers with the model in a folder."""
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    picture = Image.fromarray(np.full((SIDE, SIDE, 3), 128, np.uint8))
    return pipeline("move the red square left", image=picture, num_inference_steps=2).images[0]


def assert_only_attn2_is_frozen(out: Path) -> None:
    before, after = load_file(out / "base" / UNET), load_file(out / UNET)
    same = {name for name in after if torch.equal(before[name], after[name])}
    assert {name for name in after if "attn2" in name} == same
