"""The training of an editor, from the first weights to the published folder."""

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
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix, lora, tiny
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import checkpoints, metric_log, sample_grid
from actionpairs.training.diffusion_batches import DiffusionBatches, NoiseSchedule
from actionpairs.training.editor_task import EditorTask, LossWeights
from actionpairs.training.latents import cached_latents, cached_texts
from actionpairs.training.model_card import ModelCard
from actionpairs.training.run import TrainResult, TrainRun
from actionpairs.training.sample_grid import SampleGrid
from actionpairs.training.state import TrainState, compile_network, prepare
from actionpairs.training.train import Snapshots, run_loop

BASE_FOLDER, ADAPTERS_FOLDER = "base", "lora"
_USAGE = """from diffusers import StableDiffusionInstructPix2PixPipeline
pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained("this folder")
edit = pipeline("{text}", image=picture).images[0]"""


def train_editor(run: TrainRun, config: EditorConfig) -> TrainResult:
    """Load or build the editor, encode all pairs once, train, and publish the editor."""
    pairs = examples.load_train(run.shards)
    with run.accelerator.main_process_first():
        editor = _load_or_build(run, config, pairs)
        batches = _encode(run, config, editor, pairs)
    frozen = _prepare_unet(editor.unet, config)
    if run.accelerator.is_main_process:
        print(f"frozen: {len(frozen)} tensors: {_describe_frozen(frozen, config)}", file=sys.stderr)
    task = EditorTask(
        batches,
        LossWeights(config.action, config.regularization.weight, config.min_snr_gamma, config.change_weight),
        accelerator=run.accelerator,
        reference=_reference(editor.unet, config) if config.regularization.weight else None,
    )
    grid = _sample_grid(config, editor, examples.load_test(run.shards) or pairs)
    state = prepare(run.accelerator, editor.unet, config, ema_decay=config.ema_decay)
    snapshots = Snapshots(grid.draw, every=config.sample_every)
    step = run_loop(task, state, config, run.out, snapshots=snapshots, stop_after=run.stop_after)
    counts = {"pairs": len(pairs), "steps": step, "frozen_tensors": len(frozen)}
    if step < config.steps:
        return TrainResult(step, counts, card=None)
    if state.ema:
        state.ema.copy_to(state.unwrapped_model)
    trained = _gather(editor, state)
    if run.accelerator.is_main_process:
        _publish(run, trained, with_adapters=config.lora is not None)
    return TrainResult(step, counts, _card(run, config, pairs, frozen))


def _load_or_build(run: TrainRun, config: EditorConfig, pairs: Sequence[Example]) -> Editor:
    """The editor before training, on the device. A tiny one is built once, and kept in OUT/base."""
    device = run.accelerator.device
    if isinstance(config.model, PretrainedModel):
        return instruct_pix2pix.load(config.model.source, widen=config.model.widen).to(device)
    path = run.out / BASE_FOLDER
    if not path.exists():
        built = _build(run, config.model, pairs, resolution=config.resolution, seed=config.seed)
        built.save(run.out / ".base")
        checkpoints.publish(run.out / ".base", path)
    return instruct_pix2pix.load(str(path)).to(device)


def _build(run: TrainRun, sizes: TinyModel, pairs: Sequence[Example], *, resolution: int, seed: int) -> Editor:
    """Build a tiny editor. Its autoencoder is trained on the pairs, unless the recipe names one."""
    device = run.accelerator.device
    if sizes.autoencoder is not None:
        vae = instruct_pix2pix.load_autoencoder(sizes.autoencoder).to(device)
    else:
        pictures = np.concatenate(list(examples.iter_pairs(pairs, resolution, workers=run.workers)))
        vae = tiny.make_autoencoder(sizes, pictures, seed=seed, device=device)
    texts = [pair.entry.instruction for pair in pairs]
    return tiny.build(sizes, vae, texts, resolution=resolution, seed=seed)


def _encode(run: TrainRun, config: EditorConfig, editor: Editor, pairs: Sequence[Example]) -> DiffusionBatches:
    """The batches of every step. Latents and embeddings are computed once, and cached in OUT/cache."""
    augmentation = Augmentation(
        flip=config.flip,
        conditioning_dropout=config.conditioning_dropout,
        negatives=config.action.negatives if config.action.weight else 0,
        drawn_from=config.action.drawn_from,
    )
    sampler = BatchSampler(pairs, augmentation, seed=config.seed, batch_size=config.batch_size)
    latents = cached_latents(
        editor, pairs, run.cache, size=config.resolution, mirrored=config.flip > 0, workers=run.workers
    )
    texts = cached_texts(editor, sampler.texts(), run.cache)
    return DiffusionBatches(sampler, latents, texts, NoiseSchedule.of(editor))


