"""Tiny weights of every kind, and a small split on which every metric has a clear answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, Dinov2Config, Dinov2Model

from actionpairs.data.examples import Example
from actionpairs.editors.editor import Editor
from actionpairs.evaluation import samples
from actionpairs.metrics import lpips
from actionpairs.metrics.metric import EditBatch
from actionpairs.recognition.recognizer import Recognizer
from actionpairs.storage import Folder
from tests.evaluation.conftest import MOVES, SPLIT, make_editor, make_recognizer, make_shards

SIDE = 64
ACTIONS = (*MOVES, "open door", "close door")
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}


class LikeInception(nn.Module):
    """The parts of NVlabs' file that count: `layers` works on (x − 128)/128."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers((images.float() - 128) / 128)


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, ...]:
    """Eight samples of a square that moves."""
    return samples.select(Folder(make_shards(tmp_path_factory.mktemp("split") / "shards")), SPLIT)


@pytest.fixture(scope="session")
def small_editor() -> Editor:
    return make_editor()


EditOf = Callable[[Example, np.ndarray], np.ndarray]


def truth(_: Example, pair: np.ndarray) -> np.ndarray:
    return pair[1]


def copy(_: Example, pair: np.ndarray) -> np.ndarray:
    return pair[0]


def noise(example: Example, pair: np.ndarray) -> np.ndarray:
    return np.random.default_rng(list(example.name.encode())).integers(0, 256, pair[0].shape, np.uint8)


@pytest.fixture(scope="session")
def batches(split: tuple[Example, ...], small_editor: Editor) -> Callable[..., list[EditBatch]]:
    """The split with some edits, in batches of a size."""

    def make(edit_of: EditOf, size: int = 8) -> list[EditBatch]:
        shape_of = {sample.name: (SIDE, SIDE) for sample in split}
        return list(
            samples.iter_batches("x", split, edit_of, shape_of=shape_of, batch_size=size, editor=small_editor)
        )

    return make


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, batches: Callable[..., list[EditBatch]]) -> dict[str, str]:
    """Kind → tiny weights of it. A new kind of weights needs a line here."""
    root = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    CLIPVisionModelWithProjection(
        CLIPVisionConfig(**SIZES, intermediate_size=32, projection_dim=8)
    ).save_pretrained(root / "clip")
    Dinov2Model(Dinov2Config(**SIZES)).save_pretrained(root / "dinov2")
    torch.jit.script(LikeInception()).save(str(root / "inception"))
    alexnet = lpips._alexnet().state_dict()
    torch.save({f"features.{name}": values for name, values in alexnet.items()}, root / "lpips")
    _train(make_recognizer(actions=ACTIONS), batches(truth)[0]).save(root / "recognizer")
    return {kind: str(root / kind) for kind in ("recognizer", "inception", "lpips", "clip", "dinov2")}


def _train(recognizer: Recognizer, batch: EditBatch) -> Recognizer:
    """Let it learn the actions of one batch by heart."""
    clips = recognizer.to_clips(torch.from_numpy(np.stack([batch.originals, batch.truths], axis=1)))
    targets = torch.tensor([recognizer.actions.index(action) for action in batch.actions])
    optimizer = torch.optim.Adam(recognizer.model.parameters(), lr=0.01)
    for _ in range(100):
        loss = F.cross_entropy(recognizer.model(clips).logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.05:
            break
    return recognizer
