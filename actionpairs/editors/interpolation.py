"""Weights between those before training and those after it (WiSE-FT, arXiv 2109.01903)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_OUTPUT_OF_ADAPTER = ".lora_B."


def weights_of(denoiser: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights that train, by name, on the CPU. Of adapters nothing is kept: they start from zero."""
    trained = ((name, each) for name, each in denoiser.named_parameters() if each.requires_grad)
    return {name: each.detach().cpu().clone() for name, each in trained if ".lora_" not in name}


@torch.no_grad()
def interpolate(denoiser: nn.Module, start: Mapping[str, Tensor], share: float) -> None:
    """Move trained weights back towards `start`: start + share · (trained − start), in place.

    start: what `weights_of` gave before training; weights that it does not have stay. Of adapters B is scaled, so
    that share · B·A is added to the first weights.
    """
    for name, weight in denoiser.named_parameters():
        if name in start:
            weight.copy_(torch.lerp(start[name].to(weight), weight, share))
        elif _OUTPUT_OF_ADAPTER in name:
            weight.mul_(share)
