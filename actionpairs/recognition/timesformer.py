"""A TimeSformer that names the action between two pictures (arXiv 2102.05095, divided space-time attention).

A saved recognizer is a plain transformers folder whose id2label are the actions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import TimesformerConfig, TimesformerForVideoClassification

from actionpairs.data import rng
from actionpairs.data.examples import fit
from actionpairs.errors import ModelError, one_line

_AT_ONCE = 16
_CLEAR_CHANGE = 0.2  # in [-1, 1]: a tenth of the range
_PLACE_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a recognizer is that starts from nothing, and what it is shown: "pictures" or "changes"."""

    resolution: int
    frames: int
    patch_size: int
    width: int
    layers: int
    heads: int
    shown: str = "pictures"


@dataclass(frozen=True, slots=True)
class Recognizer:
    """A TimeSformer and the actions that it tells apart, in the order of its answers."""

    model: TimesformerForVideoClassification
    actions: tuple[str, ...]

    def clips(self, pictures: Tensor) -> Tensor:
        """Write pictures as clips, each as many times as fills the frames: B P H W 3 uint8 in, B F 3 H W out.

        Values are in [-1, 1]. Where the model's config says so, all are gray wherever first and last are the same.
        """
        shown = _signed(pictures)
        if getattr(self.model.config, "shown", "pictures") == "changes":
            shown = shown * _changed(shown)
        return self._repeated(shown)

    def predict(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """How much each action looks like what happened: twice N H W 3 uint8 in, logits N A float32 out."""
        return self._asked(originals, edits, lambda pairs: self.model(self.clips(pairs)).logits)

    def features(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """What the recognizer makes of the pictures as they are, its class token: N D, float32."""

        def class_token(pairs: Tensor) -> Tensor:
            clips = self._repeated(_signed(pairs))
            states: Tensor = self.model.timesformer(clips).last_hidden_state  # B (1 + patches) D
            return states[:, 0]

        return self._asked(originals, edits, class_token)

    def save(self, path: Path) -> None:
        """Write config.json and model.safetensors."""
        self.model.save_pretrained(path, safe_serialization=True)

    def _repeated(self, shown: Tensor) -> Tensor:
        return shown.repeat_interleave(self.model.config.num_frames // shown.shape[1], dim=1)

    @torch.no_grad()
    def _asked(self, originals: np.ndarray, edits: np.ndarray, question: Callable[..., Tensor]) -> np.ndarray:
        """Ask in small batches of pairs, B 2 H W 3, with pictures of any size fitted to the model's."""
        device, size = self.model.device, self.model.config.image_size
        answers = []
        for start in range(0, len(originals), _AT_ONCE):
            both = (pictures[start : start + _AT_ONCE] for pictures in (originals, edits))
            pairs = np.stack([[fit(picture, size) for picture in pair] for pair in zip(*both, strict=True)])
            answers.append(question(torch.from_numpy(pairs).to(device)).float().cpu().numpy())
        return np.concatenate(answers)


def _signed(pictures: Tensor) -> Tensor:
    """Pictures as a network takes them: … H W 3 uint8 in, … 3 H W in [-1, 1] out."""
    return pictures.movedim(-1, -3).float() / 127.5 - 1


def _changed(shown: Tensor) -> Tensor:
    """Where first and last picture differ, from 0 to 1, over the grain: B P 3 H W in, B 1 1 H W out."""
    change = (shown[:, -1] - shown[:, 0]).abs().amax(1, keepdim=True)
    return (F.avg_pool2d(change, 3, stride=1, padding=1) / _CLEAR_CHANGE).clamp(max=1).unsqueeze(1)


def build(actions: Sequence[str], sizes: Sizes, *, seed: int) -> Recognizer:
    """A recognizer with random weights."""
    if sizes.resolution % sizes.patch_size or sizes.width % sizes.heads:
        raise ModelError(
            f"A picture of {sizes.resolution} cannot be cut into patches of {sizes.patch_size}, "
            f"or a width of {sizes.width} be shared by {sizes.heads} heads.",
            cure="Choose a resolution that patch_size divides, and a width that heads divides.",
        )
    config = TimesformerConfig(
        image_size=sizes.resolution,
        patch_size=sizes.patch_size,
        num_frames=sizes.frames,
        hidden_size=sizes.width,
        intermediate_size=4 * sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        initializer_range=0.02 * math.sqrt(768 / sizes.width),  # 0.02 at the published width
        shown=sizes.shown,
        **_labels(actions),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "recogniser"))
        model = TimesformerForVideoClassification(config)
        # At zero or near it, where transformers begins, it takes thousands of steps until it shows which frame is
        # which, and what lies to the left of what.
        embeddings = model.timesformer.embeddings
        for places in (embeddings.time_embeddings, embeddings.position_embeddings):
            nn.init.normal_(places, std=_PLACE_SPREAD)
        return Recognizer(model, tuple(actions))


def begin(source: str, actions: Sequence[str], *, resolution: int, frames: int, seed: int) -> Recognizer:
    """A recognizer that starts from published weights, with a new last layer for these actions.

    Raises ModelError where there are none, or they want other clips than the recipe's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "recogniser"))
        model = _loaded(source, ignore_mismatched_sizes=True, **_labels(actions))
    found = model.config.image_size, model.config.num_frames
    if found != (resolution, frames):
        raise ModelError(
            f"{source}: takes {found[1]} frames of {found[0]}; the recipe says {frames} of {resolution}.",
            cure="Set `frames` and `resolution` to the model's.",
        )
    return Recognizer(model, tuple(actions))


def load(path: str, *, device: torch.device | str = "cpu") -> Recognizer:
    """Load a saved recognizer; raises ModelError where the folder holds none."""
    model = _loaded(path).to(device).eval()
    names = model.config.id2label
    return Recognizer(model, tuple(names[number] for number in range(len(names))))


def _loaded(source: str, **options: object) -> TimesformerForVideoClassification:
    try:
        return TimesformerForVideoClassification.from_pretrained(source, use_safetensors=True, **options)
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"{source}: not a TimeSformer that can be loaded: {one_line(error)}.",
            cure="Check the folder's path or the hub id, and the network; weights must be safetensors.",
        ) from error


def _labels(actions: Sequence[str]) -> dict[str, dict[int, str] | dict[str, int]]:
    return {
        "id2label": dict(enumerate(actions)),
        "label2id": {action: number for number, action in enumerate(actions)},
    }
