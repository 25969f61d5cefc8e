"""What a recipe makes of an editor and of the training pairs, before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from actionpairs.configs import EditorConfig
from actionpairs.data import shapes
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import freezing, lora, text_limits
from actionpairs.editors.editor import Editor


def sampler_of(editor: Editor, config: EditorConfig, pairs: Sequence[Example]) -> BatchSampler:
    """The rows of every step, in buckets of one shape."""
    sides = shapes.of(pairs, resolution=config.resolution, multiple=editor.multiple, square=config.square)
    augmentation = augmentation_of(editor, config)
    return BatchSampler(pairs, augmentation, seed=config.seed, batch_size=config.batch_size, shapes=sides)


def augmentation_of(editor: Editor, config: EditorConfig) -> Augmentation:
    """How the pairs vary, and which other instructions they meet."""
    regularization, null = config.regularization, editor.null_text()
    on = regularization.on if regularization.weight else "right"
    return Augmentation(
        flip=config.flip,
        conditioning_dropout=config.conditioning_dropout,
        negatives=config.action.negatives if config.action.weight else int(on == "wrong"),
        drawn_from=config.action.drawn_from,
        null_text=null,
        drops_picture=editor.traits.guided_by_picture,
        pool=config.action.pool,
        replayed_texts=regularization.texts if on == "replay" else (null,) if on == "null" else (),
        replayed_share=regularization.share,
        identity=config.identity,
    )


def cut_note(editor: Editor, pairs: Sequence[Example]) -> str:
    """A sentence about instructions that the editor does not read to their end; empty where it reads all."""
    texts = {pair.entry.instruction for pair in pairs}
    cut = text_limits.cut_texts(editor, sorted(texts))
    if not cut:
        return ""
    longest = max(cut, key=lambda text: cut[text])
    return (
        f"{len(cut):,} of {len(texts):,} instructions are cut after the {text_limits.most_tokens(editor)} "
        f"tokens that the model reads, such as {longest!r} ({cut[longest]})."
    )


def prepare_denoiser(editor: Editor, config: EditorConfig) -> tuple[str, ...]:
    """Freeze and set up the denoiser as the recipe says. Returns the names of the frozen tensors."""
    denoiser: Any = editor.denoiser
    freezing.freeze(denoiser, editor.traits.text_layers if config.freeze is None else config.freeze)
    if config.lora:
        targets = config.lora.targets or editor.traits.lora_targets
        lora.add_adapters(denoiser, targets, rank=config.lora.rank, alpha=config.lora.alpha, seed=config.seed)
    if config.gradient_checkpointing:
        denoiser.enable_gradient_checkpointing()
    if config.channels_last:
        denoiser.to(memory_format=torch.channels_last)
    return tuple(name for name, parameter in denoiser.named_parameters() if not parameter.requires_grad)
