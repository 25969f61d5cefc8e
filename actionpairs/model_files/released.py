"""Opening a model as it was released, whatever its family: by name, folder, checkpoint file or hub id."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from actionpairs.errors import ModelError, one_line
from actionpairs.manifest import MANIFEST_FILE, RECIPE_FILE
from actionpairs.model_files import folders, hub, sources
from actionpairs.model_files.folders import INDEX
from actionpairs.model_files.single_file import open_file
from actionpairs.model_files.sources import resolve as resolve
from actionpairs.model_files.sources import shipped as shipped


def open_pipeline(
    source: str,
    *,
    dtype: torch.dtype = torch.float32,
    denoiser_options: Mapping[str, Any] = MappingProxyType({}),
    config: str | None = None,
) -> DiffusionPipeline:
    """Open a diffusers pipeline by a shipped model's name, a folder, a checkpoint file, or a hub id.

    Its class is the one in model_index.json; weights come in `dtype`, whatever precision they were saved in. A
    safety checker is left out. Pickled weights are loaded without running code. denoiser_options: for the
    denoiser's `from_pretrained`, such as `quantization_config`. config: for a checkpoint file, a folder or hub id
    with its configs. Raises ModelError.
    """
    path = sources.locate(source)
    with translated(source), quiet():
        if path and path.is_file():
            return open_file(path, source=source, dtype=dtype, denoiser_options=denoiser_options, config=config)
        folder = _checked(path, source) if path else _from_hub(source)
        return folders.open_folder(folder, source=source, dtype=dtype, denoiser_options=denoiser_options)


def pipeline_class_name(source: str) -> str:
    """The class in a model's model_index.json; empty for a checkpoint file. No weights are loaded or downloaded.

    Raises ModelError.
    """
    path = sources.locate(source)
    if path and path.is_file():
        return ""
    index = _checked(path, source) / INDEX if path else hub.fetch(source, INDEX)
    return str(folders.load_index(index, source=source)["_class_name"])


def located(source: str) -> Path:
    """The file or folder of a model on this machine; a hub id is downloaded first. Raises ModelError."""
    path = sources.locate(source)
    if path:
        return _checked(path, source) if path.is_dir() else path
    with translated(source), quiet():
        return _from_hub(source)


def with_adapters_downloaded(source: str, folder: str, file: str) -> str:
    """For a hub id that has FOLDER/FILE, adapters, and no whole model: its folder here. Else the source itself.

    Raises ModelError.
    """
    if sources.locate(source) is not None:
        return source
    names = hub.names(source)
    if names is None:
        kept = hub.snapshot(source, None)
        names = [path.relative_to(kept).as_posix() for path in kept.rglob("*")]
    if INDEX in names or f"{folder}/{file}" not in names:
        return source
    wanted = [name for name in names if name.startswith(f"{folder}/") or name == RECIPE_FILE]
    return str(hub.snapshot(source, wanted))


def _from_hub(source: str) -> Path:
    """The cache's folder of a model, with all that is needed of it."""
    index = folders.load_index(hub.fetch(source, INDEX), source=source)
    names = hub.names(source)
    return hub.snapshot(source, None if names is None else folders.wanted(names, index, source=source))


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, and none of diffusers' warnings about what is handled here."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    verbosity = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(verbosity)


@contextmanager
def translated(source: str) -> Iterator[None]:
    """Turn the errors of diffusers, transformers, peft and PyTorch into ModelErrors."""
    try:
        yield
    except ImportError as error:
        raise ModelError(
            f"{source}: cannot be loaded: {one_line(error).rstrip('.')}.",
            cure="Install the package that it names.",
        ) from error
    except _ERRORS as error:
        raise ModelError(
            f"{source}: cannot be loaded: {one_line(error).rstrip('.') or type(error).__name__}.",
            cure="Download it again; if it is whole, upgrade: pip install -U diffusers transformers peft.",
        ) from error


_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    LookupError,
    AssertionError,  # diffusers checks some layouts by `assert`
    NotImplementedError,
    pickle.UnpicklingError,
    SafetensorError,
)


def _checked(folder: Path, source: str) -> Path:
    """A folder with a model_index.json. Raises ModelError that says what a folder without it looks like."""
    if (folder / INDEX).is_file():
        return folder
    looks, cure = _looks(folder)
    raise ModelError(f"{source}: no {INDEX}, so no diffusers pipeline; {looks}.", cure=cure)


def _looks(folder: Path) -> tuple[str, str]:
    """What a folder without model_index.json looks like, and what to do about it."""
    names = {path.name for path in folder.iterdir()}
    inner = sorted([*folder.glob(f"*/{INDEX}"), *folder.glob(f"snapshots/*/{INDEX}")])
    checkpoints = sorted(name for name in names if name.endswith((".ckpt", ".safetensors")))
    if names & {"adapter_config.json", "pytorch_lora_weights.safetensors", "adapter_model.safetensors"}:
        return "it looks like adapters (LoRA)", "Open the model they were trained on, and load them onto it."
    if RECIPE_FILE in names and MANIFEST_FILE not in names:
        return "a run that has not finished", "Finish it: the same command continues from its last checkpoint."
    if MANIFEST_FILE in names:
        return "it is the output of another stage", "Give the folder that `actionpairs train` has written."
    if inner:
        return "a model lies inside it", f"Give {inner[0].parent}."
    if "config.json" in names:
        return _looks_of_config(folder)
    if checkpoints:
        return "it has a checkpoint file", f"Give the file: {folder / checkpoints[0]}."
    if names & set(folders.DENOISERS):
        return "it has parts of one", f"Add the model's own {INDEX}: download it again, whole."
    return "it is empty" if not names else f"it has {', '.join(sorted(names)[:4])}", "Give a model's folder."


def _looks_of_config(folder: Path) -> tuple[str, str]:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    whole = folder.parent if (folder.parent / INDEX).is_file() else f"the model's folder, which has {INDEX}"
    if "_class_name" in config:
        return f"it is one part of a model, a {config['_class_name']}", f"Give {whole}."
    name = (config.get("architectures") or [config.get("model_type", "model")])[0]
    return f"it looks like a {name} of transformers", f"Give {whole}."
