"""Which weights of a denoiser train, and a copy of it that does not."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from actionpairs.errors import ModelError

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def freeze(denoiser: nn.Module, patterns: Sequence[str]) -> tuple[str, ...]:
    """Freeze every parameter whose name contains one of the patterns. Returns their names, sorted.

    Raises ModelError if a pattern matches nothing.
    """
    names = [name for name, _ in denoiser.named_parameters()]
    for pattern in patterns:
        if not any(pattern in name for name in names):
            raise ModelError(
                f"`freeze: {pattern}`: no parameter's name contains it.",
                cure="Write part of a parameter's name, such as attn2.",
            )
    for name, parameter in denoiser.named_parameters():
        if parameter.is_floating_point():  # quantized weights never train
            parameter.requires_grad_(not any(pattern in name for pattern in patterns))
    return tuple(sorted(name for name, parameter in denoiser.named_parameters() if not parameter.requires_grad))


def frozen_copy(denoiser: nn.Module, *, precision: str = "no") -> nn.Module:
    """A copy of the model that does not train. It shares the parameters that are frozen already.

    precision: of the autocast that it will run under. Autocast would round the weights of convolutions and linear
    layers in every step. They are rounded here once, and take half the memory.
    """
    shared = {id(parameter): parameter for parameter in denoiser.parameters() if not parameter.requires_grad}
    copied = copy.deepcopy(denoiser, dict(shared)).requires_grad_(False).eval()
    if precision != "no":
        for layer in copied.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d) and id(layer.weight) not in shared:
                layer.to(_DTYPES[precision])
    return copied
