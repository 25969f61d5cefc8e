"""The training of an editor, from the first weights to the published folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from actionpairs.configs import EditorConfig, PretrainedModel
from actionpairs.data import examples, shapes
from actionpairs.data.examples import Example
from actionpairs.editors import families, freezing, interpolation, lora
from actionpairs.editors.editor import Denoiser, Editor
from actionpairs.errors import TrainingError
from actionpairs.progress import print_note
from actionpairs.training import checkpoints, fsdp, tiny_editors
from actionpairs.training.conditionings import cached_conditionings
from actionpairs.training.diagnostics import Diagnostics
from actionpairs.training.diffusion_batches import DiffusionBatches
from actionpairs.training.editor_card import card_of, describe_frozen
from actionpairs.training.editor_setup import cut_note, prepare_denoiser, sampler_of
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.fixed_pairs import fixed_pairs_of
from actionpairs.training.latents import cached_latents
from actionpairs.training.loss_terms import LossWeights
from actionpairs.training.publishing import publish
from actionpairs.training.run import TrainResult, TrainRun
from actionpairs.training.sample_grid import grid_of
from actionpairs.training.state import TrainState, check_division, compile_network, prepare
from actionpairs.training.train import Snapshots, run_loop


def train_editor(run: TrainRun, config: EditorConfig) -> TrainResult:
    """Load or build the editor, encode all pairs once, train, and publish the editor.

    All that can be wrong with the recipe is said before the pairs are encoded, which may take hours.
    """
    pairs, device = examples.load_train(run.shards), run.accelerator.device
    check_division(run.accelerator, config)
    with run.accelerator.main_process_first():
        editor = _load_or_build(run, config, pairs)
        _check_precision(editor, config)
        frozen = prepare_denoiser(editor, config)
        diagnostics = Diagnostics.of(config.diagnostics, editor.denoiser, editor.noise_process(config.times))
        batches = _encode(run, config, editor, pairs)
        candidates = examples.load_test(run.shards) or pairs
        grid = grid_of(editor, candidates, config, device=device)
        fixed_pairs = fixed_pairs_of(editor, candidates, config, device=device)
    start = interpolation.weights_of(editor.denoiser) if config.interpolation < 1 else {}
    editor.denoiser.to(device)
    if run.accelerator.is_main_process:
        _print_notes(f"frozen: {describe_frozen(frozen, config, editor)}", cut_note(editor, pairs))
    weights = LossWeights.of(config)
    task = EditorTask(
        editor,
        batches,
        weights,
        accelerator=run.accelerator,
        reference=_reference(editor, config) if weights.needs_reference else None,
        diagnostics=diagnostics,
    )
    snapshots = Snapshots(grid.draw, config.sample_every, fixed_pairs.measure if fixed_pairs else None)
    step, state = _run(run, config, editor, task, snapshots)
    counts = {"pairs": len(pairs), "steps": step, "frozen_tensors": len(frozen)}
    if step < config.steps:
        return TrainResult(step, counts, card=None)
    trained = _gather(editor, state)
    if run.accelerator.is_main_process:
        if config.interpolation < 1:
            interpolation.interpolate(trained.denoiser, start, config.interpolation)
        publish(trained, config, run.out)
    return TrainResult(step, counts, card_of(run.out, config, editor, pairs, frozen))


def _run(
    run: TrainRun, config: EditorConfig, editor: Editor, task: EditorTask, snapshots: Snapshots
) -> tuple[int, TrainState]:
    """The training loop. Returns the number of steps done in all, and the state after them."""
    fsdp.name_blocks(run.accelerator, editor.traits.blocks)
    state = prepare(run.accelerator, editor.denoiser, config, ema_decay=config.ema_decay)
    if config.lora:
        checkpoints.keep_only_trained(run.accelerator)
    step = run_loop(
        task, state, config, run.out, snapshots=snapshots, stop_after=run.stop_after, trackers=run.trackers
    )
    return step, state


def _print_notes(*notes: str) -> None:
    for note in filter(None, notes):
        print_note(note)


def _load_or_build(run: TrainRun, config: EditorConfig, pairs: Sequence[Example]) -> Editor:
    """The editor before training, on the CPU. A tiny one is built once, and kept in OUT/base."""
    if not isinstance(config.model, PretrainedModel):
        return families.load(str(tiny_editors.base_folder(run, config, config.model, pairs)))
    dtype = None if config.lora else torch.float32  # half the bits would lose small steps
    editor = families.load(
        config.model.source,
        widen=config.model.widen,
        dtype=getattr(torch, config.model.dtype) if config.model.dtype else dtype,
        quantize=config.model.quantize,
        device=run.accelerator.device,
    )
    lora.merge(editor)  # those of an earlier run
    return editor


def _check_precision(editor: Editor, config: EditorConfig) -> None:
    """Raise TrainingError for float16 with a model that was released in bfloat16: its activations overflow."""
    if config.precision == "fp16" and editor.traits.dtype is torch.bfloat16:
        raise TrainingError(
            f"`precision: fp16`: a {editor.traits.name} was made in bfloat16, and overflows.",
            cure="Set `precision: bf16`.",
        )


def _encode(run: TrainRun, config: EditorConfig, editor: Editor, pairs: Sequence[Example]) -> DiffusionBatches:
    """The batches of every step. Latents and conditionings are computed once, and cached in OUT/cache."""
    process = editor.noise_process(config.times)
    sampler = sampler_of(editor, config, pairs)
    sides = sampler.order.shapes
    assert sides is not None
    if run.accelerator.is_main_process:
        notes = [shapes.describe(sides) if len(set(sides)) > 1 else "", sampler.note()]
        for note in filter(None, notes):
            print_note(note)
    latents = cached_latents(
        editor,
        pairs,
        run.cache,
        shapes=sides,
        mirrored=config.flip > 0,
        device=run.accelerator.device,
        workers=run.workers,
    )
    texts = cached_conditionings(editor, sampler, run.cache, steps=config.steps, device=run.accelerator.device)
    return DiffusionBatches(sampler, latents, texts, editor, process)


def _reference(editor: Editor, config: EditorConfig) -> Denoiser:
    """The denoiser before training, which L_reg compares with."""
    if config.lora:
        return lora.without_adapters(editor.denoiser)
    reference = freezing.frozen_copy(editor.denoiser, precision=config.precision)
    if config.compile:
        compile_network(reference, cuda_graphs=config.cuda_graphs)
    return reference


def _gather(editor: Editor, state: TrainState) -> Editor:
    """The editor with the trained denoiser, averaged; under FSDP, with a whole one in the main process."""
    if state.ema:
        state.ema.copy_to(state.unwrapped_model)
    weights = state.accelerator.get_state_dict(state.model) if state.is_sharded else {}
    if not weights:
        return editor.with_denoiser(state.unwrapped_model)
    denoiser: Any = type(editor.denoiser).from_config(editor.denoiser.config)  # type: ignore[attr-defined]
    denoiser.load_state_dict(weights)
    return editor.with_denoiser(denoiser)
