"""InstructPix2Pix (arXiv 2211.09800): a U-Net that sees the input picture in additional channels."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers
from torch import Tensor, nn

from actionpairs.configs import TimesConfig
from actionpairs.editors.conditioning import Conditioning, GuidedTexts
from actionpairs.editors.editor import Denoiser, Editor, Sampling, Traits, rebuilt, to_pictures
from actionpairs.editors.guidance import three_way
from actionpairs.editors.noise import Diffusion
from actionpairs.errors import ModelError

_OTHER = "Give an InstructPix2Pix, for example timbrooks/instruct-pix2pix."
_BLOCKS = ("BasicTransformerBlock", "ResnetBlock2D")
_ATTENTION = ("attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0")


class InstructPix2Pix(Editor):
    """Stable Diffusion 1.x with 8 input channels: the noised latents, and those of the input picture."""

    traits = Traits(
        name="InstructPix2Pix",
        pipelines=("StableDiffusionInstructPix2PixPipeline", "StableDiffusionPipeline"),
        denoiser="unet",
        blocks=_BLOCKS,
        text_layers=("attn2",),
        lora_targets=_ATTENTION,
        text_sees_picture=False,
        guided_by_picture=True,
        sampling=Sampling("EulerAncestralDiscreteScheduler", 100, 1.5, 7.5),
        patch=1,
        resolution=256,
        dtype=torch.float32,
    )

    def __init__(self, pipeline: DiffusionPipeline, *, widen: bool = False) -> None:
        super().__init__(self.as_editor(pipeline))
        unet, vae = self.pipeline.unet, self.pipeline.vae
        if not isinstance(unet, UNet2DConditionModel) or not isinstance(vae, AutoencoderKL):
            raise ModelError("Not an InstructPix2Pix: its parts are of other kinds.", cure=_OTHER)
        needed, channels = 2 * vae.config.latent_channels, unet.config.in_channels
        is_text_to_image = channels == needed // 2
        if is_text_to_image and widen:
            widen_input(unet)
        elif channels != needed:
            widening = "Set `model.widen: true` to start from a text-to-image model, or g" + _OTHER[1:]
            raise ModelError(
                f"Its U-Net takes {channels} channels; an InstructPix2Pix takes {needed}.",
                cure=widening if is_text_to_image else _OTHER,
            )

    @staticmethod
    def as_editor(pipeline: DiffusionPipeline) -> DiffusionPipeline:
        """The pipeline without safety checker; a text-to-image pipeline's parts become an editor's."""
        nothing = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        if not isinstance(pipeline, StableDiffusionInstructPix2PixPipeline):
            parts = {name: pipeline.components[name] for name in _PARTS}
            return StableDiffusionInstructPix2PixPipeline(**parts, **nothing)
        return rebuilt(pipeline, **nothing)

    def noise_process(self, times: TimesConfig | None = None) -> Diffusion:
        """That of the model's own scheduler."""
        if times is not None:
            raise ModelError("`times` is for flow matching, and this model is none.", cure="Leave it out.")
        return Diffusion.of(self.pipeline.scheduler)

    def encode(self, pictures: np.ndarray) -> tuple[Tensor, Tensor]:
        """Unscaled, as the input picture's latents are conditioned on."""
        posterior = self.autoencoder.encode(self.signed(pictures)).latent_dist
        return posterior.mean.float(), posterior.std.float()

    def normalize(self, latents: Tensor) -> Tensor:
        """Scaled by the autoencoder's scaling_factor."""
        factor: float = self.autoencoder.config.scaling_factor
        return factor * latents

    def reference(self, latents: Tensor) -> Tensor:
        """InstructPix2Pix does not scale the input picture's latents."""
        return latents

    def decode(self, latents: Tensor) -> np.ndarray:
        """The autoencoder's pictures."""
        scaled = (latents / self.autoencoder.config.scaling_factor).to(self.autoencoder.dtype)
        return to_pictures(self.autoencoder.decode(scaled).sample)

    @torch.no_grad()
    def condition(self, texts: Sequence[str], pictures: np.ndarray) -> Conditioning:
        """The text encoder's output for each text, B L D. Long texts are truncated."""
        tokenizer, text_encoder = self.pipeline.tokenizer, self.pipeline.text_encoder
        tokens = tokenizer(
            list(texts),
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        return Conditioning(text_encoder(tokens.input_ids.to(text_encoder.device))[0].float())

    def expected_tokens(self, height: int, width: int) -> int:
        """As many as the text encoder takes: shorter texts are padded."""
        length: int = self.pipeline.text_encoder.config.max_position_embeddings
        return length

    def expected_conditioning(self, height: int, width: int) -> Conditioning:
        """In float32, as `condition` gives it."""
        return super().expected_conditioning(height, width).to(dtype=torch.float32)

    # 6 parameters: those of `Editor.predict`
    def predict(
        self, denoiser: Denoiser, noisy: Tensor, times: Tensor, reference: Tensor, conditioning: Conditioning
    ) -> Tensor:
        """One pass of the U-Net."""
        output = denoiser(torch.cat([noisy, reference], 1), times, conditioning.embeddings)
        prediction: Tensor = output.sample.float()
        return prediction

    def scheduler(self, sampling: Sampling, *, tokens: int, device: torch.device) -> Any:
        """The scheduler of the name in `sampling`, with the noise schedule that the model was trained with."""
        scheduler = _scheduler(
            sampling.scheduler or self.traits.sampling.scheduler, self.pipeline.scheduler.config
        )
        scheduler.set_timesteps(sampling.steps, device=device)
        return scheduler

    def guided(
        self, noisy: Tensor, time: Tensor, reference: Tensor, texts: GuidedTexts, sampling: Sampling
    ) -> Tensor:
        """Guided by the picture and by the text."""
        return three_way(self, noisy, time, reference, texts, sampling)


def widen_input(unet: UNet2DConditionModel) -> None:
    """Double the input channels of a U-Net. The new weights are zero, so its output stays the same."""
    old = unet.conv_in
    new = nn.Conv2d(2 * old.in_channels, old.out_channels, old.kernel_size, padding=old.padding)
    weight = torch.cat([old.weight, torch.zeros_like(old.weight)], 1)
    new.load_state_dict({"weight": weight.detach(), "bias": old.bias.detach()})
    unet.conv_in = new
    unet.register_to_config(in_channels=new.in_channels)


_PARTS = ("vae", "text_encoder", "tokenizer", "unet", "scheduler")


_ZERO_SNR = "rescale_betas_zero_snr"


def _with_key(key: str) -> list[str]:
    return [name for name in _SCHEDULERS if key in inspect.signature(getattr(diffusers, name)).parameters]


def _scheduler(name: str, config: Any) -> Any:
    """Latents may leave [-1, 1]. DDIM and others clip them by default, so clipping is off unless the model's own
    scheduler has it. A schedule that ends in noise alone (arXiv 2305.08891) needs a scheduler that has it too:
    diffusers would leave the key out without a word, and sample with another schedule.
    """
    if name in _SCHEDULERS:
        if config.get(_ZERO_SNR) and name not in _with_key(_ZERO_SNR):
            raise ModelError(
                f"{name} has no `{_ZERO_SNR}`, and this model was trained with it.",
                cure=f"Set `eval.scheduler` to one of {', '.join(_with_key(_ZERO_SNR))}.",
            )
        return getattr(diffusers, name).from_config({"clip_sample": False, **config})
    similar = difflib.get_close_matches(name, _SCHEDULERS, n=1)
    raise ModelError(
        f"{name}: no scheduler for this model{f' (did you mean {similar[0]}?)' if similar else ''}.",
        cure=f"Set `eval.scheduler` to one of diffusers' classes {', '.join(_SCHEDULERS)}.",
    )


_SCHEDULERS = tuple(
    member.name
    for member in KarrasDiffusionSchedulers
    if member.name != "DPMSolverSDEScheduler"  # it takes no generator for its noise
)
