"""Low-rank adapters on an editor's U-Net (LoRA, arXiv 2106.09685), made by peft as diffusers reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict

from actionpairs.data import rng
from actionpairs.errors import ModelError


def add(unet: UNet2DConditionModel, targets: Sequence[str], *, rank: int, alpha: float, seed: int) -> None:
    """Give every layer whose name ends in a target an adapter; from then on the adapters train, and they alone.

    They add nothing until they have learned. Raises ModelError where a target names no layer, or a frozen one.
    """
    for target in targets:
        weights = {
            name: weight for name, weight in unet.named_parameters() if f".{name}".endswith(f".{target}.weight")
        }
        if not weights:
            raise ModelError(
                f"`lora.targets: {target}` ends the name of no layer.",
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


def without(unet: UNet2DConditionModel) -> Callable[..., Any]:
    """The U-Net as it was before it had adapters, which costs no second copy of it."""

    def asked(*question: torch.Tensor) -> Any:
        unet.disable_adapters()
        try:
            return unet(*question)
        finally:
            unet.enable_adapters()

    return asked


def save_and_merge(unet: UNet2DConditionModel, folder: Path) -> None:
    """Write the adapters as `pipeline.load_lora_weights(folder)` reads them, then add them to the weights."""
    config = unet.peft_config["default"]
    # Without alpha a reader takes it to be the rank: B carries the rest. In the file's own notes, alpha would be
    # one of several, and those come in any order, so that the same adapters would have other bytes.
    scale = config.lora_alpha / config.r
    tensors = {
        name: scale * tensor if "lora_B" in name else tensor
        for name, tensor in get_peft_model_state_dict(unet).items()
    }
    StableDiffusionInstructPix2PixPipeline.save_lora_weights(folder, unet_lora_layers=tensors)
    unet.fuse_lora()
    unet.unload_lora()
