"""Adapters (LoRA) as they are released: in diffusers', peft's and kohya's layouts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import convert_unet_state_dict_to_peft
from peft.utils.other import get_pattern_key
from safetensors import safe_open
from torch import Tensor, nn

from actionpairs.errors import ModelError
from actionpairs.model_files import hub, pickles, sources
from actionpairs.model_files.folders import DENOISERS
from actionpairs.model_files.released import quiet, translated

_PEFT_CONFIG = "adapter_config.json"
_FILES = [
    f"{name}.{kind}" for kind in ("safetensors", "bin") for name in ("pytorch_lora_weights", "adapter_model")
]
_METADATA = "lora_adapter_metadata"  # diffusers' key in a file's header
_NOT_LORA = {"lokr_": "LoKr", "hada_": "LoHa", "oft_": "OFT", "dora_scale": "DoRA in kohya's layout"}
Tensors = dict[str, Tensor]


def load_lora(pipeline: DiffusionPipeline, path: str) -> None:
    """Load adapters onto a pipeline: from a file, a folder of diffusers or peft, or a hub id.

    Alpha is put into the weights, so the adapters' scale is 1. The adapters loaded last are in use. Raises
    ModelError if one weight would not be used; the pipeline is then as before.
    """
    file = _file(path)
    with translated(path), quiet():
        tensors, header = _load(file, source=path)
        _check_kind(tensors, source=path)
        tensors = _scaled(*_named(pipeline, tensors, _configs(pipeline, file, header, source=path)))
        try:
            converted = _converted(pipeline, tensors)
        except (ValueError, NotImplementedError, AssertionError, KeyError, IndexError) as error:
            raise _foreign(pipeline, sorted(tensors), len(tensors), header, source=path) from error
        for unused, count in (
            (_dropped(pipeline, tensors), len(tensors)),
            (_unused(pipeline, converted), len(converted)),
        ):
            if unused:
                raise _foreign(pipeline, unused, count, header, source=path)
        _apply(pipeline, converted, source=path)


def _file(source: str) -> Path:
    """The file of adapters that a path or a hub id names."""
    path = sources.locate(source)
    if path is None:
        names = hub.names(source)
        chosen = _pick(names or _FILES, source)
        path = hub.snapshot(source, None if names is None else [chosen, _PEFT_CONFIG])
    return path / _pick([entry.name for entry in path.iterdir()], source) if path.is_dir() else path


def _pick(names: list[str], source: str) -> str:
    for name in _FILES:
        if name in names:
            return name
    files = sorted(name for name in names if name.endswith(".safetensors") and "/" not in name)
    if len(files) == 1:
        return files[0]
    several = f"{len(files)} files that may be adapters" if files else "no file of adapters"
    raise ModelError(
        f"{source}: has {several}.",
        cure=f"Give one file: {', '.join(files[:4])}." if files else f"Give a folder with {_FILES[0]}, or a file.",
    )


def _load(file: Path, *, source: str) -> tuple[Tensors, dict[str, str]]:
    """The tensors of a file, and its header."""
    if file.suffix == ".safetensors":
        with safe_open(file, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    with pickles.without_code(file, source=source):
        content = torch.load(file, map_location="cpu", weights_only=True)
    return {name: tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}, {}


def _check_kind(tensors: Tensors, *, source: str) -> None:
    for part, kind in _NOT_LORA.items():
        if any(part in name for name in tensors):
            raise ModelError(
                f"{source}: {kind}, which is not loaded.",
                cure="Merge it into the model's weights with its own trainer.",
            )
    if not any("lora" in name for name in tensors):
        raise ModelError(f"{source}: no adapters (LoRA).", cure="Open it as a model, if it is one.")


def _configs(
    pipeline: DiffusionPipeline, file: Path, header: Mapping[str, str], *, source: str
) -> dict[str, dict[str, Any]]:
    """What the files say about alpha, by part of the pipeline."""
    beside = file.parent / _PEFT_CONFIG
    if beside.is_file():
        config = json.loads(beside.read_text(encoding="utf-8"))
        if config.get("peft_type") != "LORA":
            raise ModelError(f"{source}: peft's {config.get('peft_type')}, not LoRA.", cure="Give LoRA adapters.")
        class_name = (config.get("auto_mapping") or {}).get("base_model_class")
        parts = [name for name, part in pipeline.components.items() if type(part).__name__ == class_name]
        return {parts[0] if parts else denoiser_name(pipeline): config}
    configs: dict[str, dict[str, Any]] = {}
    for key, value in json.loads(header.get(_METADATA, "{}")).items():
        part, _, field = key.partition(".")
        if field:
            configs.setdefault(part, {})[field] = value
        else:
            configs.setdefault(denoiser_name(pipeline), {})[key] = value
    return configs


def denoiser_name(pipeline: DiffusionPipeline) -> str:
    """Which part of a pipeline is the denoiser."""
    return next(name for name in DENOISERS if name in pipeline.components)


def _named(
    pipeline: DiffusionPipeline, tensors: Tensors, configs: dict[str, dict[str, Any]]
) -> tuple[Tensors, dict[str, dict[str, Any]]]:
    """The tensors, those that peft or a denoiser wrote with the name of their part before their own."""
    stripped = {name.removeprefix("base_model.model."): tensor for name, tensor in tensors.items()}
    owner = next(iter(configs)) if len(stripped) and stripped.keys() != tensors.keys() and configs else ""
    owner = owner or denoiser_name(pipeline)
    return {_with_part(pipeline, name, owner): tensor for name, tensor in stripped.items()}, configs


def _with_part(pipeline: DiffusionPipeline, name: str, owner: str) -> str:
    """A layer's name that begins with its part of the pipeline."""
    inner = name.removeprefix("diffusion_model.")  # ComfyUI's name for a denoiser
    first = inner.partition(".")[0]
    is_bare = first not in pipeline.components and hasattr(pipeline.components[owner], first)
    return f"{owner}.{inner}" if is_bare else name


