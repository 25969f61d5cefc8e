"""Schedulers, autoencoders and text encoders that several tiny pipelines share."""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from transformers import (
    CLIPTextConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

WIDTH = 16  # of the text encoders


def flow_scheduler(**options: Any) -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, **options)


def autoencoder(latent_channels: int = 4, **options: Any) -> AutoencoderKL:
    """An autoencoder that shrinks 8 times."""
    return AutoencoderKL(**autoencoder_sizes(), latent_channels=latent_channels, **options)


def autoencoder_sizes() -> dict[str, Any]:
    return {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (4, 8, 8, 8),
        "layers_per_block": 1,
        "norm_num_groups": 2,
        "sample_size": 64,
    }


def clip_config(tokenizer: Any, width: int = WIDTH) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def unet(**options: Any) -> UNet2DConditionModel:
    """The U-Net of InstructPix2Pix, with four more channels for the picture."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        **options,
    )


def causal_sizes(tokenizer: Any, *, layers: int) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 4096,
        "initializer_range": 0.2,  # at the usual 0.02, so narrow an encoder gives all texts nearly the same states
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def vision_tokens(tokenizer: Any) -> dict[str, int]:
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


def qwen_encoder(tokenizer: Any) -> Qwen2_5_VLForConditionalGeneration:
    """The text encoder of Qwen-Image-Edit and LongCat, which sees the picture."""
    vision = {**_VISION, "fullatt_block_indexes": [1]}
    config = Qwen2_5_VLConfig(
        text_config=_multimodal_sizes(tokenizer), vision_config=vision, **vision_tokens(tokenizer)
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def qwen3_encoder(tokenizer: Any) -> Qwen3VLForConditionalGeneration:
    """The text encoder of DreamLite, which sees the picture."""
    vision = {**_VISION, "patch_size": 16, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    config = Qwen3VLConfig(
        text_config=_multimodal_sizes(tokenizer), vision_config=vision, **vision_tokens(tokenizer)
    )
    return Qwen3VLForConditionalGeneration(config)


def _multimodal_sizes(tokenizer: Any) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 1, 1]}
    return {**causal_sizes(tokenizer, layers=2), "rope_parameters": rope}


_VISION = {
    "depth": 2,
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_heads": 2,
    "out_hidden_size": WIDTH,
    "initializer_range": 0.2,
}
