"""What the training of an editor takes on a GPU, counted on an editor without weights."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate.utils import convert_outputs_to_fp32
from torch import Tensor, nn

from actionpairs.configs import EditorConfig, PretrainedModel
from actionpairs.data.examples import Shape
from actionpairs.editors import freezing, lora
from actionpairs.editors.editor import Denoiser, Editor
from actionpairs.training import activations, conditionings, latents
from actionpairs.training.activations import Activations, LiveBytes
from actionpairs.training.diffusion_batches import DiffusionBatch
from actionpairs.training.editor_setup import augmentation_of, prepare_denoiser
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.loss_terms import LossWeights
from actionpairs.training.without_weights import let_run, tokenizers_of_padding

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
# Of a weight. Scales: nf4 has one of a byte for 64 weights; those of int8, one for each row, are few.
_QUANTIZED_BYTES = {"nf4": 0.5 + 1 / 64, "int8": 1.0}


@dataclass(frozen=True, slots=True)
class Memory:
    """What the denoiser counts, and bytes on the GPU by kind.

    Names that end in "estimated" are of no exact count. bytes_moments: AdamW's. bytes_average: of EMA.
    bytes_reference: the frozen copy that L_reg compares with. bytes_kept: activations between the passes,
    bytes_activations: the most of them at any time. bytes_texts_phase: while texts are encoded.
    bytes_latents_phase: while pictures are.
    """

    parameters: int
    trained_parameters: int
    bytes_frozen_weights: int
    bytes_trained_weights: int
    bytes_gradients: int
    bytes_moments: int
    bytes_average: int
    bytes_reference: int
    bytes_kept_estimated: int
    bytes_activations_estimated: int
    bytes_texts_phase_estimated: int
    bytes_latents_phase_estimated: int

    @property
    def phases(self) -> dict[str, int]:
        """The peak of each phase of a run."""
        stored = self.bytes_frozen_weights + self.bytes_trained_weights + self.bytes_gradients
        stored += self.bytes_moments + self.bytes_average + self.bytes_reference
        return {
            "training": stored + self.bytes_activations_estimated,
            "encoding of texts": self.bytes_texts_phase_estimated,
            "encoding of pictures": self.bytes_latents_phase_estimated,
        }


def measure(editor: Editor, config: EditorConfig, shape: Shape) -> Memory:
    """Set up an editor as training does, run one step at this shape of pictures, and count.

    editor: one of `without_weights.build`, which is changed.
    """
    denoiser = editor.denoiser
    readers = editor.text_encoders()
    reading, autoencoder = bytes_of(readers), bytes_of([editor.autoencoder])
    parameters = sum(parameter.numel() for parameter in denoiser.parameters())
    prepare_denoiser(editor, config)
    trained = [parameter for parameter in denoiser.parameters() if parameter.requires_grad]
    trained_bytes = sum(parameter.nbytes for parameter in trained)
    frozen_bytes = bytes_of([denoiser], without=trained) - _saved_by_quantizing(denoiser, config)
    copied = _copied(editor, config)
    reference = bytes_of([copied], without=denoiser.parameters()) if copied else 0
    with activations.without_data():
        for network in (denoiser, editor.autoencoder, *readers, *([copied] if copied else [])):
            let_run(network)
        encoding = _encoding(editor, config, shape)
        reading += encoding_of_texts(editor, texts_at_once(editor, shape), shape)
        step = run_step(editor, config, batch_of(editor, config, shape), copied)
    waiting = frozen_bytes + trained_bytes if _is_loaded_on_gpu(config) else 0
    return Memory(
        parameters=parameters,
        trained_parameters=sum(parameter.numel() for parameter in trained),
        bytes_frozen_weights=frozen_bytes,
        bytes_trained_weights=trained_bytes,
        bytes_gradients=trained_bytes,
        bytes_moments=2 * trained_bytes,
        bytes_average=trained_bytes if config.ema_decay else 0,
        bytes_reference=reference,
        bytes_kept_estimated=step.kept,
        bytes_activations_estimated=step.peak,
        bytes_texts_phase_estimated=waiting + reading,
        bytes_latents_phase_estimated=waiting + autoencoder + encoding,
    )


def bytes_of(networks: Iterable[nn.Module], *, without: Iterable[Tensor] = ()) -> int:
    """The bytes of all parameters and buffers, each storage once."""
    tensors = (each for network in networks for each in (*network.parameters(), *network.buffers()))
    sizes = {each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in tensors}
    return sum(sizes.values()) - sum(sizes.get(each.untyped_storage()._cdata, 0) for each in without)


def _saved_by_quantizing(denoiser: nn.Module, config: EditorConfig) -> int:
    """How many bytes fewer the frozen weights of linear layers take with 4 or 8 bits and their scales."""
    if not isinstance(config.model, PretrainedModel) or config.model.quantize is None:
        return 0
    each = _QUANTIZED_BYTES[config.model.quantize]
    linear = [layer.weight for layer in denoiser.modules() if isinstance(layer, nn.Linear)]
    return sum(weight.nbytes - round(weight.numel() * each) for weight in linear if not weight.requires_grad)


def _is_loaded_on_gpu(config: EditorConfig) -> bool:
    """Whether the denoiser is there from the start: bitsandbytes quantizes on the GPU, torchao on the CPU."""
    return isinstance(config.model, PretrainedModel) and config.model.quantize == "nf4"


def batch_of(editor: Editor, config: EditorConfig, shape: Shape) -> DiffusionBatch:
    """A batch of zeros, as large as a part of a real one, of pictures of this height and width."""
    rows = config.batch_size // config.accumulation
    with torch.no_grad():
        mean = editor.encode(np.zeros((1, *shape, 3), np.uint8))[0].repeat(rows, 1, 1, 1)
        clean = editor.normalize(mean)
        one = editor.expected_conditioning(*shape)
        conditioning = one.expand(rows)
        augmentation = augmentation_of(editor, config)
        negatives, replayed = augmentation.negatives, augmentation.replayed_rows(rows)
        return DiffusionBatch(
            noisy=clean,
            reference=editor.reference(mean),
            times=torch.tensor([editor.noise_process(config.times).at(0.5)] * rows),
            right=conditioning,
            wrong=(conditioning,) * negatives,
            counted=torch.ones(negatives, rows, dtype=torch.bool),
            clean=clean,
            noise=torch.zeros_like(clean),
            original=clean,
            identity=torch.zeros(rows, dtype=torch.bool),
            picture_dropped=torch.zeros(rows, dtype=torch.bool),
            replayed=(one.expand(replayed), torch.arange(replayed)) if replayed else None,
        )


def run_step(
    editor: Editor, config: EditorConfig, batch: DiffusionBatch, copied: nn.Module | None = None
) -> Activations:
    """The forward and backward pass of a step on a batch, with the precision of the recipe.

    copied: the frozen copy of the denoiser, where L_reg needs one.
    """
    form = "logistic" if config.action.form == "hinge" else config.action.form  # hinge looks at values
    weights = LossWeights.of(config.model_copy(update={"action": config.action.model_copy(update={"form": form})}))
    process = _OneProcess(config.precision)
    frozen: Denoiser = lora.without_adapters(editor.denoiser) if config.lora else copied or editor.denoiser
    task = EditorTask(
        editor,
        _OneBatch(editor, config, batch),  # type: ignore[arg-type]
        weights,
        accelerator=process,
        reference=frozen if weights.needs_reference else None,
    )
    network: Any = editor.denoiser
    if config.precision != "no":  # as accelerate wraps a model
        network = convert_outputs_to_fp32(process.autocast()(editor.denoiser.forward))
    editor.denoiser.train()
    return activations.measure(lambda: task.losses(network, 0, slice(None)).total, editor.denoiser)


class _OneBatch:
    """Stands for the batches of a run."""

    def __init__(self, editor: Editor, config: EditorConfig, batch: DiffusionBatch) -> None:
        self.process = editor.noise_process(config.times)
        self._batch = batch

    def draw(self, step: int, part: slice) -> DiffusionBatch:
        """The same in every step."""
        return self._batch


class _OneProcess:
    """Stands for accelerate: one process on the CPU, where tensors without data say they are."""

    device = torch.device("cpu")
    is_fsdp2 = False

    def __init__(self, precision: str) -> None:
        self._dtype = _AUTOCAST.get(precision)

    def autocast(self) -> Any:
        """That of the recipe's precision."""
        return nullcontext() if self._dtype is None else torch.autocast("cpu", self._dtype)