def _scaled(tensors: Tensors, configs: Mapping[str, Mapping[str, Any]]) -> Tensors:
    """The tensors with alpha / rank in the second matrix, in float32, and without alphas.

    Diffusers forgets the alphas of some layouts, and mixes them up where layers differ.
    """
    scaled = dict(tensors)
    needs_alpha = any(name.startswith("lora_transformer_") for name in tensors)  # a converter that asks for it
    for name, tensor in tensors.items():
        match = _FIRST.fullmatch(name)
        if not match:
            continue
        layer, rank = match["layer"], tensor.shape[0]
        part, _, inner = layer.partition(".")
        alpha = scaled.pop(f"{layer}.alpha", None)
        scale = float(alpha) / rank if alpha is not None else _scale(configs.get(part, {}), inner, rank)
        for second in ("lora_B.weight", "lora_B.bias", "lora_up.weight"):
            if scale != 1 and f"{layer}.{second}" in scaled:
                scaled[f"{layer}.{second}"] = scaled[f"{layer}.{second}"].float() * scale
        if needs_alpha:
            scaled[f"{layer}.alpha"] = torch.tensor(float(rank))
    return scaled


_FIRST = re.compile(r"(?P<layer>.+)\.(?:lora_A|lora_down)\.weight")


def _scale(config: Mapping[str, Any], layer: str, rank: int) -> float:
    """The scale of a layer by peft's config; 1 where nothing says."""
    if "lora_alpha" not in config:
        return 1.0
    patterns = config.get("alpha_pattern") or {}
    alpha = float(patterns.get(get_pattern_key(patterns.keys(), layer), config["lora_alpha"]))
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _converted(pipeline: DiffusionPipeline, tensors: Tensors) -> Tensors:
    """The tensors by peft's names, converted by the pipeline's own class."""
    state: Tensors = tensors
    if hasattr(pipeline, "lora_state_dict"):
        options = {"unet_config": pipeline.unet.config} if "unet" in pipeline.components else {}
        converted = pipeline.lora_state_dict(dict(tensors), **options)
        state = converted[0] if isinstance(converted, tuple) else converted
    owner = denoiser_name(pipeline)  # diffusers leaves out its name for layers outside of blocks
    return {_with_part(pipeline, _peft_name(name), owner): tensor for name, tensor in state.items()}


def _peft_name(name: str) -> str:
    """Peft's name of a tensor in diffusers' layouts, old and new."""
    for old, new in _TEXT_LAYERS.items():
        name = name.replace(f".self_attn.{old}.", f".self_attn.{new}.lora.")
    renamed: dict[str, None] = convert_unet_state_dict_to_peft(
        {name.replace(".lora_linear_layer.", ".lora."): None}
    )
    return next(iter(renamed))