def _prepare_unet(unet: UNet2DConditionModel, config: EditorConfig) -> tuple[str, ...]:
    """Freeze and set up the U-Net as the recipe says. Returns the names of the frozen tensors."""
    instruct_pix2pix.freeze(unet, config.freeze)
    if config.lora:
        lora.add_adapters(
            unet, config.lora.targets, rank=config.lora.rank, alpha=config.lora.alpha, seed=config.seed
        )
    if config.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
    if config.channels_last:
        unet.to(memory_format=torch.channels_last)
    return tuple(name for name, parameter in unet.named_parameters() if not parameter.requires_grad)


def _reference(unet: UNet2DConditionModel, config: EditorConfig) -> Callable[..., Any]:
    """The U-Net before training, which L_reg compares with."""
    if config.lora:
        return lora.without_adapters(unet)
    reference = instruct_pix2pix.frozen_copy(unet, precision=config.precision)
    if config.compile:
        compile_network(reference, cuda_graphs=config.cuda_graphs)
    return reference


def _sample_grid(config: EditorConfig, editor: Editor, candidates: Sequence[Example]) -> SampleGrid:
    return SampleGrid(
        editor,
        sample_grid.choose(candidates, config.sample_count, seed=config.seed),
        size=config.resolution,
        seed=config.seed,
        steps=config.sample_steps,
        image_guidance=config.sample_image_guidance,
        text_guidance=config.sample_text_guidance,
    )


def _gather(editor: Editor, state: TrainState) -> Editor:
    """The editor with the trained U-Net; under FSDP, with a whole one in the main process."""
    weights = state.accelerator.get_state_dict(state.model) if state.is_sharded else {}
    if not weights:
        return replace(editor, unet=state.unwrapped_model)
    unet = UNet2DConditionModel.from_config(editor.unet.config)
    unet.load_state_dict(weights)
    return replace(editor, unet=unet)


def _publish(run: TrainRun, trained: Editor, *, with_adapters: bool) -> None:
    """Write the editor into OUT. Adapters are merged into its weights, and also written by themselves."""
    if with_adapters:
        lora.save_and_merge(trained.unet, run.out / ".model" / ADAPTERS_FOLDER)
    trained.save(run.out / ".model")
    checkpoints.publish_contents(run.out / ".model", run.out)


def _card(run: TrainRun, config: EditorConfig, pairs: Sequence[Example], frozen: Sequence[str]) -> ModelCard:
    facts = [
        f"Trained on {len(pairs)} pairs of {len({pair.entry.action for pair in pairs})} actions.",
        f"Weights: the running average (EMA) with decay {config.ema_decay}."
        if config.ema_decay
        else "Weights: those of the last step.",
        f"Frozen: the autoencoder, the text encoder, and in the U-Net {_describe_frozen(frozen, config)}.",
    ]
    if isinstance(config.model, TinyModel):
        facts.append(
            "This model is tiny and was built from nothing on these pairs. `base/` is the model before training."
        )
    return ModelCard(
        title="Action editor",
        library="diffusers",
        tag="image-to-image",
        usage=_USAGE.format(text=pairs[0].entry.instruction.replace('"', "'").replace("`", "'")),
        facts=facts,
        losses=metric_log.final_means(run.out / metric_log.TABLE_FILE),
    )


def _describe_frozen(frozen: Sequence[str], config: EditorConfig) -> str:
    if config.lora:
        return f"all but adapters of rank {config.lora.rank} on {', '.join(config.lora.targets)}"
    blocks = _blocks(frozen, config.freeze)
    return f"{len(blocks)} blocks: {', '.join(blocks)}" if blocks else "nothing"


def _blocks(frozen: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The modules that the patterns name, each once: ….attn2 for all parameters inside."""
    modules = (
        name[: name.index(pattern) + len(pattern)] for name in frozen for pattern in patterns if pattern in name
    )
    return list(dict.fromkeys(modules))
