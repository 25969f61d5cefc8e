"""A small world to score: shards of a square that moves, a tiny editor and a tiny recognizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from actionpairs import columns, manifest, shards
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.data.examples import Shape
from actionpairs.editors import tiny
from actionpairs.editors.editor import Editor
from actionpairs.manifest import StageSpec
from actionpairs.recognition import families as recognizers
from actionpairs.recognition.recognizer import Recognizer, Sizes
from actionpairs.records import Sample, SampleMetadata, Segment
from actionpairs.storage import Folder
from tests.measures.measured import measured
from tests.training.squares import SIZES

MOVES = {"move left": (-1, 0), "move right": (1, 0), "move away": (0, -1), "move near": (0, 1)}
SPLIT = "squares-test"
NASTY = 'move <script>alert("x")</script> & "left"'


def square(x: int, y: int, *, shape: Shape = (64, 64), seed: int = 0) -> np.ndarray:
    """A speckled square at x, y (its middle) on a speckled ground: H W 3 uint8."""
    draw = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(draw.integers(60, 150, (*shape, 3), np.uint8), (5, 5), 0)
    half = min(shape) // 8
    patch = cv2.GaussianBlur(draw.integers(120, 255, (2 * half, 2 * half, 3), np.uint8), (3, 3), 0)
    picture[y - half : y + half, x - half : x + half] = patch
    return picture


def moved(
    action: str, *, side: int = 64, shape: Shape | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The picture before and after an action: twice H W 3 uint8, square where no shape is named."""
    shape = shape or (side, side)
    step, (dx, dy) = min(shape) // 6, MOVES[action]
    x, y = shape[1] // 2, shape[0] // 2
    return square(x, y, shape=shape, seed=seed), square(x + dx * step, y + dy * step, shape=shape, seed=seed)


def _jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def make_shards(path: Path, *, count: int = 8, side: int = 64, shapes: Sequence[Shape] = ()) -> Path:
    """A finished shards folder with one test split; the first sample's instruction looks like HTML.

    shapes: of the pictures of the samples, in turn; squares where there are none.
    """
    folder, samples = Folder(path), []
    for number in range(count):
        action = list(MOVES)[number % len(MOVES)]
        text = NASTY if number == 0 else action
        segment = Segment(f"s{number:03d}", "v.mp4", 1.0, 2.0, text, *action.split(), action, "P01")
        tall, wide = shapes[number % len(shapes)] if shapes else (side, side)
        metadata = SampleMetadata(
            segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", wide, tall, measured(), SPLIT, "abc"
        )
        before, after = moved(action, shape=(tall, wide), seed=number)
        samples.append(Sample(segment.id, _jpeg(before), _jpeg(after), text, metadata))
    config = ShardConfig(dataset="squares", splits=SplitConfig(train="squares-train"))
    spec = StageSpec("shard", "squares", config, {"pairs": "0"})
    with manifest.working(folder, spec):
        facts = columns.table(sample.metadata for sample in samples)
        plan = shards.ShardPlan.of_shards([(SPLIT, 0)] * count)
        info = shards.DatasetInfo("squares", "abc", train_split="squares-train")
        _, files = shards.write_shards(folder, samples, facts, plan, info)
        manifest.finish(folder, spec, counts={"samples": count}, files=files)
    return path


def make_editor(*, seed: int = 0) -> Editor:
    """An editor of random weights that takes 64-pixel pictures."""
    sizes = SIZES.model_copy(update={"autoencoder_steps": 1, "autoencoder_batch_size": 2})
    pictures = np.stack([moved(action)[0] for action in MOVES])
    vae = tiny.make_autoencoder(sizes, pictures, seed=seed, device=torch.device("cpu"))
    return tiny.build(sizes, vae, list(MOVES), resolution=pictures.shape[1], seed=seed)


def make_recognizer(*, actions: tuple[str, ...] = tuple(MOVES)) -> Recognizer:
    """A recognizer of random weights."""
    sizes = Sizes(resolution=32, frames=4, patch_size=16, width=16, layers=1, heads=2)
    made = recognizers.build(actions, sizes, seed=0)
    made.model.eval()
    return made


@pytest.fixture(scope="session")
def editor() -> Editor:
    return make_editor()
