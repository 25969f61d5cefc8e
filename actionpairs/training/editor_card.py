"""What a trained editor's card says."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

from actionpairs.configs import EditorConfig, TinyModel
from actionpairs.data.examples import Example
from actionpairs.editors import lora
from actionpairs.editors.editor import Editor
from actionpairs.model_files import sources
from actionpairs.training import metric_log
from actionpairs.training.model_card import ModelCard
from actionpairs.training.publishing import base_of

_WHOLE = """from diffusers import {pipeline}
pipeline = {pipeline}.from_pretrained("this folder")
edit = pipeline({call}).images[0]"""
_DENOISER_ADAPTERS = """from diffusers import {pipeline}
pipeline = {pipeline}.from_pretrained("{base}")
pipeline.{denoiser}.load_lora_adapter("this folder/lora", prefix=None, weight_name="{file}")
edit = pipeline({call}).images[0]"""
_ADAPTERS = """from diffusers import {pipeline}
pipeline = {pipeline}.from_pretrained("{base}")
pipeline.load_lora_weights("this folder/lora")
edit = pipeline({call}).images[0]"""


def card_of(
    out: Path, config: EditorConfig, editor: Editor, pairs: Sequence[Example], frozen: Sequence[str]
) -> ModelCard:
    """The card of a finished run."""
    facts = [
        f"Family: {editor.traits.name}.",
        f"Trained on {len(pairs)} pairs of {len({pair.entry.action for pair in pairs})} actions.",
        f"Weights: the running average (EMA) with decay {config.ema_decay}."
        if config.ema_decay
        else "Weights: those of the last step.",
        f"Frozen: autoencoder, text encoder, and in the denoiser {describe_frozen(frozen, config, editor)}.",
    ]
    if isinstance(config.model, TinyModel):
        facts.append(
            "This model is tiny and was built from nothing on these pairs. `base/` is the model before training."
        )
    text = pairs[0].entry.instruction.replace('"', "'").replace("`", "'")
    template = _WHOLE
    if config.lora and not config.lora.merge:
        template = _ADAPTERS if hasattr(editor.pipeline, "load_lora_weights") else _DENOISER_ADAPTERS
    return ModelCard(
        title="Action editor",
        library="diffusers",
        tag="image-to-image",
        usage=template.format(
            pipeline=type(editor.pipeline).__name__,
            base=base_of(config),
            denoiser=editor.traits.denoiser,
            file=lora.FILE,
            call=f'prompt="{text}", image=picture{_options(config, editor)}',
        ),
        facts=facts,
        losses=metric_log.final_means(out / metric_log.TABLE_FILE),
        base=sources.hub_id(base_of(config)),
    )


def _options(config: EditorConfig, editor: Editor) -> str:
    """What diffusers' pipeline must be told of a tiny model, which has other sizes than it expects."""
    if not isinstance(config.model, TinyModel):
        return ""
    options = {
        "height": config.resolution,
        "width": config.resolution,
        "max_area": config.resolution**2,
        "_auto_resize": False,
        "max_sequence_length": config.model.text_length,
    }
    names = inspect.signature(type(editor.pipeline).__call__).parameters
    return "".join(f", {name}={value}" for name, value in options.items() if name in names)


def describe_frozen(frozen: Sequence[str], config: EditorConfig, editor: Editor) -> str:
    """The frozen parts in words."""
    if config.lora:
        targets = config.lora.targets or editor.traits.lora_targets
        return f"all but adapters of rank {config.lora.rank} on {', '.join(targets)}"
    blocks = _blocks(frozen, editor.traits.text_layers if config.freeze is None else config.freeze)
    return f"{len(blocks)} blocks: {', '.join(blocks)}" if blocks else "nothing"


def _blocks(frozen: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The modules that the patterns name, each once: ….attn2 for all parameters inside."""
    modules = (
        name[: name.index(pattern) + len(pattern)] for name in frozen for pattern in patterns if pattern in name
    )
    return list(dict.fromkeys(modules))
