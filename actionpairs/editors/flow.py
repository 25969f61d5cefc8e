"""What families of flow matching share: times, diffusers' Euler scheduler, packing of latents into tokens."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actionpairs.configs import TimesConfig
from actionpairs.editors.conditioning import Conditioning, GuidedTexts
from actionpairs.editors.editor import Denoiser, Editor, Sampling, to_pictures
from actionpairs.editors.guidance import classifier_free
from actionpairs.editors.noise import FlowMatching
from actionpairs.errors import ModelError

_STEPS = 50  # at which μ is taken in training, where a family's μ depends on the number of sampling steps


class FlowEditor(Editor):
    """A family whose denoiser predicts v = ε − x at σ in [0, 1]."""

    time_unit = 1.0
    times = TimesConfig()  # logit-normal and unshifted, as SD3 (arXiv 2403.03206) and diffusers' scripts

    def noise_process(self, times: TimesConfig | None = None) -> FlowMatching:
        """Flow matching."""
        return FlowMatching(times or self.times, functools.partial(self.shift, steps=_STEPS), self.time_unit)

    def shift(self, tokens: int, *, steps: int) -> float:
        """μ by which times are shifted in sampling, for so many tokens: as the family's pipeline has it."""
        config = self.pipeline.scheduler.config
        fewest, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        lowest, highest = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        slope = (highest - lowest) / (most - fewest)
        return float(tokens * slope + (lowest - slope * fewest))

    def scheduler(self, sampling: Sampling, *, tokens: int, device: torch.device) -> Any:
        """The model's own scheduler."""
        own = self.pipeline.scheduler
        if sampling.scheduler not in ("", type(own).__name__):
            raise ModelError(
                f"{sampling.scheduler}: this model is sampled with {type(own).__name__}.",
                cure="Leave `eval.scheduler` out.",
            )
        scheduler = type(own).from_config(own.config)
        sigmas = np.linspace(1.0, 1 / sampling.steps, sampling.steps)
        if "mu" in inspect.signature(scheduler.set_timesteps).parameters:
            scheduler.set_timesteps(sigmas=sigmas, device=device, mu=self.shift(tokens, steps=sampling.steps))
        else:
            scheduler.set_timesteps(sigmas=sigmas, device=device)
        scheduler.set_begin_index(0)
        return scheduler

    def guided(
        self, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, sampling: Sampling
    ) -> Tensor:
        """Guided by the text, where its scale is more than 1."""
        return classifier_free(self, noisy, time.expand(len(noisy)), reference, texts, sampling.text_guidance)


class ShiftedLatents(FlowEditor):
    """A family whose autoencoder is diffusers' AutoencoderKL with a shift."""

    def encode(self, pictures: np.ndarray) -> tuple[Tensor, Tensor]:
        """Unscaled."""
        posterior = self.autoencoder.encode(self.signed(pictures)).latent_dist
        return posterior.mean.float(), posterior.std.float()

    def normalize(self, latents: Tensor) -> Tensor:
        """Shifted and scaled."""
        config = self.autoencoder.config
        normalized: Tensor = (latents - config.shift_factor) * config.scaling_factor
        return normalized

    def decode(self, latents: Tensor) -> np.ndarray:
        """The autoencoder's pictures."""
        config = self.autoencoder.config
        raw = (latents / config.scaling_factor) + config.shift_factor
        return to_pictures(self.autoencoder.decode(raw.to(self.autoencoder.dtype), return_dict=False)[0])


class GuidanceDistilled(FlowEditor):
    """A family that was distilled with guidance: a step of sampling takes one pass, and the scale is an input."""

    def needs_null_text(self, sampling: Sampling) -> bool:
        """Guidance is built in."""
        return False

    # 6 parameters: those of `Editor.predict`
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """One pass, with the guidance scale of training."""
        return self.predict_at(denoiser, noisy, times, reference, conditioning, guidance=_TRAINING_GUIDANCE)

    def guided(
        self, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, sampling: Sampling
    ) -> Tensor:
        """One pass, with the guidance scale of sampling."""
        times, scale = time.expand(len(noisy)), sampling.text_guidance
        return self.predict_at(self.denoiser, noisy, times, reference, texts.texts, guidance=scale)

    # 7 parameters: those of `Editor.predict`, and the guidance scale
    @abstractmethod
    def predict_at(
        self,
        denoiser: Denoiser,
        noisy: Tensor,
        times: Tensor,
        reference: Tensor,
        conditioning: Conditioning,
        *,
        guidance: float,
    ) -> Tensor:
        """One pass, with this guidance scale."""


_TRAINING_GUIDANCE = 1.0  # as ai-toolkit trains FLUX.1 Kontext, and diffusers' README FLUX.2


def call(denoiser: Callable[..., Any], **inputs: Any) -> Tensor:
    """The output of a denoiser, whatever wraps it."""
    output: Tensor = denoiser(**inputs, return_dict=False)[0]
    return output


def pack(latents: Tensor) -> Tensor:
    """Squares of 2×2 latent positions as tokens: B C h w in, B (h·w/4) 4C out."""
    rows, channels, height, width = latents.shape
    squares = latents.view(rows, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return squares.reshape(rows, height // 2 * (width // 2), 4 * channels)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """Tokens of `pack` as latents of this height and width: B C h w."""
    rows, _, channels = tokens.shape
    squares = tokens.view(rows, height // 2, width // 2, channels // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return squares.reshape(rows, channels // 4, height, width)


def positions(height: int, width: int, *, first: int) -> Tensor:
    """The ids of the tokens of a picture: (first, row, column), height·width 3, float32."""
    ids = torch.zeros(height, width, 3)
    ids[..., 0] = first
    ids[..., 1] = torch.arange(height)[:, None]
    ids[..., 2] = torch.arange(width)[None]
    return ids.reshape(-1, 3)