def _copied(editor: Editor, config: EditorConfig) -> nn.Module | None:
    """The frozen copy of the denoiser that L_reg compares with; none where adapters are switched off instead."""
    if config.lora or not LossWeights.of(config).needs_reference:
        return None
    return freezing.frozen_copy(editor.denoiser, precision=config.precision)


@torch.no_grad()
def _encoding(editor: Editor, config: EditorConfig, shape: Shape) -> int:
    """The most that the autoencoder allocates to encode a batch of pairs as large as `cached_latents` takes."""
    pairs = max(1, latents._PIXELS_PER_BATCH // (shape[0] * shape[1]))
    pictures = np.zeros(((2 if config.flip else 1) * 2 * pairs, *shape, 3), np.uint8)
    count = LiveBytes()
    with count:
        editor.encode(pictures)
    return count.peak


def texts_at_once(editor: Editor, shape: Shape) -> int:
    """How many texts `cached_conditionings` encodes at once."""
    if editor.traits.text_sees_picture:
        return 1
    expected = editor.expected_tokens(*shape)
    return max(1, min(conditionings._TEXTS_PER_BATCH, conditionings._TOKENS_PER_BATCH // expected))


@torch.no_grad()
def encoding_of_texts(editor: Editor, count: int, shape: Shape) -> int:
    """The most that the text encoders allocate for a batch of texts, beside pictures of this height and width."""
    tokens, live = editor.expected_tokens(*shape), LiveBytes()
    if not editor.traits.text_sees_picture:
        with tokenizers_of_padding(editor, tokens), live:
            editor.condition([""] * count, np.empty((count, 0, 0, 3), np.uint8))
        return live.peak
    ids = torch.zeros(count, tokens, dtype=torch.long)
    with live:
        editor.pipeline.text_encoder(ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
    return live.peak + count * _states_of_picture(editor.pipeline.text_encoder, tokens)


def _states_of_picture(text_encoder: Any, tokens: int) -> int:
    """The states that the encoder of pictures inside a text encoder keeps while the language model runs.

    It does not run without data, for its shapes are data. One before and one after each layer are kept, of all
    patches: taken to be as many as if all tokens were of the picture. What it allocates in between is less than
    what the language model does.
    """
    config = text_encoder.config.vision_config
    patches = tokens * config.spatial_merge_size**2
    size: int = patches * (config.depth + 1) * config.hidden_size * text_encoder.dtype.itemsize
    return size
