"""Folders in diffusers' layout as they are released: fp16 variants, shards, .bin weights, parts left out."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from diffusers import DiffusionPipeline
from torch import nn

from actionpairs.errors import ModelError
from actionpairs.manifest import RECIPE_FILE
from actionpairs.model_files import pickles
from actionpairs.model_files.processors import without_torchvision

INDEX = "model_index.json"
DENOISERS = ("unet", "transformer")
_UNNEEDED = ("safety_checker", "feature_extractor")
_SMALL = (".json", ".txt", ".model", ".jinja")
_AGAIN = "Download the model again, whole."


class Weights(NamedTuple):
    """One set of a part's weights. variant: as in `model.fp16.safetensors`. kind: safetensors or bin."""

    variant: str | None
    kind: str


def choose(names: Iterable[str]) -> Weights | None:
    """The weights to load of a part with these files: full precision before variants, safetensors before .bin."""
    return min({weights for weights in map(_weights, names) if weights}, key=_rank, default=None)


def _weights(name: str) -> Weights | None:
    match = _NAMES.fullmatch(name)
    return Weights(match["variant"] or match["late"], match["kind"]) if match else None


_NAMES = re.compile(  # the variant of shards has stood in two places
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?:\.(?P<variant>\w+))?"
    r"(?:-\d{5}-of-\d{5}(?:\.(?P<late>\w+))?)?\.(?P<kind>safetensors|bin)"
)


def _rank(weights: Weights) -> tuple[int, str, bool]:
    variants = (None, "fp32", "fp16", "bf16", "ema")
    position = variants.index(weights.variant) if weights.variant in variants else len(variants)
    return position, weights.variant or "", weights.kind == "bin"


def wanted(names: Iterable[str], index: Mapping[str, Any], *, source: str) -> list[str]:
    """Of a repository's files, those that `open_folder` needs: one set of weights, and the small ones."""
    needed, names = _parts(index, source=source), list(names)
    folders: dict[str, list[str]] = {part: [] for part in needed}
    for path in names:
        part, _, name = path.rpartition("/")
        if part in folders:
            folders[part].append(name)
    return [INDEX, *(name for name in names if name == RECIPE_FILE)] + [
        f"{part}/{name}"
        for part, files in folders.items()
        for name in files
        if name.endswith(_SMALL) or (_weights(name) and _weights(name) == choose(files))
    ]


def load_index(path: Path, *, source: str) -> dict[str, Any]:
    """The content of a model_index.json. Raises ModelError."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{source}: its {INDEX} is not JSON.", cure=_AGAIN) from error
    if not isinstance(index, dict) or "_class_name" not in index:
        raise ModelError(f"{source}: its {INDEX} names no class of pipeline.", cure=_AGAIN)
    if not isinstance(index["_class_name"], str):
        raise ModelError(
            f"{source}: a pipeline with code of its own, which is not run.",
            cure="Give a model whose pipeline is one of diffusers' own.",
        )
    return index


def pipeline_class(index: Mapping[str, Any], *, source: str) -> type[DiffusionPipeline]:
    """Diffusers' class of a pipeline. Raises ModelError if this version has none by that name."""
    name = index["_class_name"]
    class_ = getattr(diffusers, name, None)
    if not isinstance(class_, type) or not issubclass(class_, DiffusionPipeline):
        raise ModelError(
            f"{source}: a {name}, which diffusers {diffusers.__version__} does not have.",
            cure="Upgrade: pip install -U diffusers transformers.",
        )
    return class_


def left_out(class_: type[DiffusionPipeline]) -> dict[str, Any]:
    """The arguments by which a pipeline does without its safety checker."""
    options: dict[str, Any] = {name: None for name in _UNNEEDED if name in class_._optional_components}
    if "requires_safety_checker" in inspect.signature(class_.__init__).parameters:
        options["requires_safety_checker"] = False
    return options


def open_folder(
    folder: Path, *, source: str, dtype: torch.dtype, denoiser_options: Mapping[str, Any]
) -> DiffusionPipeline:
    """Open a folder that has a model_index.json. denoiser_options: for the denoiser's `from_pretrained`.

    Raises ModelError if a part or some of its weights are missing; also the errors of diffusers and transformers.
    """
    index = load_index(folder / INDEX, source=source)
    class_ = pipeline_class(index, source=source)
    models = {}
    for name, (library, class_name) in _parts(index, source=source).items():
        if not (folder / name).is_dir():
            if (folder / "config.json").is_file():  # a layout with this part's files at the top
                continue
            raise ModelError(f"{source}: its part `{name}` is missing.", cure=_AGAIN)
        part_class = model_class(library, class_name)
        if part_class:
            options = denoiser_options if name in DENOISERS else {}
            models[name] = _load(part_class, folder / name, source=source, options={"dtype": dtype, **options})
    return without_torchvision(class_, folder, dtype=dtype, **models, **left_out(class_))


def _parts(index: Mapping[str, Any], *, source: str) -> dict[str, tuple[str, str]]:
    """The library and class of every part that is needed."""
    unneeded = left_out(pipeline_class(index, source=source))
    pairs = {name: value for name, value in index.items() if isinstance(value, list) and len(value) == 2}
    return {
        name: (pair[0], pair[1]) for name, pair in pairs.items() if name not in unneeded and pair[0] and pair[1]
    }


def model_class(library: str, name: str) -> Any:
    """The class of a part that has weights; None for a tokenizer, a scheduler, and any other part."""
    if library not in ("diffusers", "transformers"):
        return None
    class_ = getattr(importlib.import_module(library), name, None)
    return class_ if isinstance(class_, type) and issubclass(class_, nn.Module) else None


def _load(class_: Any, folder: Path, *, source: str, options: Mapping[str, Any]) -> nn.Module:
    """Load one part, and check that the files have all its weights: diffusers would leave gaps."""
    files = [path for path in folder.iterdir() if path.is_file()]
    choice = choose(path.name for path in files)
    if choice is None:
        raise ModelError(f"{source}: no weights of its {folder.name}, neither .safetensors nor .bin.", cure=_AGAIN)
    with ExitStack() as stack:
        for path in files:
            if _weights(path.name) == choice:
                _check_not_a_pointer(path, source=source)
                stack.enter_context(pickles.without_code(path, source=source))
        defaults = {"variant": choice.variant, "use_safetensors": choice.kind == "safetensors"}
        loaded: tuple[nn.Module, dict[str, Any]] = class_.from_pretrained(
            str(folder), output_loading_info=True, **{**defaults, **options}
        )
    model, info = loaded
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    missing = sorted(parameters & set(info["missing_keys"]))
    if missing:
        raise ModelError(
            f"{source}: its {folder.name} lacks {len(missing)} of its weights, such as {missing[0]}.",
            cure=f"{_AGAIN} If it is whole, its config.json is of another model.",
        )
    return model


def _check_not_a_pointer(path: Path, *, source: str) -> None:
    with path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            raise ModelError(
                f"{source}: {path.parent.name}/{path.name} is a pointer of git-lfs, not weights.",
                cure="Run `git lfs install` and `git lfs pull` in the model's folder.",
            )
