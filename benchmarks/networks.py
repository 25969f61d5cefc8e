"""The networks of the benchmarks: the small editor that ships, or random weights in the sizes of published models:
Stable Diffusion 1.5 and FLUX.2 klein 4B."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    DDPMScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, Qwen3Config, Qwen3ForCausalLM

from actionpairs.editors import families, tiny
from actionpairs.editors.flux2 import Flux2Klein
from actionpairs.editors.instruct_pix2pix import InstructPix2Pix

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
KLEIN_4B = {
    "attention_head_dim": 128,
    "axes_dims_rope": (32, 32, 32, 32),
    "guidance_embeds": False,
    "in_channels": 128,
    "joint_attention_dim": 7680,
    "mlp_ratio": 3.0,
    "num_attention_heads": 24,
    "num_layers": 5,
    "num_single_layers": 20,
    "timestep_guidance_channels": 256,
}  # https://huggingface.co/black-forest-labs/FLUX.2-klein-base-4B/blob/main/transformer/config.json
KLEIN_TINY = {
    **KLEIN_4B,
    "attention_head_dim": 16,
    "axes_dims_rope": (4, 4, 4, 4),
    "in_channels": 16,
    "joint_attention_dim": 48,
    "num_attention_heads": 2,
    "num_layers": 1,
    "num_single_layers": 1,
}
KLEIN = {"klein-4b": KLEIN_4B, "tiny": KLEIN_TINY}


@dataclass(frozen=True, slots=True)
class Networks:
    """What both sides train with."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel

    @classmethod
    def of(cls, size: str, device: torch.device) -> Networks:
        """The small editor ("tiny"), or random weights in Stable Diffusion's sizes ("sd15")."""
        torch.manual_seed(0)
        if size == "sd15":
            with device:
                unet, vae = UNet2DConditionModel(**SD15_UNET), AutoencoderKL(**SD15_VAE)
                text_encoder = CLIPTextModel(CLIPTextConfig(**SD15_TEXT))
        else:
            shipped = families.load("tabletop").to(device).pipeline
            unet, vae, text_encoder = shipped.unet, shipped.vae, shipped.text_encoder
        for frozen in (vae, text_encoder):
            frozen.requires_grad_(False).eval()
        return cls(unet.train(), vae, text_encoder)

    def editor(self, text: str) -> InstructPix2Pix:
        """An editor of them, with a tokenizer of letters and the words of a text."""
        length = self.text_encoder.config.max_position_embeddings
        pipeline = StableDiffusionInstructPix2PixPipeline(
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=tiny.train_tokenizer([text], vocabulary=1000, length=length),
            unet=self.unet,
            scheduler=DDPMScheduler(**NOISE),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        return InstructPix2Pix(pipeline)


def klein(size: str, device: torch.device) -> Flux2Klein:
    """An editor of FLUX.2 klein with random weights in bfloat16, in the sizes of `KLEIN`.

    Only the transformer has its real size, and is on the device. The autoencoder, which a training step asks for
    its statistics alone, and the text encoder, which it does not ask at all, are small and on the CPU. On the meta
    device, all are.
    """
    torch.manual_seed(0)
    sizes, small = KLEIN[size], {"block_out_channels": (8,) * 4, "norm_num_groups": 2, "layers_per_block": 1}
    text = Qwen3Config(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=28,  # it reads the ninth, the eighteenth and the 27th
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=8,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    with device:
        transformer = torch.nn.Module.to(Flux2Transformer2DModel(**sizes), torch.bfloat16)  # diffusers' warns
    with device if device.type == "meta" else torch.device("cpu"):
        vae = AutoencoderKLFlux2(**small, latent_channels=sizes["in_channels"] // 4).requires_grad_(False).eval()
        text_encoder = Qwen3ForCausalLM(text).to(torch.bfloat16).requires_grad_(False).eval()
    pipeline = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=None,
        transformer=transformer,
    )
    return Flux2Klein(pipeline)
