"""Low-rank adapters on an editor's denoiser (LoRA, arXiv 2106.09685), by peft, in diffusers' file format."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors import safe_open
from torch import nn

from actionpairs.data import rng
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError

FOLDER = "lora"  # of a trained editor's folder
FILE = "pytorch_lora_weights.safetensors"
BASE = "base_model"  # of the file's metadata: the model that the adapters belong to


def add_adapters(denoiser: Any, targets: Sequence[str], *, rank: int, alpha: float, seed: int) -> None:
    """Add an adapter to every layer whose name ends in a target. Only the adapters train from then on.

    Before training they change nothing. Raises ModelError if a target names no layer, or a frozen one.
    """
    layers = dict(denoiser.named_modules())
    for target in targets:
        names = [name for name in layers if f".{name}".endswith(f".{target}") and hasattr(layers[name], "weight")]
        if not names:
            raise ModelError(
                f"`lora.targets: {target}`: no layer's name ends in it.",
                cure="Write the end of a layer's name, such as to_q.",
            )
        frozen = [name for name in names if layers[name].weight.is_floating_point() and _is_frozen(layers[name])]
        if frozen:
            raise ModelError(
                f"`lora.targets: {target}` names a frozen layer: {frozen[0]}.",
                cure="Write more of the name, such as attn1.to_q, or set `freeze: []`.",
            )
    denoiser.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.torch_seed(seed, "adapters"))
        denoiser.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets)))
    for parameter in denoiser.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # half the bits would lose small steps


def _is_frozen(layer: nn.Module) -> bool:
    return not any(parameter.requires_grad for parameter in layer.parameters())


def without_adapters(denoiser: Any) -> Callable[..., Any]:
    """A function that runs the denoiser with its adapters off. It needs no second copy of the weights."""

    def forward(*inputs: Any, **options: Any) -> Any:
        denoiser.disable_adapters()
        try:
            return denoiser(*inputs, **options)
        finally:
            denoiser.enable_adapters()

    return forward


def save(editor: Editor, folder: Path, *, base: str) -> None:
    """Write the adapters for `pipeline.load_lora_weights(folder)`. base: the model that they belong to."""
    part: str = editor.traits.denoiser
    denoiser: Any = editor.denoiser
    config = denoiser.peft_config["default"]
    tensors = get_peft_model_state_dict(denoiser)
    settings = {"r": config.r, "lora_alpha": config.lora_alpha, "target_modules": sorted(config.target_modules)}
    write = getattr(type(editor.pipeline), "save_lora_weights", None)
    if write is None:  # this pipeline cannot load adapters; its denoiser can
        config.target_modules = settings["target_modules"]  # a set has another order in every process
        denoiser.save_lora_adapter(folder, weight_name=FILE)
    else:
        write(folder, **{f"{part}_lora_layers": tensors, f"{part}_lora_adapter_metadata": settings})
    _set_metadata(folder / FILE, {BASE: base})


def merge(editor: Editor) -> None:
    """Merge the adapters into the denoiser's weights. Nothing changes where there are none.

    Raises ModelError if the weights are quantized.
    """
    denoiser: Any = editor.denoiser
    if not getattr(denoiser, "peft_config", None):
        return
    if getattr(denoiser, "hf_quantizer", None) is not None:
        raise ModelError(
            "Adapters cannot be merged into weights of 4 or 8 bits.", cure="Leave `quantize` out once, and merge."
        )
    denoiser.fuse_lora()
    denoiser.unload_lora()


def base_of(file: Path) -> str:
    """The model that adapters belong to; empty if their file does not say."""
    with safe_open(file, "pt") as opened:
        return str((opened.metadata() or {}).get(BASE, ""))


def _set_metadata(path: Path, more: dict[str, str]) -> None:
    """Add to a safetensors file's metadata, and sort it: its keys come in any order, and bytes would vary."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted({**header.get("__metadata__", {}), **more}.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
