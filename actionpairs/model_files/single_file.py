"""A whole model in one file, as trainers before diffusers wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.loaders.single_file_utils import (
    CHECKPOINT_KEY_NAMES,
    SingleFileComponentError,
    fetch_diffusers_config,
    infer_diffusers_model_type,
    load_single_file_checkpoint,
)

from actionpairs.errors import ModelError
from actionpairs.model_files import folders, hub, pickles

_CONFIGS = ("*.json", "*.txt", "*.model", "*/*.json", "*/*.txt", "*/*.model")
_WHOLE = "Give the whole model: a diffusers folder, or a checkpoint with all its parts."


# 5 parameters and `config`: the options of open_pipeline
def open_file(
    path: Path,
    *,
    source: str,
    dtype: torch.dtype,
    denoiser_options: Mapping[str, Any],
    config: str | None,
) -> DiffusionPipeline:
    """Open a checkpoint with diffusers' `from_single_file`. Averaged weights (EMA) are taken where it has some.

    config: a diffusers folder or hub id with the model's configs and tokenizer. Without it: the folder with the
    file's name, the folder that the file lies in, or the repository that diffusers names for such weights.
    Raises ModelError; also the errors of diffusers and transformers.
    """
    if path.suffix not in (".safetensors", *pickles.SUFFIXES):
        raise ModelError(f"{source}: not a checkpoint that can be opened.", cure=_WHOLE)
    with pickles.without_code(path, source=source):
        checkpoint = load_single_file_checkpoint(str(path))
        _check_kind(path, checkpoint, source=source)
        folder = _configs(path, checkpoint, config=config, source=source)
        index = folders.load_index(folder / folders.INDEX, source=source)
        class_ = folders.pipeline_class(index, source=source)
        if not hasattr(class_, "from_single_file"):
            raise ModelError(f"{source}: diffusers opens a {class_.__name__} from a folder only.", cure=_WHOLE)
        options = {"config": str(folder), "dtype": dtype, **_averaged(checkpoint)}
        parts = folders.left_out(class_)
        if denoiser_options:
            parts |= _denoiser(path, index, {**options, **denoiser_options})
        try:
            return class_.from_single_file(str(path), **options, **parts)
        except SingleFileComponentError as error:
            raise ModelError(
                f"{source}: holds only some parts of a {class_.__name__}.",
                cure=f"Put the whole model's diffusers folder beside it, called {path.with_suffix('')}.",
            ) from error
        except NotImplementedError as error:  # weights without values cannot be moved
            raise ModelError(
                f"{source}: lacks some weights of a {class_.__name__}.",
                cure="Download it again, whole. If it is whole, the configs are of another model.",
            ) from error


def _check_kind(path: Path, checkpoint: Mapping[str, Any], *, source: str) -> None:
    """Refuse adapters, one part of a model, and what diffusers would take for Stable Diffusion 1 by default."""
    if any("lora_" in key for key in checkpoint):
        raise ModelError(
            f"{source}: adapters (LoRA), not a model.",
            cure="Open the model they were trained on, and load them onto it.",
        )
    if (path.parent / "config.json").is_file():
        raise ModelError(f"{source}: one part of a model.", cure=f"Give the folder {path.parent.parent}.")
    is_default = infer_diffusers_model_type(checkpoint) == "v1"
    if is_default and CHECKPOINT_KEY_NAMES["instruct-pix2pix"] not in checkpoint:
        raise ModelError(f"{source}: not a checkpoint of a kind that diffusers opens.", cure=_WHOLE)


def _averaged(checkpoint: Mapping[str, Any]) -> dict[str, bool]:
    """The option that takes the average of the weights: its trainers sample with it, diffusers leaves it."""
    return {"extract_ema": True} if any(key.startswith("model_ema.") for key in checkpoint) else {}


def _configs(path: Path, checkpoint: Mapping[str, Any], *, config: str | None, source: str) -> Path:
    """The folder with a checkpoint's configs."""
    beside = [path.with_suffix(""), path.parent]
    for folder in [Path(config).expanduser()] if config else beside:
        if (folder / folders.INDEX).is_file():
            return folder
    repository = config or fetch_diffusers_config(checkpoint)["pretrained_model_name_or_path"]
    try:
        return hub.snapshot(repository, _CONFIGS)
    except ModelError as error:
        command = f"hf download {repository} --include '*.json' '*.txt' --local-dir {path.with_suffix('')}"
        raise ModelError(
            f"{source}: its configs and its tokenizer are not in the file: {error.message}",
            cure=f"Put them beside it; where there is a network: {command}",
        ) from error


def _denoiser(path: Path, index: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The denoiser, loaded with options of its own."""
    name = next(name for name in folders.DENOISERS if name in index)
    class_ = folders.model_class(*index[name])
    return {name: class_.from_single_file(str(path), subfolder=name, **options)}
