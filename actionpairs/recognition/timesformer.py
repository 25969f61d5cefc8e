"""A TimeSformer that recognizes the action between two pictures (arXiv 2102.05095, divided space-time attention).

A saved recognizer is a plain transformers folder. The labels in its config.json are the actions.
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

_BATCH_SIZE = 16
_CLEAR_CHANGE = 0.2  # in [-1, 1]: a tenth of the range
_EMBEDDING_STD = 0.5


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of a recognizer that is built from nothing.

    input: "pictures", or "changes", which grays out both pictures where they are the same.
    """

    resolution: int
    frames: int
    patch_size: int
    width: int
    layers: int
    heads: int
    input: str = "pictures"


@dataclass(frozen=True, slots=True)
class Recognizer:
    """A TimeSformer and the names of its classes, in the order of its logits."""

    model: TimesformerForVideoClassification
    actions: tuple[str, ...]

    def to_clips(self, pictures: Tensor) -> Tensor:
        """Clips as the model takes them: B P H W 3 uint8 in, B F 3 H W in [-1, 1] out; each picture is repeated.

        With the input "changes", all pictures are gray where the first and the last are the same.
        """
        signed = _to_signed(pictures)
        if _input(self.model.config) == "changes":
            signed = signed * _change_mask(signed)
        return self._repeat(signed)

    def predict(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """The logits of the action between two pictures: N H W 3 uint8 each in, N A float32 out."""
        return self._run(originals, edits, lambda pairs: self.model(self.to_clips(pairs)).logits)

    def features(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """The class token of the whole pictures, whatever the model's input: N D, float32."""

        def class_token(pairs: Tensor) -> Tensor:
            clips = self._repeat(_to_signed(pairs))
            states: Tensor = self.model.timesformer(clips).last_hidden_state  # B (1 + patches) D
            return states[:, 0]

        return self._run(originals, edits, class_token)

    def save(self, path: Path) -> None:
        """Write config.json and model.safetensors."""
        self.model.save_pretrained(path, safe_serialization=True)

    def _repeat(self, signed: Tensor) -> Tensor:
        return signed.repeat_interleave(self.model.config.num_frames // signed.shape[1], dim=1)

    @torch.no_grad()
    def _run(self, originals: np.ndarray, edits: np.ndarray, forward: Callable[..., Tensor]) -> np.ndarray:
        """Call `forward` on small batches of pairs, B 2 S S 3, resized and cropped to the model's size."""
        device, size = self.model.device, self.model.config.image_size
        outputs = []
        for start in range(0, len(originals), _BATCH_SIZE):
            both = (pictures[start : start + _BATCH_SIZE] for pictures in (originals, edits))
            pairs = np.stack([[fit(picture, size) for picture in pair] for pair in zip(*both, strict=True)])
            outputs.append(forward(torch.from_numpy(pairs).to(device)).float().cpu().numpy())
        return np.concatenate(outputs)


def _input(config: TimesformerConfig) -> str:
    """The model's input; published models have none, and version 0.1 wrote it as `shown`."""
    return str(getattr(config, "input", None) or getattr(config, "shown", "pictures"))


def _to_signed(pictures: Tensor) -> Tensor:
    """Pictures as networks take them: … H W 3 uint8 in, … 3 H W in [-1, 1] out."""
    return pictures.movedim(-1, -3).float() / 127.5 - 1


def _change_mask(signed: Tensor) -> Tensor:
    """Where the first and the last picture differ by more than noise: B P 3 H W in, B 1 1 H W in [0, 1] out."""
    change = (signed[:, -1] - signed[:, 0]).abs().amax(1, keepdim=True)
    return (F.avg_pool2d(change, 3, stride=1, padding=1) / _CLEAR_CHANGE).clamp(max=1).unsqueeze(1)


def build(actions: Sequence[str], sizes: Sizes, *, seed: int) -> Recognizer:
    """A recognizer with random weights."""
    if sizes.resolution % sizes.patch_size or sizes.width % sizes.heads:
        raise ModelError(
            f"A picture of {sizes.resolution} pixels cannot be divided into patches of {sizes.patch_size}, "
            f"or a width of {sizes.width} among {sizes.heads} heads.",
            cure="Choose a resolution that is a multiple of patch_size, and a width that is a multiple of heads.",
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
        input=sizes.input,
        **_labels(actions),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "recogniser"))
        model = TimesformerForVideoClassification(config)
        # transformers initializes them at or near zero. It then takes thousands of steps until the model tells the
        # first frame from the last, and left from right.
        embeddings = model.timesformer.embeddings
        for embedding in (embeddings.time_embeddings, embeddings.position_embeddings):
            nn.init.normal_(embedding, std=_EMBEDDING_STD)
        return Recognizer(model, tuple(actions))


def from_pretrained(source: str, actions: Sequence[str], *, resolution: int, frames: int, seed: int) -> Recognizer:
    """A recognizer with published weights and a new last layer for these actions, ready for fine-tuning.

    Raises ModelError if there are no such weights, or they are for clips of another size.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "recogniser"))
        model = _load_model(source, ignore_mismatched_sizes=True, **_labels(actions))
    size = model.config.image_size, model.config.num_frames
    if size != (resolution, frames):
        raise ModelError(
            f"{source}: takes {size[1]} frames of {size[0]}; the recipe says {frames} of {resolution}.",
            cure="Set `frames` and `resolution` to the model's.",
        )
    return Recognizer(model, tuple(actions))


def load(path: str, *, device: torch.device | str = "cpu") -> Recognizer:
    """Load a saved recognizer. Raises ModelError if the folder has none."""
    model = _load_model(path).to(device).eval()
    labels = model.config.id2label
    return Recognizer(model, tuple(labels[number] for number in range(len(labels))))


def _load_model(source: str, **options: object) -> TimesformerForVideoClassification:
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
