"""InstructPix2Pix on SDXL: two text encoders, a pooled text, and the picture's size as an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, StableDiffusionXLInstructPix2PixPipeline
from torch import Tensor

from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Denoiser, Editor, Sampling, to_pictures
from actionpairs.editors.flow import call
from actionpairs.editors.instruct_pix2pix import InstructPix2Pix
from actionpairs.errors import ModelError

_PARTS = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "scheduler")


class InstructPix2PixXL(InstructPix2Pix):
    """Stable Diffusion XL with 8 input channels."""

    traits = replace(
        InstructPix2Pix.traits,
        name="InstructPix2Pix XL",
        pipelines=("StableDiffusionXLInstructPix2PixPipeline", "StableDiffusionXLPipeline"),
        sampling=Sampling("", 30, 1.5, 3.0),
        resolution=768,
    )

    @staticmethod
    def as_editor(pipeline: DiffusionPipeline) -> DiffusionPipeline:
        """The pipeline without watermark; a text-to-image pipeline's parts become an editor's."""
        if not hasattr(pipeline.scheduler, "alphas_cumprod"):
            raise ModelError(
                f"It is noised by {type(pipeline.scheduler).__name__}, which has no table of noise levels.",
                cure="Give a model of discrete times, for example diffusers/sdxl-instructpix2pix-768.",
            )
        own = StableDiffusionXLInstructPix2PixPipeline(
            **{name: pipeline.components[name] for name in _PARTS},
            force_zeros_for_empty_prompt=pipeline.config.force_zeros_for_empty_prompt,
            is_cosxl_edit=getattr(pipeline, "is_cosxl_edit", False),
            add_watermarker=False,
        )
        own.register_to_config(is_cosxl_edit=own.is_cosxl_edit)  # which diffusers forgets on saving
        return own

    def normalize(self, latents: Tensor) -> Tensor:
        """Scaled by the autoencoder's scaling_factor; with its mean and deviation per channel if it has them."""
        factor: float = self.autoencoder.config.scaling_factor
        statistics = self._statistics(latents)
        if statistics is None:
            return latents * factor
        mean, deviation = statistics
        return (latents - mean) * factor / deviation

    def reference(self, latents: Tensor) -> Tensor:
        """Scaled only in CosXL."""
        if not self.pipeline.is_cosxl_edit:
            return latents
        scaled: Tensor = latents * self.autoencoder.config.scaling_factor
        return scaled

    def decode(self, latents: Tensor) -> np.ndarray:
        """The autoencoder's pictures."""
        factor: float = self.autoencoder.config.scaling_factor
        statistics = self._statistics(latents)
        raw = latents / factor if statistics is None else latents * statistics[1] / factor + statistics[0]
        return to_pictures(self.autoencoder.decode(raw.to(self.autoencoder.dtype), return_dict=False)[0])

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor] | None:
        config = self.autoencoder.config
        if config.latents_mean is None or config.latents_std is None:
            return None
        mean, deviation = (like.new_tensor(v).view(1, -1, 1, 1) for v in (config.latents_mean, config.latents_std))
        return mean, deviation

    @torch.no_grad()
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """Both encoders' last but one states, B L D, and the second's pooled output.

        The null text is zeros where the model says so: its pipeline compares with those.
        """
        device = self.pipeline.text_encoder_2.device
        embeddings, _, pooled, _ = self.pipeline.encode_prompt(
            list(texts), device=device, do_classifier_free_guidance=False
        )
        if self.pipeline.config.force_zeros_for_empty_prompt:
            is_null = torch.tensor([text == self.null_text() for text in texts], device=device)
            embeddings = embeddings.masked_fill(is_null[:, None, None], 0)
            pooled = pooled.masked_fill(is_null[:, None], 0)
        return Conditioning(embeddings, pooled=pooled)

    def expected_conditioning(self, height: int, width: int) -> Conditioning:
        """With the pooled text."""
        embeddings = Editor.expected_conditioning(self, height, width).embeddings
        return Conditioning(
            embeddings, pooled=embeddings.new_zeros(1, self.pipeline.text_encoder_2.config.projection_dim)
        )

    # 6 parameters: those of `Editor.predict`
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """One pass of the U-Net. It is told that the picture was neither resized nor cropped."""
        dtype = conditioning.embeddings.dtype
        height, width = (side * self.factor for side in noisy.shape[-2:])
        sizes = torch.tensor([[height, width, 0, 0, height, width]], device=noisy.device, dtype=dtype)
        output = call(
            denoiser,
            sample=torch.cat([noisy, reference], 1).to(dtype),
            timestep=times,
            encoder_hidden_states=conditioning.embeddings,
            added_cond_kwargs={"text_embeds": conditioning.pooled, "time_ids": sizes.expand(len(noisy), -1)},
        )
        return output.float()

    def scheduler(self, sampling: Sampling, *, tokens: int, device: torch.device) -> Any:
        """The scheduler of the name in `sampling`; the model's own if there is none."""
        name = sampling.scheduler or type(self.pipeline.scheduler).__name__
        return super().scheduler(replace(sampling, scheduler=name), tokens=tokens, device=device)
