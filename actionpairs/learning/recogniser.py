"""A TimeSformer that names the action between two pictures (arXiv 2102.05095, divided space-time attention).

A saved recogniser is a plain transformers folder whose id2label are the actions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import TimesformerConfig, TimesformerForVideoClassification

from actionpairs.errors import ModelError
from actionpairs.learning import draws
from actionpairs.learning.examples import fit

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a recogniser is that starts from nothing, and what the second half of a clip shows it."""

    resolution: int
    frames: int
    patch_size: int
    width: int
    layers: int
    heads: int
    second_half: str = "edited"


@dataclass(frozen=True, slots=True)
class Recogniser:
    """A TimeSformer and the actions that it tells apart, in the order of its answers."""

    model: TimesformerForVideoClassification
    actions: tuple[str, ...]

    def clips(self, originals: Tensor, edits: Tensor) -> Tensor:
        """Write pairs as clips, half of the frames each: twice B H W 3 uint8 in, B F 3 H W out.

        The first half is the original in [-1, 1]; the second is the edited picture, or, where the model's
        config says so, its difference from the original, in [-2, 2].
        """
        first, second = (pictures.movedim(-1, -3).float() / 127.5 - 1 for pictures in (originals, edits))
        if getattr(self.model.config, "second_half", "edited") == "difference":
            second = second - first
        half = self.model.config.num_frames // 2
        return torch.stack([first, second], 1).repeat_interleave(half, dim=1)

    def predict(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """How much each action looks like what happened: twice N H W 3 uint8 in, logits N A float32 out."""
        return self._asked(originals, edits, self._logits)

    def features(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """What the recogniser makes of each pair, its class token: N D, float32."""
        return self._asked(originals, edits, self._class_token)

    def save(self, path: Path) -> None:
        """Write config.json and model.safetensors."""
        self.model.save_pretrained(path, safe_serialization=True)

    def _logits(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.model(clips).logits
        return logits

    def _class_token(self, clips: Tensor) -> Tensor:
        states: Tensor = self.model.timesformer(clips).last_hidden_state  # B (1 + patches) D
        return states[:, 0]

    @torch.no_grad()
    def _asked(self, originals: np.ndarray, edits: np.ndarray, question: Callable[[Tensor], Tensor]) -> np.ndarray:
        """Ask in small batches, with pictures of any size fitted to the model's."""
        device, size = self.model.device, self.model.config.image_size
        answers = []
        for start in range(0, len(originals), _AT_ONCE):
            both = (
                torch.from_numpy(np.stack([fit(picture, size) for picture in pictures[start : start + _AT_ONCE]]))
                for pictures in (originals, edits)
            )
            clips = self.clips(*(pictures.to(device) for pictures in both))
            answers.append(question(clips).float().cpu().numpy())
        return np.concatenate(answers)


def build(actions: Sequence[str], sizes: Sizes, *, seed: int) -> Recogniser:
    """A recogniser with random weights."""
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
        second_half=sizes.second_half,
        **_labels(actions),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draws.torch_seed(seed, "recogniser"))
        return Recogniser(TimesformerForVideoClassification(config), tuple(actions))


def begin(source: str, actions: Sequence[str], *, resolution: int, frames: int, seed: int) -> Recogniser:
    """A recogniser that starts from published weights, with a new last layer for these actions.

    Raises ModelError where there are none, or they want other clips than the recipe's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draws.torch_seed(seed, "recogniser"))
        model = _loaded(source, ignore_mismatched_sizes=True, **_labels(actions))
    found = model.config.image_size, model.config.num_frames
    if found != (resolution, frames):
        raise ModelError(
            f"{source}: takes {found[1]} frames of {found[0]}; the recipe says {frames} of {resolution}.",
            cure="Set `frames` and `resolution` to the model's.",
        )
    return Recogniser(model, tuple(actions))


def load(path: str, *, device: torch.device | str = "cpu") -> Recogniser:
    """Load a saved recogniser; raises ModelError where the folder holds none."""
    model = _loaded(path).to(device).eval()
    names = model.config.id2label
    return Recogniser(model, tuple(names[number] for number in range(len(names))))


def _loaded(source: str, **options: object) -> TimesformerForVideoClassification:
    try:
        return TimesformerForVideoClassification.from_pretrained(source, use_safetensors=True, **options)
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{source}: not a TimeSformer that can be loaded: {reason}.",
            cure="Check the folder's path or the hub id, and the network; weights must be safetensors.",
        ) from error


def _labels(actions: Sequence[str]) -> dict[str, dict[int, str] | dict[str, int]]:
    return {
        "id2label": dict(enumerate(actions)),
        "label2id": {action: number for number, action in enumerate(actions)},
    }