_TEXT_LAYERS = {"to_q_lora": "q_proj", "to_k_lora": "k_proj", "to_v_lora": "v_proj", "to_out_lora": "out_proj"}


def _dropped(pipeline: DiffusionPipeline, tensors: Tensors) -> list[str]:
    """The tensors that the pipeline's class leaves out without a word when it converts them.

    Small tensors with a number each go the same way; the numbers that do not come back are theirs.
    """
    weights = [name for name in tensors if not name.endswith(".alpha")]
    marked = {name: torch.tensor(1.0) for name in tensors}  # alpha is the rank
    for number, name in enumerate(weights, start=1):
        shape = list(tensors[name].shape)
        if _FIRST.fullmatch(name):
            shape[0] = 1
        elif len(shape) > 1:
            shape[1] = 1
        marked[name] = torch.full(shape, float(number))
    arrived = {value for tensor in _converted(pipeline, marked).values() for value in tensor.flatten().tolist()}
    return [name for number, name in enumerate(weights, start=1) if number not in arrived]


def _unused(pipeline: DiffusionPipeline, tensors: Tensors) -> list[str]:
    """The tensors that no layer of the pipeline would take."""
    unused = []
    for part, names in _by_part(tensors).items():
        module = pipeline.components.get(part)
        if not isinstance(module, nn.Module):
            unused += names
            continue
        layers = dict(module.named_modules())
        old = "" if hasattr(module, "text_model") else "text_model."  # of transformers' CLIP until 5.6
        for name in names:
            layer, _, kind = name[len(part) + 1 :].removeprefix(old).partition(".lora_")
            if not _fits(layers.get(layer), kind, tensors[name]):
                unused.append(name)
    return unused


def _by_part(tensors: Tensors) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for name in tensors:
        parts.setdefault(name.partition(".")[0], []).append(name)
    return parts


def _fits(layer: nn.Module | None, kind: str, tensor: Tensor) -> bool:
    """Whether a layer has the width that an adapter's matrix needs."""
    base = getattr(layer, "base_layer", layer)
    width_in = getattr(base, "in_features", getattr(base, "in_channels", None))
    width_out = getattr(base, "out_features", getattr(base, "out_channels", None))
    if kind.startswith("A."):
        return tensor.ndim > 1 and tensor.shape[1] == width_in
    return kind.startswith(("B.", "magnitude_vector")) and tensor.shape[0] == width_out


def _apply(pipeline: DiffusionPipeline, tensors: Tensors, *, source: str) -> None:
    """Load the tensors under a name of their own, and check that each is now a parameter."""
    modules = {part: pipeline.components[part] for part in _by_part(tensors)}
    taken = {name for module in modules.values() for name in getattr(module, "peft_config", {})}
    adapter = next(name for name in (f"file_{number}" for number in range(len(taken) + 1)) if name not in taken)
    if hasattr(pipeline, "load_lora_weights"):
        pipeline.load_lora_weights(dict(tensors), adapter_name=adapter)
    else:
        for part, module in modules.items():
            module.load_lora_adapter(dict(tensors), prefix=part, adapter_name=adapter)
    for part, names in _by_part(tensors).items():
        count = sum(
            ".lora_" in name and f".{adapter}." in f"{name}." for name, _ in modules[part].named_parameters()
        )
        if count != len(names):
            modules[part].delete_adapters(adapter)
            raise ModelError(
                f"{source}: {len(names)} weights for the {part}, of which {count} were used.",
                cure="Upgrade: pip install -U diffusers peft.",
            )


# 5 parameters: what the message names
def _foreign(
    pipeline: DiffusionPipeline, unused: list[str], count: int, header: Mapping[str, str], *, source: str
) -> ModelError:
    keys = ("modelspec.architecture", "ss_base_model_version")
    made_for = next((f" It says it is for {header[key]}." for key in keys if key in header), "")
    return ModelError(
        f"{source}: adapters (LoRA) of another model or layout: {len(unused)} of their {count} weights have no "
        f"place in a {type(pipeline).__name__}, such as {', '.join(unused[:3])}.{made_for}",
        cure="Open the model they were trained on, or give adapters of this one.",
    )
