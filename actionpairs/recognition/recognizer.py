"""A recognizer: a video classifier of transformers that names the action between two pictures.

A saved recognizer is a plain transformers folder. The labels in its config.json are the actions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import softmax
from torch import Tensor, nn

from actionpairs.errors import ModelError
from actionpairs.recognition.calibration import Calibration
from actionpairs.recognition.preprocessing import Channels, Preprocessing

_BATCH_PIXELS = 16 * 8 * 224 * 224  # sixteen clips of a TimeSformer; larger clips come in smaller batches
_MOST_CLIPS = 16
_EMBEDDING_STD = 0.5
_CLEAR_CHANGE = 0.2  # in [-1, 1]: a tenth of the range

Model = Any  # one of transformers' classes for video classification


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

    def as_vit(self) -> dict[str, int | float]:
        """The keys of a config that names them as ViT does; the initializer is 0.02 at the published width."""
        return {
            "image_size": self.resolution,
            "patch_size": self.patch_size,
            "num_frames": self.frames,
            "hidden_size": self.width,
            "intermediate_size": 4 * self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "initializer_range": self.initializer_range,
        }

    @property
    def initializer_range(self) -> float:
        """The spread of random weights: 0.02 at a width of 768, as in transformers, and more in narrow layers."""
        return 0.02 * math.sqrt(768 / self.width)


@dataclass(frozen=True, slots=True)
class ClipShape:
    """The clips that a model takes: `frames` pictures of `side` × `side` pixels."""

    frames: int
    side: int


class RecognizerFamily(ABC):
    """One architecture of transformers: how its config names things, and where its features are.

    model_type: of config.json. normalization: transformers' own mean and deviation, where a folder has no file
    about it. new_parts: what a checkpoint that was not trained to classify lacks; a new head replaces it.
    other_parts: what a checkpoint has beside, for other tasks. unused: modules that have no part in the logits.
    embeddings: the learned ones of time and position. keeps_position: whether these fit one size of clip only.
    """

    model_type: ClassVar[str]
    name: ClassVar[str]
    citation: ClassVar[str]
    model_class: ClassVar[Any]
    processor: ClassVar[str]
    normalization: ClassVar[tuple[Channels, Channels]]
    new_parts: ClassVar[tuple[str, ...]] = ("classifier.",)
    other_parts: ClassVar[tuple[str, ...]] = ()
    unused: ClassVar[tuple[str, ...]] = ()
    embeddings: ClassVar[tuple[str, ...]] = ()
    keeps_position: ClassVar[bool] = True

    @abstractmethod
    def config(self, sizes: Sizes, **options: Any) -> Any:
        """The config of a model of these sizes. options: further keys, such as the labels."""

    @abstractmethod
    def clip(self, config: Any) -> ClipShape:
        """The clips that a model with this config takes."""

    @abstractmethod
    def pooled(self, model: Model, clips: Tensor) -> Tensor:
        """What the last layer gets: B F 3 H W in, B D out."""

    def check(self, sizes: Sizes) -> None:
        """Raise ModelError if a model cannot have these sizes."""
        if sizes.resolution % sizes.patch_size or sizes.width % sizes.heads:
            raise ModelError(
                f"A picture of {sizes.resolution} pixels cannot be divided into patches of {sizes.patch_size}, "
                f"or a width of {sizes.width} among {sizes.heads} heads.",
                cure="Choose a resolution that is a multiple of patch_size, and a width that is one of heads.",
            )

    def other_clip(self, clip: ClipShape) -> dict[str, int]:
        """The keys of the config that make a released model take other clips; only if it keeps no position."""
        raise NotImplementedError

    def prepare(self, model: Model, *, has_random_weights: bool) -> None:
        """Make a model ready for training.

        transformers initializes learned embeddings at or near zero. It then takes thousands of steps until the
        model tells the first frame from the last, and left from right; so random ones start larger.
        """
        for name in self.embeddings if has_random_weights else ():
            nn.init.normal_(model.get_parameter(name), std=_EMBEDDING_STD)
        for name in self.unused:
            model.get_submodule(name).requires_grad_(False)

    def resized(self, side: int) -> int | None:
        """To what its processor resizes the shorter side whatever its file says; None: as its file says."""
        return None


@dataclass(frozen=True, slots=True)
class Recognizer:
    """A video classifier and the names of its classes, in the order of its logits.

    is_ours: trained here, so that its classes are actions of shards. calibration: None if its confidence was never
    compared with how often it is right.
    """

    model: Model
    actions: tuple[str, ...]
    family: RecognizerFamily
    preprocessing: Preprocessing
    is_ours: bool
    calibration: Calibration | None = None

    @property
    def clip(self) -> ClipShape:
        """The clips that the model takes."""
        return self.family.clip(self.model.config)

    @property
    def repeats(self) -> tuple[int, int]:
        """How many frames of a clip are the first picture, and how many the last."""
        first = _picture_numbers(2, self.clip.frames).count(0)
        return first, self.clip.frames - first

    @property
    def temperature(self) -> float:
        """By which logits are divided before they become probabilities; 1 where nothing was calibrated."""
        return self.calibration.temperature if self.calibration else 1.0

    def to_clips(self, pictures: Tensor) -> Tensor:
        """Clips as the model takes them: B P H W 3 uint8 in, B F 3 H W normalized out; each picture is repeated.

        With the input "changes", all pictures are gray where the first and the last are the same.
        """
        normal = self.preprocessing.normalize(pictures)
        if _input(self.model.config) == "changes":
            normal = normal * _change_mask(normal)
        return self._repeat(normal)

    def predict(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """The logits of the action between two pictures: N H W 3 uint8 each in, N A float32 out."""
        return self._run(originals, edits, lambda pairs: self.model(self.to_clips(pairs)).logits)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of logits: N A in, N A float64 out. The order of the actions is the same."""
        return np.asarray(softmax(logits.astype(np.float64) / self.temperature, axis=1))

    def features(self, originals: np.ndarray, edits: np.ndarray) -> np.ndarray:
        """What the last layer gets for the whole pictures, whatever the model's input: N D, float32."""

        def pooled(pairs: Tensor) -> Tensor:
            return self.family.pooled(self.model, self._repeat(self.preprocessing.normalize(pairs)))

        return self._run(originals, edits, pooled)

    def save(self, path: Path) -> None:
        """Write config.json, model.safetensors, preprocessor_config.json, and the calibration if there is one."""
        self.model.save_pretrained(path, safe_serialization=True)
        text = self.preprocessing.to_json(self.family.processor)
        (path / "preprocessor_config.json").write_text(text, encoding="utf-8")
        if self.calibration:
            self.calibration.save(path)

    def _repeat(self, normal: Tensor) -> Tensor:
        return normal[:, _picture_numbers(normal.shape[1], self.clip.frames)]

    @torch.no_grad()
    def _run(self, originals: np.ndarray, edits: np.ndarray, forward: Callable[..., Tensor]) -> np.ndarray:
        """Call `forward` on small batches of pairs, B 2 S S 3, resized and cropped to the model's size."""
        size = max(1, min(_MOST_CLIPS, _BATCH_PIXELS // (self.clip.frames * self.clip.side**2)))
        outputs = []
        for start in range(0, len(originals), size):
            both = [self.preprocessing.resize(each[start : start + size]) for each in (originals, edits)]
            pairs = torch.from_numpy(np.stack(both, axis=1)).to(self.model.device)
            outputs.append(forward(pairs).float().cpu().numpy())
        return np.concatenate(outputs)


def _picture_numbers(pictures: int, frames: int) -> list[int]:
    """Which picture each frame of a clip is: as many frames for each as can be, nothing between them."""
    return [frame * pictures // frames for frame in range(frames)]


def _input(config: Any) -> str:
    """The model's input; released models have none, and version 0.1 wrote it as `shown`."""
    return str(getattr(config, "input", None) or getattr(config, "shown", "pictures"))


def is_ours(config: Any, folder: Path) -> bool:
    """Whether a folder is of a recognizer that `train` wrote."""
    return any(hasattr(config, name) for name in ("input", "shown")) or (folder / "manifest.json").exists()


def _change_mask(normal: Tensor) -> Tensor:
    """Where the first and the last picture differ by more than noise: B P 3 H W in, B 1 1 H W in [0, 1] out."""
    change = (normal[:, -1] - normal[:, 0]).abs().amax(1, keepdim=True)
    return (F.avg_pool2d(change, 3, stride=1, padding=1) / _CLEAR_CHANGE).clamp(max=1).unsqueeze(1)
