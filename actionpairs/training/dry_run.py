"""What the training of an editor would take, from configs and the shards' index alone. No weights are loaded."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from actionpairs.configs import EditorConfig, PretrainedModel
from actionpairs.data.batches import BatchSampler
from actionpairs.data.examples import Example, Shape
from actionpairs.editors.editor import Editor
from actionpairs.training import memory, without_weights
from actionpairs.training.conditionings import meetings
from actionpairs.training.editor_setup import cut_note, sampler_of
from actionpairs.training.memory import Memory

_ARRAY_HEADER = 128  # bytes of a .npy file before its numbers
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Work:
    """What is trained on what, and for how long.

    weights: the type of those that do not train. parts: of a batch, one after another. rows: of a pass of the
    denoiser, all texts of all pairs of a part. buckets: height×width → pairs. cut_texts: a sentence about them.
    """

    model: str
    family: str
    weights: str
    gradient_checkpointing: bool
    pairs: int
    buckets: Mapping[str, int]
    largest_bucket: str
    steps: int
    batch_size: int
    parts: int
    rows: int
    steps_per_epoch: float
    epochs: float
    cut_texts: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes in main memory while the model is loaded, and on the disk.

    Names that end in "estimated" are of no exact count; that of the texts is, unless their encoder sees pictures.
    checkpoint: one of them. checkpoints: how many are kept, besides the one being written. output: the model.
    """

    bytes_host_estimated: int
    disk_latents: int
    disk_texts: int
    disk_texts_are_estimated: bool
    disk_checkpoint_estimated: int
    checkpoints: int
    disk_output_estimated: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would take. trackers: where each would write."""

    work: Work
    memory: Memory
    sizes: Sizes
    trackers: tuple[str, ...] = ()

    def flat(self) -> dict[str, Any]:
        """All values in one mapping, with the peak of each phase."""
        parts = (self.work, self.memory, self.sizes)
        values = {name: value for part in parts for name, value in dataclasses.asdict(part).items()}
        peak = max(self.memory.phases, key=lambda name: self.memory.phases[name])
        training = self.memory.phases["training"]
        most = {"peak": peak, "bytes_peak_estimated": self.memory.phases[peak]}
        return {**values, "bytes_training_phase_estimated": training, **most, "trackers": list(self.trackers)}


def plan(config: EditorConfig, pairs: Sequence[Example], *, on_gpu: bool = True) -> DryRun:
    """Count what a run would take. on_gpu: weights have the type that they have there. Raises ActionpairsError."""
    editor = without_weights.build(config, [pair.entry.instruction for pair in pairs], on_gpu=on_gpu)
    sampler = sampler_of(editor, config, pairs)
    assert sampler.order.shapes is not None
    buckets = Counter(sampler.order.shapes)
    largest = max(buckets, key=lambda shape: (shape[0] * shape[1], shape))
    work = _work(editor, config, sampler, buckets, largest)
    encoders, host = (
        memory.bytes_of(parts) for parts in (editor.encoders(), [editor.denoiser, *editor.encoders()])
    )
    latents = _latents_on_disk(editor, config, buckets)
    texts = _texts_on_disk(editor, sampler, config, largest)
    measured = memory.measure(editor, config, largest)
    sizes = Sizes(
        bytes_host_estimated=host,
        disk_latents=latents,
        disk_texts=texts,
        disk_texts_are_estimated=editor.traits.text_sees_picture,
        disk_checkpoint_estimated=_checkpoint(measured, config),
        checkpoints=min(config.keep_checkpoints, math.ceil(config.steps / config.checkpoint_every)),
        disk_output_estimated=_output(measured, config, encoders),
    )
    return DryRun(work, measured, sizes)


def _work(
    editor: Editor, config: EditorConfig, sampler: BatchSampler, buckets: Mapping[Shape, int], largest: Shape
) -> Work:
    model = config.model if isinstance(config.model, PretrainedModel) else None
    pairs, parts = len(sampler.examples), config.accumulation
    return Work(
        model=model.source if model else "tiny",
        family=editor.traits.name,
        weights=(model and model.quantize) or str(editor.dtype).removeprefix("torch."),
        gradient_checkpointing=config.gradient_checkpointing,
        pairs=pairs,
        buckets={_name(shape): count for shape, count in sorted(buckets.items(), key=lambda each: -each[1])},
        largest_bucket=_name(largest),
        steps=config.steps,
        batch_size=config.batch_size,
        parts=parts,
        rows=sampler.augmentation.rows(config.batch_size // parts),
        steps_per_epoch=pairs / config.batch_size,
        epochs=config.steps * config.batch_size / pairs,
        cut_texts=cut_note(editor, sampler.examples),
    )


def _name(shape: Shape) -> str:
    return f"{shape[0]}×{shape[1]}"


@torch.no_grad()
def _latents_on_disk(editor: Editor, config: EditorConfig, buckets: Mapping[Shape, int]) -> int:
    """For each pair, as it is and mirrored, three times C h w in float16; a file for each bucket."""
    versions, total = 2 if config.flip else 1, 0
    for shape, count in buckets.items():
        latents = editor.encode(np.zeros((1, *shape, 3), np.uint8))[0]
        total += _ARRAY_HEADER + count * versions * 3 * latents.numel() * 2
    return total


def _texts_on_disk(editor: Editor, sampler: BatchSampler, config: EditorConfig, shape: Shape) -> int:
    """The tokens of each text, and its pooled vector. A text is there for every picture that its encoder sees."""
    with_picture = editor.traits.text_sees_picture
    keys = len(meetings(sampler, config.steps) if with_picture else sampler.texts())
    one = editor.expected_conditioning(*shape)
    tokens, width = one.embeddings.shape[1:]
    kind, item = ("uint16", 2) if one.embeddings.dtype == torch.bfloat16 else ("float32", 4)
    pooled = 0 if one.pooled is None else _ARRAY_HEADER + keys * one.pooled.numel() * item
    starts = _ARRAY_HEADER + 8 * (keys + 1)
    layout = len(json.dumps({"type": kind, "width": width}))
    return keys * tokens * width * item + pooled + starts + layout


def _checkpoint(measured: Memory, config: EditorConfig) -> int:
    """Weights, moments and average; with adapters theirs alone."""
    frozen = 0 if config.lora else measured.bytes_frozen_weights
    return frozen + measured.bytes_trained_weights + measured.bytes_moments + measured.bytes_average


def _output(measured: Memory, config: EditorConfig, encoders: int) -> int:
    """The whole model, the adapters, or both."""
    trained, frozen = measured.bytes_trained_weights, measured.bytes_frozen_weights
    if config.lora is None:
        return trained + frozen + encoders
    return trained + (frozen + encoders if config.lora.merge else 0)


def describe(run: DryRun) -> str:
    """A plan as a text table."""
    trackers = ["trackers", *(f"{'':>18}{line}" for line in run.trackers or ["none"])]
    parts = [*_describe_work(run), *_describe_memory(run), *_describe_disk(run.sizes), *trackers, *_NOTES]
    return "\n".join(parts)


_NOTES = (
    "note: activations are counted on the step's own code. Attention is taken to keep no matrix of all tokens.",
    "note: in bf16 a GPU keeps norms in float32, which adds some percent.",
    "note: the GPU's driver and gaps between tensors come on top. `compile` and `fsdp` take less.",
)


def _describe_work(run: DryRun) -> Iterator[str]:
    work, memory_ = run.work, run.memory
    yield f"{work.model}: {work.family}"
    yield f"{memory_.parameters:>16,}  parameters of the denoiser"
    yield f"{memory_.trained_parameters:>16,}  parameters train"
    yield f"{work.pairs:>16,}  pairs"
    yield from (f"{count:>20,}  in the bucket {name}" for name, count in work.buckets.items())
    parts = "in one part" if work.parts == 1 else f"in {work.parts} parts"
    yield f"{work.steps:>16,}  steps of {work.batch_size} pairs, {parts}"
    yield f"{work.rows:>16,}  rows in a pass of the denoiser: each pair with each of its texts"
    yield f"{work.steps_per_epoch:>16,.1f}  steps per epoch"
    yield f"{work.epochs:>16,.1f}  epochs"
    if work.cut_texts:
        yield f"note: {work.cut_texts}"


def _describe_memory(run: DryRun) -> Iterator[str]:
    work, kinds, values = run.work, run.memory, run.flat()
    way = "with" if work.gradient_checkpointing else "without"
    yield "memory of the GPU"
    yield _size(kinds.bytes_frozen_weights, f"weights that do not train, {work.weights}")
    yield _size(kinds.bytes_trained_weights, "weights that train")
    yield _size(kinds.bytes_gradients, "gradients")
    yield _size(kinds.bytes_moments, "AdamW's moments")
    yield _size(kinds.bytes_average, "average of the weights (EMA)")
    yield _size(kinds.bytes_reference, "frozen copy for L_reg")
    activations = f"activations at {work.largest_bucket}, {way} gradient checkpointing (estimate)"
    yield _size(kinds.bytes_activations_estimated, activations)
    for phase, peak in kinds.phases.items():
        yield _size(peak, f"peak of the {phase} (estimate)")
    yield _size(values["bytes_peak_estimated"], f"expected peak of the run: {values['peak']} (estimate)")
    yield "main memory"
    yield _size(run.sizes.bytes_host_estimated, "all parts of the model while it is loaded (estimate)")


def _describe_disk(sizes: Sizes) -> Iterator[str]:
    checkpoints = sizes.disk_checkpoint_estimated * (sizes.checkpoints + 1)
    yield "disk"
    yield _size(sizes.disk_latents, "cache of latents")
    yield _size(sizes.disk_texts, "cache of texts" + (" (estimate)" if sizes.disk_texts_are_estimated else ""))
    yield _size(checkpoints, f"{sizes.checkpoints} checkpoints, and one that is written (estimate)")
    yield _size(sizes.disk_output_estimated, "the model in the end (estimate)")


def _size(count: int, text: str) -> str:
    value, unit = (count / _GIB, "GiB") if count == 0 or count >= _GIB / 20 else (count / 2**20, "MiB")
    return f"{value:>12,.1f} {unit}  {text}"
