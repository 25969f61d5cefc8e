"""Training runs of the tiny editing families, and what happens to them in other processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest
import torch
import yaml
from diffusers import DiffusionPipeline
from PIL import Image
from transformers.utils import is_torchvision_available

from actionpairs.configs import SplitConfig
from actionpairs.editors import families, lora
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError
from actionpairs.records import Sample, Segment
from actionpairs.stages.train import TrainSummary, train
from actionpairs.training import curves
from actionpairs.training import train as loop
from tests.editors import tiny_pipelines, tiny_tokenizers
from tests.training import squares

HEIGHT, WIDTH = 64, 96  # of edits
TEXT = "move the red square left"
STEPS = 3
RUN = {
    "task": "editor",
    "steps": STEPS,
    "batch_size": 2,
    "learning_rate": 1e-3,
    "warmup_steps": 0,
    "resolution": 64,
    "conditioning_dropout": 0.0,
    "ema_decay": 0.9,
    "checkpoint_every": 1,
    "sample_count": 1,
    "sample_steps": 1,
}
LORA = {"rank": 2, "alpha": 4.0}


def editor_of(family: str) -> Editor:
    """The tiny editor of a family; the test is skipped where actionpairs does not know the family yet."""
    pipeline = tiny_pipelines.build(family)
    try:
        return families.family_of(type(pipeline).__name__, family)(pipeline)
    except ModelError as error:
        pytest.skip(str(error))


def picture(seed: int = 0, *, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A picture of noise: H W 3, uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write_shards(path: Path) -> None:
    """A finished shards folder of six wide pairs of three actions; one pair is its test split."""
    splits = SplitConfig(train="WIDE-train", tests={"WIDEtest1": 1})
    squares.write_samples(path, [_sample(number, splits) for number in range(6)], splits, name="WIDE")


def _sample(number: int, splits: SplitConfig) -> Sample:
    way = ("left", "right", "far away")[number % 3]
    segment = Segment(
        id=f"wide-{number}",
        video="wide.mp4",
        start_seconds=number,
        stop_seconds=number + 1,
        instruction=f"move the red square {way}",
        verb=f"move {way}",
        noun="red square",
        action=f"move {way}",
        group="one",
    )
    split = splits.train if number else next(iter(splits.tests))
    column = 20 + (-14, 14, 4)[number % 3]
    made = squares.sample(segment, split, _jpeg(20, number), _jpeg(column, number), side=32)
    return replace(made, metadata=replace(made.metadata, width=48))


def _jpeg(column: int, row: int) -> bytes:
    pixels = np.full((32, 48, 3), 200, np.uint8)
    pixels[4 + row : 12 + row, column : column + 8] = squares.COLORS["red"]
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


@contextmanager
def quick() -> Iterator[None]:
    """One thread, empty pictures of curves, and families that open where torchvision is missing."""
    threads, genuine = torch.get_num_threads(), DiffusionPipeline.from_pretrained

    def opened(source: str | Path, **options: Any) -> DiffusionPipeline:
        parts = {} if is_torchvision_available() else tiny_tokenizers._replaced_parts(Path(source))
        return genuine(source, **{**parts, **options})

    torch.set_num_threads(1)
    with (
        patch.object(curves, "plot", lambda rows, names: b""),
        patch.object(DiffusionPipeline, "from_pretrained", opened),
    ):
        yield
    torch.set_num_threads(threads)


def train_family(base: Path, shards: Path, out: Path, **changes: Any) -> TrainSummary:
    """Train a saved pipeline. changes: of the recipe; `stop_after` as `train` has it."""
    stop_after = changes.pop("stop_after", None)
    recipe = out.with_suffix(".yaml")
    recipe.write_text(yaml.safe_dump({"train": RUN | {"model": {"source": str(base)}} | changes}))
    return train(recipe, shards=[str(shards)], out=str(out), device="cpu", stop_after=stop_after)


def train_until_killed(base: Path, shards: Path, out: Path) -> None:
    """Train as above. SIGKILL ends this process after the second step, which has no checkpoint yet."""
    genuine = loop.train_step

    def deadly(task: Any, state: Any, config: Any, step: int) -> dict[str, float]:
        metrics = genuine(task, state, config, step)
        if step == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return metrics

    with quick(), patch.object(loop, "train_step", deadly):
        train_family(base, shards, out)


def edit_opened(folder: Path, family: str, out: Path) -> None:
    """Open a folder as diffusers' users do, edit with it, and write the edit as .npy."""
    torch.set_num_threads(1)
    plain = family not in tiny_pipelines.NEEDS_TORCHVISION or is_torchvision_available()
    pipeline = DiffusionPipeline.from_pretrained(folder) if plain else tiny_tokenizers.open_folder(folder)
    pipeline.set_progress_bar_config(disable=True)
    np.save(out, edit(pipeline, family))


def edit(pipeline: DiffusionPipeline, family: str) -> np.ndarray:
    """An edit of a fixed picture by the family's own pipeline, before rounding."""
    pixels = Image.fromarray(picture())
    return tiny_pipelines.edit_floats(pipeline, family, pixels, TEXT, seed=1, height=HEIGHT, width=WIDTH)


def load_adapters(pipeline: DiffusionPipeline, folder: Path, editor: Editor) -> None:
    """Open saved adapters as diffusers' users do. Some pipelines cannot; their denoiser can."""
    if hasattr(pipeline, "load_lora_weights"):
        pipeline.load_lora_weights(folder)
    else:
        getattr(pipeline, editor.traits.denoiser).load_lora_adapter(folder, weight_name=lora.FILE, prefix=None)


def unload_adapters(pipeline: DiffusionPipeline, editor: Editor) -> None:
    """The pipeline without its adapters."""
    if hasattr(pipeline, "unload_lora_weights"):
        pipeline.unload_lora_weights()
    else:
        getattr(pipeline, editor.traits.denoiser).unload_lora()


def in_fresh_process(work: Callable[..., None], *arguments: Any) -> int | None:
    """Call a function of this module in a process of its own. Returns its exit code.

    The processes start from a server that has imported torch once and computed nothing.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "tests.editors.tiny_families"])
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode
