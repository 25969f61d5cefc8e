"""The editor's training, from the first weights to the published folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel

from actionpairs.configs import EditorConfig, PretrainedModel, TinyModel
from actionpairs.learning import adapters, checkpoints, curves, editor, examples, grids, loop, tiny
from actionpairs.learning.batches import Batches, Presentation
from actionpairs.learning.card import Card
from actionpairs.learning.editor import Editor
from actionpairs.learning.editor_lesson import Diffusion, EditorLesson, Material, Objective
from actionpairs.learning.examples import Example
from actionpairs.learning.job import Job, Outcome
from actionpairs.learning.latents import cached_latents, cached_texts

BASE_FOLDER, ADAPTERS_FOLDER = "base", "lora"
_USE = """from diffusers import StableDiffusionInstructPix2PixPipeline
pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained("this folder")
edit = pipeline("{text}", image=picture).images[0]"""


def train(job: Job, config: EditorConfig) -> Outcome:
    """Load, freeze, encode once, train, publish."""
    pairs = examples.training(job.shards)
    with job.accelerator.main_process_first():
        start = _start(job, config, pairs)
        material = _material(job, config, start, pairs)
    frozen = _frozen(config, start)
    if job.accelerator.is_main_process:
        print(f"frozen: {len(frozen)} tensors: {_frozen_words(frozen, config)}", file=sys.stderr)
    shown = examples.testing(job.shards) or pairs
    lesson = EditorLesson(
        material,
        Objective(config.action, config.regularization.weight, config.min_snr_gamma, config.change_weight),
        Diffusion.of(start),
        accelerator=job.accelerator,
        reference=_reference(config, start) if config.regularization.weight else None,
        grid=_grid(config, start, grids.choose(shown, config.sample_count, seed=config.seed)),
    )
    trainee = loop.prepare(job.accelerator, start.unet, config, decay=config.ema_decay)
    step = loop.run(lesson, trainee, config, job.out, show_every=config.sample_every, stop_after=job.stop_after)
    counts = {"pairs": len(pairs), "steps": step, "frozen_tensors": len(frozen)}
    if step < config.steps:
        return Outcome(step, counts, card=None)
    if trainee.average:
        trainee.average.copy_to(trainee.plain)
    whole = _whole(start, trainee)
    if job.accelerator.is_main_process:
        _publish(job, config, whole)
    return Outcome(step, counts, _card(job, config, pairs, frozen))


def _start(job: Job, config: EditorConfig, pairs: Sequence[Example]) -> Editor:
    """The editor that training starts from, on the device. A tiny one is made once, and kept in OUT/base."""
    device = job.accelerator.device
    if isinstance(config.model, PretrainedModel):
        return editor.load(config.model.source, widen=config.model.widen).to(device)
    path = job.out / BASE_FOLDER
    if not path.exists():
        made = _made(job, config, config.model, pairs)
        made.save(job.out / ".base")
        checkpoints.publish(job.out / ".base", path)
    return editor.load(str(path)).to(device)


def _frozen(config: EditorConfig, start: Editor) -> tuple[str, ...]:
    """Set up the U-Net as the recipe says; gives the names of the tensors that stay as they are."""
    editor.freeze(start.unet, config.freeze)
    if config.lora:
        adapters.add(
            start.unet,
            config.lora.targets,
            rank=config.lora.rank,
            alpha=config.lora.alpha,
            seed=config.seed,
        )
    if config.gradient_checkpointing:
        start.unet.enable_gradient_checkpointing()
    if config.channels_last:
        start.unet.to(memory_format=torch.channels_last)
    return tuple(name for name, parameter in start.unet.named_parameters() if not parameter.requires_grad)


def _reference(config: EditorConfig, start: Editor) -> Callable[..., Any]:
    """The model that training starts from, to hold the trained one to."""
    if config.lora:
        return adapters.without(start.unet)
    reference = editor.frozen_copy(start.unet, precision=config.precision)
    loop.compile_network(reference, config)
    return reference


def _made(job: Job, config: EditorConfig, sizes: TinyModel, pairs: Sequence[Example]) -> Editor:
    """Build a tiny editor, around an autoencoder that knows the pairs unless the recipe names one."""
    device, seed = job.accelerator.device, config.seed
    if sizes.autoencoder is not None:
        vae = editor.load_autoencoder(sizes.autoencoder).to(device)
    else:
        pictures = np.concatenate(list(examples.read_all(pairs, config.resolution, workers=job.workers)))
        vae = tiny.make_autoencoder(sizes, pictures, seed=seed, device=device)
    texts = [pair.entry.instruction for pair in pairs]
    return tiny.build(sizes, vae, texts, resolution=config.resolution, seed=seed)


def _material(job: Job, config: EditorConfig, start: Editor, pairs: Sequence[Example]) -> Material:
    """The batches, and the latents and embeddings that they need, from the cache where they are there."""
    presentation = Presentation(
        flip=config.flip,
        conditioning_dropout=config.conditioning_dropout,
        wrong_texts=config.action.negatives if config.action.weight else 0,
        drawn_from=config.action.drawn_from,
    )
    batches = Batches(pairs, presentation, seed=config.seed, batch_size=config.batch_size)
    latents = cached_latents(
        start, pairs, job.cache, size=config.resolution, mirrored=config.flip > 0, workers=job.workers
    )
    return Material(batches, latents, cached_texts(start, batches.texts(), job.cache))


def _grid(config: EditorConfig, start: Editor, rows: tuple[Example, ...]) -> grids.Grid:
    return grids.Grid(
        start,
        rows,
        size=config.resolution,
        seed=config.seed,
        steps=config.sample_steps,
        image_guidance=config.sample_image_guidance,
        text_guidance=config.sample_text_guidance,
    )


def _whole(trained: Editor, trainee: loop.Trainee) -> Editor:
    """The trained editor; the main process gets one with a whole U-Net where they have shared it out."""
    weights = trainee.accelerator.get_state_dict(trainee.model) if trainee.is_shared else {}
    if not weights:
        return trained
    unet = UNet2DConditionModel.from_config(trained.unet.config)
    unet.load_state_dict(weights)
    return replace(trained, unet=unet)


def _publish(job: Job, config: EditorConfig, trained: Editor) -> None:
    """Put the editor into the folder; adapters are merged into its weights, and lie in a folder of their own."""
    if config.lora:
        adapters.save_and_merge(trained.unet, job.out / ".model" / ADAPTERS_FOLDER)
    trained.save(job.out / ".model")
    checkpoints.publish_contents(job.out / ".model", job.out)


def _card(job: Job, config: EditorConfig, pairs: Sequence[Example], frozen: Sequence[str]) -> Card:
    facts = [
        f"Learned from {len(pairs)} pairs of {len({pair.entry.action for pair in pairs})} actions.",
        f"Weights: the running average (EMA) with decay {config.ema_decay}."
        if config.ema_decay
        else "Weights: those of the last step.",
        f"Frozen: the autoencoder, the text encoder, and in the U-Net {_frozen_words(frozen, config)}.",
    ]
    if isinstance(config.model, TinyModel):
        facts.append(
            "This model is tiny and was built from nothing on these pairs; `base/` is what its training began "
            "with."
        )
    return Card(
        title="Action editor",
        library="diffusers",
        tag="image-to-image",
        use=_USE.format(text=pairs[0].entry.instruction.replace('"', "'").replace("`", "'")),
        facts=facts,
        losses=curves.last(job.out / curves.TABLE_FILE),
    )


def _frozen_words(frozen: Sequence[str], config: EditorConfig) -> str:
    if config.lora:
        return f"all but adapters of rank {config.lora.rank} on {', '.join(config.lora.targets)}"
    blocks = _blocks(frozen, config.freeze)
    return f"{len(blocks)} blocks: {', '.join(blocks)}" if blocks else "nothing"


def _blocks(frozen: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The modules that patterns name, each once: ….attn2 for all parameters inside."""
    found = (
        name[: name.index(pattern) + len(pattern)] for name in frozen for pattern in patterns if pattern in name
    )
    return list(dict.fromkeys(found))
