"""FLUX.2 and FLUX.2 klein: the input picture's tokens follow those of the edit, ten steps of time later."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline
from diffusers.pipelines.flux2.pipeline_flux2 import compute_empirical_mu
from torch import Tensor

from actionpairs.configs import TimesConfig
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Denoiser, Sampling, Traits, to_pictures
from actionpairs.editors.flow import FlowEditor, GuidanceDistilled, call
from actionpairs.editors.noise import FlowMatching

_REFERENCE_TIME = 10  # the first coordinate of the input picture's tokens, 20 of a second; that of the edit's is 0
_TRAINING_STEPS = 200  # from here on, μ is that of FLUX.1, which musubi-tuner trains FLUX.2 with
_DISTILLED = Sampling("", 4, 1.0, 1.0)  # of klein's model card
_TRAITS = Traits(
    name="FLUX.2",
    pipelines=("Flux2Pipeline",),
    denoiser="transformer",
    blocks=("Flux2TransformerBlock", "Flux2SingleTransformerBlock"),
    text_layers=(
        "add_q_proj",
        "add_k_proj",
        "add_v_proj",
        "to_add_out",
        "ff_context",
        "double_stream_modulation_txt",
    ),
    # The single blocks' attn.to_out cannot be named: in double blocks that is no layer.
    lora_targets=("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "attn.to_qkv_mlp_proj"),
    text_sees_picture=False,
    guided_by_picture=False,
    sampling=Sampling("", 50, 1.0, 4.0),
    patch=1,
    resolution=1024,
    dtype=torch.bfloat16,
    most_pictures=10,
)


class _AnyFlux2(FlowEditor):
    """What both have in common. A latent position is a square of 2×2 positions of the autoencoder."""

    times = TimesConfig(shift="resolution")  # musubi-tuner's flux2_shift

    @property
    def factor(self) -> int:
        """Pixels per square."""
        return 2 * super().factor

    def noise_process(self, times: TimesConfig | None = None) -> FlowMatching:
        """Flow matching. Times in training are shifted as in sampling with 200 steps: a line in the tokens."""
        return FlowMatching(times or self.times, functools.partial(self.shift, steps=_TRAINING_STEPS))

    def shift(self, tokens: int, *, steps: int) -> float:
        """It falls with the number of steps."""
        return float(compute_empirical_mu(tokens, steps))

    def encode(self, pictures: np.ndarray) -> tuple[Tensor, Tensor]:
        """Squares: four times the autoencoder's channels."""
        posterior = self.autoencoder.encode(self.signed(pictures)).latent_dist
        return F.pixel_unshuffle(posterior.mean, 2).float(), F.pixel_unshuffle(posterior.std, 2).float()

    def normalize(self, latents: Tensor) -> Tensor:
        """By the autoencoder's batch statistics."""
        mean, deviation = self._statistics(latents)
        return (latents - mean) / deviation

    def decode(self, latents: Tensor) -> np.ndarray:
        """The autoencoder's pictures."""
        mean, deviation = self._statistics(latents)
        raw = F.pixel_shuffle(latents * deviation + mean, 2)
        return to_pictures(self.autoencoder.decode(raw.to(self.autoencoder.dtype), return_dict=False)[0])

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        norm = self.autoencoder.bn
        mean = norm.running_mean.view(1, -1, 1, 1)
        deviation = torch.sqrt(norm.running_var.view(1, -1, 1, 1) + self.autoencoder.config.batch_norm_eps)
        return mean.to(like.device, like.dtype), deviation.to(like.device, like.dtype)

    @torch.no_grad()
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """Three layers of the language model, side by side, for each text.

        Texts are padded to 512 tokens, and the denoiser sees the padding: it was trained so.
        """
        device = self.pipeline.text_encoder.device
        return Conditioning(self.pipeline.encode_prompt(prompt=list(texts), device=device)[0])

    # 7 parameters: those of `Editor.predict`, and the guidance scale
    def predict_at(
        self,
        denoiser: Denoiser,
        noisy: Tensor,
        times: Tensor,
        reference: Tensor,
        conditioning: Conditioning,
        *,
        guidance: float | None,
    ) -> Tensor:
        """One pass. guidance: None in models that do not take it."""
        texts, device = conditioning.embeddings, noisy.device
        count, _, height, width = noisy.shape
        pictures = (noisy, reference, *conditioning.more_pictures)
        tokens = [latents.flatten(2).transpose(1, 2) for latents in pictures]
        ids = [
            _ids(number * _REFERENCE_TIME, *latents.shape[-2:], device=device)
            for number, latents in enumerate(pictures)
        ]
        output = call(
            denoiser,
            hidden_states=torch.cat(tokens, 1).to(texts.dtype),
            timestep=times.to(texts.dtype),
            guidance=None if guidance is None else torch.full((count,), guidance, device=device),
            encoder_hidden_states=texts,
            txt_ids=_ids(0, 1, 1, texts.shape[1], device=device),
            img_ids=torch.cat(ids),
        )
        return output[:, : height * width].float().transpose(1, 2).reshape(noisy.shape)


class Flux2(_AnyFlux2, GuidanceDistilled):
    """Read by Mistral 3, and distilled with guidance."""

    traits = _TRAITS


class Flux2Klein(_AnyFlux2):
    """Read by Qwen3. The base models are guided by the text; those distilled to four steps are not."""

    traits = replace(_TRAITS, name="FLUX.2 klein", pipelines=("Flux2KleinPipeline",))

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        super().__init__(pipeline)
        if pipeline.config.is_distilled:
            self.defaults = replace(self.defaults, sampling=_DISTILLED)

    def needs_null_text(self, sampling: Sampling) -> bool:
        """A distilled model has no use for it."""
        return super().needs_null_text(sampling) and not self.pipeline.config.is_distilled

    # 6 parameters: those of `Editor.predict`
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """One pass."""
        return self.predict_at(denoiser, noisy, times, reference, conditioning, guidance=None)


def _ids(place: int, height: int, width: int, length: int = 1, *, device: torch.device) -> Tensor:
    """The ids of tokens: (time, row, column, position in the text), N 4, whole numbers."""
    axes = (range(place, place + 1), range(height), range(width), range(length))
    return torch.cartesian_prod(*(torch.arange(axis.start, axis.stop, device=device) for axis in axes))
