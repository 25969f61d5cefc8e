"""Editors without weights, built from their configs alone.

First their tensors are on PyTorch's meta device: a network of 20 B parameters is built in a second, and freezing
and adapters work on it as on any other. `let_run` then lets them run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import SchedulerMixin
from diffusers.utils import logging as diffusers_logging
from torch import Tensor, nn
from transformers import BatchEncoding

from actionpairs.configs import EditorConfig, TinyModel
from actionpairs.editors import families, tiny
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError
from actionpairs.model_files import folders, hub, sources

Fetch = Callable[[str], Path]  # a file of a model by its name inside the model's folder


def build(config: EditorConfig, texts: Sequence[str], *, on_gpu: bool) -> Editor:
    """The editor that a recipe trains, as it is before training, on the meta device.

    texts: the pairs' instructions, for the tokenizer of a tiny editor. on_gpu: with `lora`, weights then have the
    type that the family was released in, unless the recipe names one. The editor has no tokenizers, so it cannot
    encode texts. From the hub, only model_index.json and the parts' configs come. Of a folder that has adapters
    alone, it is the model that they belong to. Raises ModelError.
    """
    if isinstance(config.model, TinyModel):
        return _tiny(config.model, config, texts)
    dtype = None if config.model.dtype is None else getattr(torch, config.model.dtype)
    on_gpu = on_gpu and config.lora is not None  # all weights train in float32
    source = families.base_of(config.model.source)
    return of_model(source, widen=config.model.widen, dtype=dtype, on_gpu=on_gpu)


def of_model(
    source: str, *, widen: bool = False, dtype: torch.dtype | None = None, on_gpu: bool = False
) -> Editor:
    """The editor of a folder or hub id, as `build` makes it. Raises ModelError."""
    fetch = _fetcher(source)
    index = folders.load_index(fetch(folders.INDEX), source=source)
    family = families.family_of(index["_class_name"], source)
    dtype = dtype or (family.traits.dtype if on_gpu else torch.float32)
    parts = _parts(index, fetch, source=source, dtype=dtype)
    with torch.device("meta"):
        pipeline = folders.pipeline_class(index, source=source)(**parts)
        if widen:
            return family(pipeline, widen=True)  # type: ignore[call-arg]
        return family(pipeline)


def _fetcher(source: str) -> Fetch:
    """Where the small files of a model come from: its folder, or the hub."""
    path = sources.locate(source)
    if path is None:
        return lambda name: hub.fetch(source, name)
    if path.is_file():
        raise ModelError(
            f"{source}: a checkpoint file, which has no configs to plan by.",
            cure="Plan with a folder or hub id of the same model, or train without --dry-run.",
        )
    return lambda name: _existing(path, name, source)


def _existing(folder: Path, name: str, source: str) -> Path:
    if not (folder / name).is_file():
        raise ModelError(f"{source}: it has no {name}.", cure="Give the whole folder of a diffusers pipeline.")
    return folder / name


def _parts(index: Mapping[str, Any], fetch: Fetch, *, source: str, dtype: torch.dtype) -> dict[str, Any]:
    """All arguments of a pipeline. Networks have no data, and what turns texts into tokens is None."""
    absent = folders.left_out(folders.pipeline_class(index, source=source))
    parts: dict[str, Any] = {}
    for name, value in index.items():
        if name.startswith("_") or name in absent:
            continue
        parts[name] = value if not isinstance(value, list) else _part(name, value, fetch, dtype=dtype)
    return {**parts, **absent}


def _part(name: str, entry: Sequence[Any], fetch: Fetch, *, dtype: torch.dtype) -> Any:
    library, class_name = entry
    if library is None or class_name is None:
        return None
    network = folders.model_class(library, class_name)
    if network is not None:
        return _network(network, fetch(f"{name}/config.json"), dtype=dtype)
    scheduler = getattr(diffusers, class_name, None) if library == "diffusers" else None
    if isinstance(scheduler, type) and issubclass(scheduler, SchedulerMixin):  # it computes, so it has data
        return scheduler.from_config(_json(fetch(f"{name}/scheduler_config.json")))  # type: ignore[attr-defined]
    return _Absent() if "processor" in name else None


class _Absent:
    """A processor that nobody will ask. One pipeline takes its processor's parts when it is built."""

    image_processor = tokenizer = None


def _network(network: Any, config: Path, *, dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"), _without_warnings():
        if hasattr(network, "from_config"):
            built: nn.Module = network.from_config(_json(config))
        else:
            built = network(network.config_class.from_pretrained(config.parent))
        return built.to(dtype).eval()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """None of diffusers' warnings: of keys that newer versions have, and of types that its files would say."""
    verbosity = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(verbosity)


def _json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def _tiny(sizes: TinyModel, config: EditorConfig, texts: Sequence[str]) -> Editor:
    """A tiny editor: it is built as for training, except that its autoencoder is not trained."""
    if sizes.autoencoder is not None:
        vae = families.load_autoencoder(sizes.autoencoder)
    else:
        gray = np.full((1, config.resolution, config.resolution, 3), 128, np.uint8)
        untrained = sizes.model_copy(update={"autoencoder_steps": 0})
        vae = tiny.make_autoencoder(untrained, gray, seed=config.seed, device=torch.device("cpu"))
    editor = families.build_tiny(sizes, vae, texts, resolution=config.resolution, seed=config.seed)
    return editor.to(torch.device("meta"))


def let_run(network: nn.Module) -> None:
    """Replace the tensors of a network on the meta device by tensors of the mode that the caller is in.

    On the meta device itself, autocast does not work, and attention keeps a matrix of all tokens.
    """
    network.to_empty(device="cpu")
    for module in network.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.is_meta:  # such as the tables of rotary embeddings
                setattr(module, name, torch.empty_like(value, device="cpu"))


@contextmanager
def tokenizers_of_padding(editor: Editor, length: int) -> Iterator[None]:
    """The tokenizers of an editor of `build`: each text becomes the most tokens that it may have, all of them 0.

    length: of a text in tokens, where the family does not set it.
    """
    names = [name for name in editor.pipeline.components if "tokenizer" in name]
    for name in names:
        setattr(editor.pipeline, name, _Padding(length))
    try:
        yield
    finally:
        for name in names:
            setattr(editor.pipeline, name, None)


class _Padding:
    """What pipelines ask a tokenizer."""

    added_tokens_encoder: Mapping[str, int] = {}

    def __init__(self, length: int) -> None:
        self.model_max_length = length

    def __call__(self, texts: str | Sequence[Any], *, max_length: int = 1, **options: Any) -> BatchEncoding:
        """max_length: without it, a text is one token long; some pipelines ask so what they cut off."""
        ids = torch.zeros(1 if isinstance(texts, str) else len(texts), max_length, dtype=torch.long)
        return BatchEncoding({"input_ids": ids, "attention_mask": torch.ones_like(ids)})

    def apply_chat_template(self, messages: Sequence[Any], *, tokenize: bool, **options: Any) -> Any:
        """Tokens, or a text for the tokenizer."""
        return self(messages, **options) if tokenize else ""

    def tokenize(self, text: str) -> list[str]:
        """Nothing that a pipeline would replace."""
        return []
