"""What training, sampling and scoring need of an editor. A family of models is one subclass of `Editor`."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from diffusers import DiffusionPipeline
from torch import Tensor, nn

from actionpairs.configs import TimesConfig
from actionpairs.data.examples import to_signed
from actionpairs.editors.conditioning import Conditioning, GuidedTexts
from actionpairs.editors.noise import NoiseProcess

Denoiser = Callable[..., Any]  # a network, or a function that stands for it


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an edit is sampled. scheduler: a diffusers class by name; empty for the model's own.

    image_guidance: s_i; only families that are guided by the picture use it. text_guidance: s_c.
    """

    scheduler: str
    steps: int
    image_guidance: float
    text_guidance: float

    def updated(self, **values: Any) -> Sampling:
        """The same with some values replaced; those that are None stay."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Defaults:
    """How a model edits if nothing else is asked for.

    resolution: the side in pixels of the pictures it was trained on, or of a square of their area.
    """

    resolution: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Traits:
    """What is the same for all models of a family.

    pipelines: diffusers' classes, the family's own first. denoiser: the part that is trained. blocks: classes that
    FSDP shards one by one. text_layers: parts of the names of the parameters that mix the instruction in, which
    "freeze cross-attention" means here. lora_targets: ends of the names of the layers that get adapters.
    text_sees_picture: the text encoder reads the input picture too. guided_by_picture: sampling also compares with
    a prediction without the picture, so training drops some. patch: latent positions along a side of one token.
    resolution: of training, in pixels. dtype: of the weights on a GPU.
    most_pictures: how many input pictures an edit may have.
    """

    name: str
    pipelines: tuple[str, ...]
    denoiser: Literal["unet", "transformer"]
    blocks: tuple[str, ...]
    text_layers: tuple[str, ...]
    lora_targets: tuple[str, ...]
    text_sees_picture: bool
    guided_by_picture: bool
    sampling: Sampling
    patch: int
    resolution: int
    dtype: torch.dtype
    most_pictures: int = 1


class Editor(ABC):
    """A model that edits pictures by instruction. pipeline: its parts, as diffusers' own pipeline.

    defaults: of this model; those of its family, until whoever loads it knows better. Raises ModelError if the
    pipeline's parts do not belong together.
    """

    traits: ClassVar[Traits]

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        self.pipeline = pipeline
        self.defaults = Defaults(self.traits.resolution, self.traits.sampling)

    @property
    def denoiser(self) -> nn.Module:
        """The network that is trained."""
        network: nn.Module = getattr(self.pipeline, self.traits.denoiser)
        return network

    @property
    def autoencoder(self) -> Any:
        """The network between pictures and latents. It is never trained."""
        return self.pipeline.vae

    @property
    def device(self) -> torch.device:
        """Where the denoiser is."""
        return next(self.denoiser.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the denoiser's inputs."""
        dtype: torch.dtype = self.denoiser.dtype  # type: ignore[assignment]
        return dtype

    @property
    def factor(self) -> int:
        """Pixels per latent position along a side."""
        return int(self.pipeline.vae_scale_factor)

    @property
    def multiple(self) -> int:
        """The sides of pictures are multiples of so many pixels."""
        return self.factor * self.traits.patch

    def tokens(self, height: int, width: int) -> int:
        """How many tokens the denoiser sees of a picture of this size in pixels."""
        return (height // self.multiple) * (width // self.multiple)

    @abstractmethod
    def noise_process(self, times: TimesConfig | None = None) -> NoiseProcess:
        """How latents are noised. times: how times are drawn in training; None as the family's trainers do."""

    @abstractmethod
    def encode(self, pictures: np.ndarray) -> tuple[Tensor, Tensor]:
        """The mean and the standard deviation of the latents: B H W 3 uint8 in, B C h w float32 each out."""

    @abstractmethod
    def normalize(self, latents: Tensor) -> Tensor:
        """Latents of `encode` with unit variance, as they are noised: B C h w."""

    def reference(self, latents: Tensor) -> Tensor:
        """Latents of the input picture as the denoiser takes them: B C h w."""
        return self.normalize(latents)

    @abstractmethod
    def decode(self, latents: Tensor) -> np.ndarray:
        """Normalized latents as pictures: B C h w in, B H W 3 uint8 out."""

    @abstractmethod
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """What the text encoder makes of instructions. pictures: B H W 3 uint8, which some families read too."""

    def condition_several(self, texts: Sequence[str], pictures: Sequence[np.ndarray]) -> Conditioning:
        """As `condition`, where an edit has several input pictures: each B H W 3."""
        return self.condition(texts, pictures[0])

    # 6 parameters: what a denoiser is, and the five things that it takes
    @abstractmethod
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """The denoiser's prediction for the noisy latents: B C h w, float32.

        denoiser: the network, or what stands for it. times: B, in the unit of `noise_process`. reference: of
        `reference`, zero where the picture is dropped.
        """

    @abstractmethod
    def scheduler(self, sampling: Sampling, *, tokens: int, device: torch.device) -> Any:
        """A diffusers scheduler with its timesteps set."""

    @abstractmethod
    def guided(
        self, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, sampling: Sampling
    ) -> Tensor:
        """The guided prediction at one time: B C h w."""

    def expected_tokens(self, height: int, width: int) -> int:
        """How many tokens a usual text has beside a picture of this size: mostly 512, with padding."""
        return 512

    def expected_conditioning(self, height: int, width: int) -> Conditioning:
        """Zeros in the sizes and type of what `condition` gives for one text: a plan needs no more of it."""
        config: Any = self.denoiser.config
        dtype = self.pipeline.text_encoder.dtype
        size = config.get("joint_attention_dim") or config["cross_attention_dim"]
        return Conditioning(torch.zeros(1, self.expected_tokens(height, width), size, dtype=dtype))

    def null_text(self) -> str:
        """The text that stands for no instruction."""
        return ""

    def needs_null_text(self, sampling: Sampling) -> bool:
        """Whether edits are also compared with predictions under the null text."""
        return self.traits.guided_by_picture or sampling.text_guidance > 1

    def encoders(self) -> list[nn.Module]:
        """The networks that are not trained: the autoencoder and the text encoders."""
        parts = self.pipeline.components.values()
        return [part for part in parts if isinstance(part, nn.Module) and part is not self.denoiser]

    def text_encoders(self) -> list[nn.Module]:
        """The networks that read instructions."""
        return [part for part in self.encoders() if part is not self.autoencoder]

    @contextmanager
    def encoders_on(self, device: torch.device, parts: Sequence[nn.Module] | None = None) -> Iterator[None]:
        """The autoencoder and the text encoders (or these parts) on a device, and on the CPU afterwards."""
        parts = self.encoders() if parts is None else parts
        for part in parts:
            part.to(device)
        try:
            yield
        finally:
            for part in parts:
                part.to("cpu")

    def to(self, device: torch.device) -> Self:
        """The same editor, with all parts on a device."""
        for part in [self.denoiser, *self.encoders()]:
            part.to(device)
        return self

    def with_denoiser(self, denoiser: nn.Module) -> Self:
        """An editor with the same other parts."""
        return type(self)(rebuilt(self.pipeline, **{self.traits.denoiser: denoiser}))

    def save(self, path: Path) -> None:
        """Write a folder that DiffusionPipeline.from_pretrained opens; safetensors only.

        Its configs do not contain paths of this machine.
        """
        self.pipeline.save_pretrained(path, safe_serialization=True)
        for config in (path / "model_index.json", *path.glob("*/config.json")):
            values = json.loads(config.read_text(encoding="utf-8"))
            values.pop("_name_or_path", None)
            config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def signed(self, pictures: np.ndarray) -> Tensor:
        """Pictures as the autoencoder takes them: B 3 H W in [-1, 1]."""
        weights = next(self.autoencoder.parameters())
        return to_signed(pictures, weights.device).to(weights.dtype)


def rebuilt(pipeline: DiffusionPipeline, **parts: Any) -> DiffusionPipeline:
    """A pipeline of the same class and settings, with some parts replaced. It names no path of this machine."""
    names = inspect.signature(type(pipeline).__init__).parameters
    values = {**pipeline.config, **pipeline.components, **parts}
    return type(pipeline)(**{name: values[name] for name in names if name in values})


def to_pictures(decoded: Tensor) -> np.ndarray:
    """What an autoencoder decoded, as pictures: B 3 H W in [-1, 1] in, B H W 3 uint8 out."""
    rounded = ((decoded.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return np.asarray(rounded.permute(0, 2, 3, 1).contiguous().cpu())
