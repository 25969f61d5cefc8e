"""The networks of the benchmarks: the small editor that ships, or Stable Diffusion 1.5's with random weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from actionpairs.editors import instruct_pix2pix

SD15_UNET = {
    "in_channels": 8,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "sample_size": 64,
}  # https://huggingface.co/timbrooks/instruct-pix2pix/blob/main/unet/config.json
SD15_VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}  # …/vae/config.json
SD15_TEXT = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}  # …/text_encoder/config.json; the rest are CLIP's defaults
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True, slots=True)
class Networks:
    """What both sides train with. factor: pixels per latent, in either direction."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    factor: int

    @classmethod
    def of(cls, size: str, device: torch.device) -> Networks:
        """The small editor ("tiny"), or random weights in Stable Diffusion's sizes ("sd15")."""
        torch.manual_seed(0)
        if size == "sd15":
            with device:
                unet, vae = UNet2DConditionModel(**SD15_UNET), AutoencoderKL(**SD15_VAE)
                text_encoder = CLIPTextModel(CLIPTextConfig(**SD15_TEXT))
        else:
            shipped = instruct_pix2pix.load("tabletop").to(device)
            unet, vae, text_encoder = shipped.unet, shipped.vae, shipped.text_encoder
        for frozen in (vae, text_encoder):
            frozen.requires_grad_(False).eval()
        return cls(unet.train(), vae, text_encoder, 2 ** (len(vae.config.block_out_channels) - 1))
