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
from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, Batches
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix, lora, tiny
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import checkpoints, loop, metric_log, sample_grid
from actionpairs.training.editor_task import Diffusion, EditorTask, Material, Objective
from actionpairs.training.job import Job, Outcome
from actionpairs.training.latents import cached_latents, cached_texts
from actionpairs.training.model_card import Card

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
    task = EditorTask(
        material,
        Objective(config.action, config.regularization.weight, config.min_snr_gamma, config.change_weight),
        Diffusion.of(start),
        accelerator=job.accelerator,
        reference=_reference(config, start) if config.regularization.weight else None,
        grid=_grid(config, start, sample_grid.choose(shown, config.sample_count, seed=config.seed)),
    )
    state = loop.prepare(job.accelerator, start.unet, config, decay=config.ema_decay)
    step = loop.run(task, state, config, job.out, show_every=config.sample_every, stop_after=job.stop_after)
    counts = {"pairs": len(pairs), "steps": step, "frozen_tensors": len(frozen)}
    if step < config.steps:
        return Outcome(step, counts, card=None)
    if state.ema:
        state.ema.copy_to(state.plain)
    whole = _whole(start, state)
    if job.accelerator.is_main_process:
        _publish(job, config, whole)
    return Outcome(step, counts, _card(job, config, pairs, frozen))


def _start(job: Job, config: EditorConfig, pairs: Sequence[Example]) -> Editor:
    """The editor that training starts from, on the device. A tiny one is made once, and kept in OUT/base."""
    device = job.accelerator.device
    if isinstance(config.model, PretrainedModel):
        return instruct_pix2pix.load(config.model.source, widen=config.model.widen).to(device)
    path = job.out / BASE_FOLDER
    if not path.exists():
        made = _made(job, config, config.model, pairs)
        made.save(job.out / ".base")
        checkpoints.publish(job.out / ".base", path)
    return instruct_pix2pix.load(str(path)).to(device)


def _frozen(config: EditorConfig, start: Editor) -> tuple[str, ...]:
    """Set up the U-Net as the recipe says; gives the names of the tensors that stay as they are."""
    instruct_pix2pix.freeze(start.unet, config.freeze)
    if config.lora:
        lora.add(
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
        return lora.without(start.unet)
    reference = instruct_pix2pix.frozen_copy(start.unet, precision=config.precision)
    loop.compile_network(reference, config)
    return reference


def _made(job: Job, config: EditorConfig, sizes: TinyModel, pairs: Sequence[Example]) -> Editor:
    """Build a tiny editor, around an autoencoder that knows the pairs unless the recipe names one."""
    device, seed = job.accelerator.device, config.seed
    if sizes.autoencoder is not None:
        vae = instruct_pix2pix.load_autoencoder(sizes.autoencoder).to(device)
    else:
        pictures = np.concatenate(list(examples.read_all(pairs, config.resolution, workers=job.workers)))
        vae = tiny.make_autoencoder(sizes, pictures, seed=seed, device=device)
    texts = [pair.entry.instruction for pair in pairs]
    return tiny.build(sizes, vae, texts, resolution=config.resolution, seed=seed)


def _material(job: Job, config: EditorConfig, start: Editor, pairs: Sequence[Example]) -> Material:
    """The batches, and the latents and embeddings that they need, from the cache where they are there."""
    presentation = Augmentation(
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


def _grid(config: EditorConfig, start: Editor, rows: tuple[Example, ...]) -> sample_grid.Grid:
    return sample_grid.Grid(
        start,
        rows,
        size=config.resolution,
        seed=config.seed,
        steps=config.sample_steps,
        image_guidance=config.sample_image_guidance,
        text_guidance=config.sample_text_guidance,
    )


def _whole(trained: Editor, state: loop.TrainState) -> Editor:
    """The trained editor; the main process gets one with a whole U-Net where they have shared it out."""
    weights = state.accelerator.get_state_dict(state.model) if state.is_shared else {}
    if not weights:
        return trained
    unet = UNet2DConditionModel.from_config(trained.unet.config)
    unet.load_state_dict(weights)
    return replace(trained, unet=unet)


def _publish(job: Job, config: EditorConfig, trained: Editor) -> None:
    """Put the editor into the folder; adapters are merged into its weights, and lie in a folder of their own."""
    if config.lora:
        lora.save_and_merge(trained.unet, job.out / ".model" / ADAPTERS_FOLDER)
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
        losses=metric_log.last(job.out / metric_log.TABLE_FILE),
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
