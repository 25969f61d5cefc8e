"""A tiny InstructPix2Pix, and the layouts that models are released in, written from it."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    EulerAncestralDiscreteScheduler,
    StableDiffusionInstructPix2PixPipeline,
    UNet2DConditionModel,
)
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from tests.editors import tiny_tokenizers

LAYERS, WIDTH = 1, 16
PARTS = ("unet", "vae", "text_encoder")


def instruct_pix2pix(*, seed: int = 0) -> StableDiffusionInstructPix2PixPipeline:
    """With attention in the autoencoder, as Stable Diffusion has it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = tiny_tokenizers.clip()
        unet = UNet2DConditionModel(
            in_channels=8,
            block_out_channels=(8, 16),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=LAYERS,
            cross_attention_dim=WIDTH,
            attention_head_dim=2,
            norm_num_groups=8,
        )
        text_config = CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        text_encoder = CLIPTextModel(text_config)
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4, 8, 8, 8),
            norm_num_groups=2,
            sample_size=64,
        )
    return StableDiffusionInstructPix2PixPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=EulerAncestralDiscreteScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def differing(one: DiffusionPipeline, other: DiffusionPipeline) -> list[str]:
    """The names of weights that are not equal to the last bit."""
    names = []
    for part in PARTS:
        first, second = (getattr(pipeline, part).state_dict() for pipeline in (one, other))
        assert first.keys() == second.keys()
        names += [f"{part}.{name}" for name in first if not torch.equal(first[name], second[name])]
    return names


def original(pipeline: DiffusionPipeline) -> dict[str, Tensor]:
    """The weights by the names of CompVis' checkpoints."""
    unet, vae, text = (getattr(pipeline, part).state_dict() for part in PARTS)
    state = {f"model.diffusion_model.{original_unet_name(name)}": tensor for name, tensor in unet.items()}
    for name, tensor in vae.items():
        is_attention = "attentions" in name and tensor.ndim == 2
        state[f"first_stage_model.{original_vae_name(name)}"] = (
            tensor[:, :, None, None] if is_attention else tensor
        )
    return state | {f"cond_stage_model.transformer.text_model.{name}": tensor for name, tensor in text.items()}


def averaged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The average of the U-Net's weights beside them, here with other values."""
    prefix = "model.diffusion_model."
    names = [name for name in state if name.startswith(prefix)]
    extra = {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}
    for name in names:
        extra[f"model_ema.diffusion_model{name.removeprefix(prefix).replace('.', '')}"] = state[name] + 0.5
    return state | extra


RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.resnets.1": "middle_block.2",
}


def original_unet_name(name: str) -> str:
    for old, new in ENDS.items():
        name = re.sub(rf"^{re.escape(old)}\.", f"{new}.", name)
    if ".resnets." in name or name.startswith("middle_block"):
        for old, new in RESNET.items():
            name = name.replace(f".{old}.", f".{new}.") if ".transformer_blocks." not in name else name
    match = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.", name)
    if not match:
        return name
    way, block, kind, number = match[1], int(match[2]), match[3], int(match[4])
    rest, per_block = name[match.end() :], LAYERS + 1
    if kind == "downsamplers":
        return f"input_blocks.{per_block * (block + 1)}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        return f"output_blocks.{per_block * block + LAYERS}.1.{rest}"
    index = per_block * block + number + (1 if way == "down" else 0)
    return f"{'input' if way == 'down' else 'output'}_blocks.{index}.{0 if kind == 'resnets' else 1}.{rest}"


VAE = {
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "mid_block.attentions.0.group_norm": "mid.attn_1.norm",
    "mid_block.attentions.0.to_q": "mid.attn_1.q",
    "mid_block.attentions.0.to_k": "mid.attn_1.k",
    "mid_block.attentions.0.to_v": "mid.attn_1.v",
    "mid_block.attentions.0.to_out.0": "mid.attn_1.proj_out",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "downsamplers.0": "downsample",
    "upsamplers.0": "upsample",
    "resnets": "block",
}


def original_vae_name(name: str) -> str:
    for old, new in VAE.items():
        name = name.replace(f".{old}.", f".{new}.")
    name = re.sub(r"decoder\.up_blocks\.(\d)", lambda match: f"decoder.up.{3 - int(match[1])}", name)
    return re.sub(r"encoder\.down_blocks\.(\d)", r"encoder.down.\1", name)


def save_with_lightning(content: dict[str, Any], path: Path) -> None:
    """Save a checkpoint with a callback's class and a config's object, whose packages are not installed here."""
    homes = {"ModelCheckpoint": "pytorch_lightning.callbacks", "DictConfig": "omegaconf"}
    modules = {name: types.ModuleType(name) for name in ("pytorch_lightning", *homes.values())}
    classes = {name: type(name, (), {"__module__": home}) for name, home in homes.items()}
    for name, home in homes.items():
        setattr(modules[home], name, classes[name])
    config = classes["DictConfig"]()
    config.__dict__.update(content={"rate": 1e-4})
    sys.modules.update(modules)
    try:
        extras = {
            "callbacks": {classes["ModelCheckpoint"]: {"best": None}},
            "hyper_parameters": {"config": config},
        }
        torch.save(
            {"epoch": 3, "global_step": 22000, "pytorch-lightning_version": "1.4.2", **extras, **content}, path
        )
    finally:
        for name in modules:
            del sys.modules[name]
