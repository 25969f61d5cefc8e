"""Weights of 4 or 8 bits for a denoiser of which only adapters train (QLoRA, arXiv 2305.14314)."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.utils import is_bitsandbytes_available, is_torchao_available

from actionpairs.errors import MissingExtraError, ModelError


def config_of(kind: str, *, device: torch.device) -> Any:
    """The quantization_config for a denoiser's `from_pretrained`.

    kind: "int8", by torchao, on any device; or "nf4", by bitsandbytes, on a GPU. Raises MissingExtraError where
    the package is not installed, and ModelError where the device cannot hold such weights.
    """
    has_package = is_torchao_available() if kind == "int8" else is_bitsandbytes_available()
    if not has_package:
        raise MissingExtraError.of("quantize", needed_for=f"`quantize: {kind}`")
    if kind == "int8":
        from diffusers import TorchAoConfig
        from torchao.quantization import Int8WeightOnlyConfig

        return TorchAoConfig(Int8WeightOnlyConfig())
    if device.type != "cuda":
        raise ModelError("`quantize: nf4` needs a GPU.", cure="Set `quantize: int8`, or train on a GPU.")
    from diffusers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )
