"""Low-rank adapters on an editor's U-Net (LoRA, arXiv 2106.09685), by peft, in diffusers' file format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict

from actionpairs.data import rng
from actionpairs.errors import ModelError


def add_adapters(
    unet: UNet2DConditionModel, targets: Sequence[str], *, rank: int, alpha: float, seed: int
) -> None:
    """Add an adapter to every layer whose name ends in a target. Only the adapters train from then on.

    Before training they change nothing. Raises ModelError if a target names no layer, or a frozen one.
    """
    for target in targets:
        weights = {
            name: weight for name, weight in unet.named_parameters() if f".{name}".endswith(f".{target}.weight")
        }
        if not weights:
            raise ModelError(
                f"`lora.targets: {target}`: no layer's name ends in it.",
                cure="Write the end of a layer's name, such as attn1.to_q.",
            )
        frozen = [name for name, weight in weights.items() if not weight.requires_grad]
        if frozen:
            raise ModelError(
                f"`lora.targets: {target}` names a frozen layer: {frozen[0].removesuffix('.weight')}.",
                cure="Write more of the name, such as attn1.to_q, or set `freeze: []`.",
            )
    unet.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "adapters"))
        unet.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets)))


def without_adapters(unet: UNet2DConditionModel) -> Callable[..., Any]:
    """A function that runs the U-Net with its adapters off. It needs no second copy of the weights."""

    def forward(*inputs: torch.Tensor) -> Any:
        unet.disable_adapters()
        try:
            return unet(*inputs)
        finally:
            unet.enable_adapters()

    return forward


def save_and_merge(unet: UNet2DConditionModel, folder: Path) -> None:
    """Write the adapters for `pipeline.load_lora_weights(folder)`, then merge them into the weights."""
    config = unet.peft_config["default"]
    # diffusers takes alpha to be the rank, so B is scaled by the rest. Alpha could stand in the file's metadata,
    # but its keys come in any order, and the same adapters would have different bytes.
    scale = config.lora_alpha / config.r
    tensors = {
        name: scale * tensor if "lora_B" in name else tensor
        for name, tensor in get_peft_model_state_dict(unet).items()
    }
    StableDiffusionInstructPix2PixPipeline.save_lora_weights(folder, unet_lora_layers=tensors)
    unet.fuse_lora()
    unet.unload_lora()
