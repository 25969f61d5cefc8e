"""What a dry run says of a GPU's memory, against real steps of tiny models and published sizes of large ones."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from actionpairs.configs import EditorConfig
from actionpairs.editors import freezing
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Editor
from actionpairs.training import activations, conditionings, memory, without_weights
from actionpairs.training.editor_setup import prepare_denoiser
from tests.editors import tiny_pipelines
from tests.training import family_runs

SHAPE = (64, 96)
KONTEXT = {  # the transformer of FLUX.1-Kontext-dev, as its config.json has it
    "_class_name": "FluxTransformer2DModel",
    "attention_head_dim": 128,
    "axes_dims_rope": [16, 56, 56],
    "guidance_embeds": True,
    "in_channels": 64,
    "joint_attention_dim": 4096,
    "num_attention_heads": 24,
    "num_layers": 19,
    "num_single_layers": 38,
    "patch_size": 1,
    "pooled_projection_dim": 768,
}
CHECKPOINTED = {"lora": {"rank": 2}, "precision": "bf16", "gradient_checkpointing": True}
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "all weights of a U-Net": ("sd", {"freeze": []}),
    "a U-Net's adapters in bf16": ("sd", {"lora": {"rank": 2}, "precision": "bf16"}),
    "all weights": ("kontext", {"freeze": [], "accumulation": 2}),
    "all weights in bf16": ("kontext", {"precision": "bf16"}),
    "adapters with checkpointing": ("kontext", CHECKPOINTED),
    "hinge": ("kontext", {"lora": {"rank": 2}, "action": {"form": "hinge"}, "regularization": {"weight": 0}}),
}
SLOW = STEPS.keys() - {"all weights in bf16"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A saved tiny pipeline of two families: a U-Net and a transformer."""
    saved = {family: tmp_path_factory.mktemp(family) for family in ("sd", "kontext")}
    for family, folder in saved.items():
        tiny_pipelines.build(family).save_pretrained(folder)
    return saved


def config_of(folder: Path, **changes: Any) -> EditorConfig:
    model = {"source": str(folder), **changes.pop("model", {})}
    return EditorConfig(task="editor", model=model, **{"batch_size": 2, "resolution": 64, **changes})


def planned(config: EditorConfig, *, on_gpu: bool = False) -> memory.Memory:
    return memory.measure(without_weights.build(config, [], on_gpu=on_gpu), config, SHAPE)


class Saved:
    """Counts the bytes that autograd saves for the backward pass, besides parameters: each storage once."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._left_out = {each.untyped_storage()._cdata for each in network.parameters()}
        self._sizes: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._sizes[storage._cdata] = storage.nbytes()
        return tensor

    @property
    def bytes(self) -> int:
        return sum(size for address, size in self._sizes.items() if address not in self._left_out)


def real_step(family: str, config: EditorConfig) -> tuple[activations.Activations, Saved]:
    """A step of a real tiny editor."""
    editor = family_runs.editor_of(family)
    prepare_denoiser(editor, config)
    copied, saved = memory._copied(editor, config), Saved(editor.denoiser)
    batch = memory.batch_of(editor, config, SHAPE)
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, lambda tensor: tensor):
        step = memory.run_step(editor, config, batch, copied)
    return step, saved


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in STEPS]
)
def test_a_step_without_data_allocates_as_much_as_a_real_one(folders: dict[str, Path], name: str) -> None:
    family, changes = STEPS[name]
    config = config_of(folders[family], **changes)
    plan = planned(config)
    step, saved = real_step(family, config)
    # In bf16 on a CPU, group normalization keeps its statistics in float32, and without data it says bfloat16.
    tolerance = 0.02 if name == "a U-Net's adapters in bf16" else 0
    assert plan.bytes_activations_estimated == pytest.approx(step.peak, rel=tolerance, abs=0)
    assert plan.bytes_kept_estimated == pytest.approx(step.kept, rel=tolerance, abs=0)
    assert step.peak > step.kept >= saved.bytes > 0


def test_without_checkpointing_a_step_keeps_what_autograd_saves_and_its_results(folders: dict[str, Path]) -> None:
    step, saved = real_step("kontext", config_of(folders["kontext"], regularization={"weight": 0}))
    assert saved.bytes <= step.kept <= 1.01 * saved.bytes


@pytest.mark.slow
def test_checkpointing_keeps_less(folders: dict[str, Path]) -> None:
    plain = planned(config_of(folders["kontext"], **{**CHECKPOINTED, "gradient_checkpointing": False}))
    checkpointed = planned(config_of(folders["kontext"], **CHECKPOINTED))
    assert checkpointed.bytes_kept_estimated < plain.bytes_kept_estimated / 4
    assert checkpointed.bytes_activations_estimated < plain.bytes_activations_estimated


@pytest.mark.slow
def test_twice_the_batch_is_twice_the_activations(folders: dict[str, Path]) -> None:
    one, two = (
        planned(config_of(folders["kontext"], batch_size=size, regularization={"weight": 0})) for size in (1, 2)
    )
    assert 1.8 < two.bytes_activations_estimated / one.bytes_activations_estimated <= 2


def test_all_that_lies_on_the_gpu_is_counted_in_its_own_type(folders: dict[str, Path]) -> None:
    whole = planned(config_of(folders["sd"], freeze=[], precision="bf16", ema_decay=0.9))
    assert whole.trained_parameters == whole.parameters
    assert whole.bytes_trained_weights == whole.bytes_gradients == whole.bytes_average == 4 * whole.parameters
    assert whole.bytes_moments == 8 * whole.parameters
    assert 2 * whole.parameters < whole.bytes_reference < 2.1 * whole.parameters  # norms keep float32
    adapters = planned(config_of(folders["kontext"], lora={"rank": 2}, ema_decay=0.0), on_gpu=True)
    assert adapters.bytes_frozen_weights == 2 * adapters.parameters  # bfloat16
    assert adapters.bytes_trained_weights == 4 * adapters.trained_parameters
    assert adapters.bytes_reference == adapters.bytes_average == 0


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", ["sd", "kontext"])
def test_a_frozen_copy_takes_what_that_of_a_real_model_takes(
    folders: dict[str, Path], family: str, dtype: torch.dtype, precision: str
) -> None:
    """Whatever the types of the weights and of autocast. What is frozen in training is shared."""
    config = config_of(folders[family], precision=precision)
    denoiser = family_runs.editor_of(family).denoiser.to(dtype)
    editor = without_weights.of_model(str(folders[family]), dtype=dtype)
    frozen = set(prepare_denoiser(editor, config))
    for name, parameter in denoiser.named_parameters():
        parameter.requires_grad_(name not in frozen)
    own = freezing.frozen_copy(denoiser, precision=precision)
    shared = {id(parameter) for parameter in denoiser.parameters()}
    real = sum(each.nbytes for each in (*own.parameters(), *own.buffers()) if id(each) not in shared)
    copied = memory._copied(editor, config)
    assert copied is not None
    assert memory.bytes_of([copied], without=editor.denoiser.parameters()) == real > 0


def test_without_adapters_weights_are_float32_on_a_gpu_too(folders: dict[str, Path]) -> None:
    """Unless the recipe names a type."""

    def dtype_of(**changes: Any) -> torch.dtype:
        return without_weights.build(config_of(folders["kontext"], **changes), [], on_gpu=True).dtype

    assert dtype_of() == torch.float32
    assert dtype_of(lora={"rank": 2}) == torch.bfloat16
    assert dtype_of(lora={"rank": 2}, model={"dtype": "float32"}) == torch.float32
    assert dtype_of(model={"dtype": "float32"}) == torch.float32


def test_in_nf4_the_denoiser_is_on_the_gpu_while_texts_and_pictures_are_encoded(folders: dict[str, Path]) -> None:
    lora = {"rank": 2, "merge": False}
    int8, nf4 = (
        planned(config_of(folders["kontext"], lora=lora, model={"quantize": kind})) for kind in ("int8", "nf4")
    )
    denoiser = nf4.bytes_frozen_weights + nf4.bytes_trained_weights
    assert nf4.bytes_texts_phase_estimated - int8.bytes_texts_phase_estimated == denoiser
    assert nf4.bytes_latents_phase_estimated - int8.bytes_latents_phase_estimated == denoiser


@pytest.mark.parametrize(("kind", "share"), [("int8", 1 / 2), ("nf4", (1 / 2 + 1 / 64) / 2)])
def test_quantized_weights_of_linear_layers_take_8_or_4_bits(
    folders: dict[str, Path], kind: str, share: float
) -> None:
    config = config_of(folders["kontext"], lora={"rank": 2, "merge": False}, model={"quantize": kind})
    denoiser = without_weights.build(config, [], on_gpu=True).denoiser.requires_grad_(False)
    layers = [layer.weight for layer in denoiser.modules() if isinstance(layer, torch.nn.Linear)]
    plain = 2 * sum(weight.numel() for weight in layers)
    assert memory._saved_by_quantizing(denoiser, config) == pytest.approx(plain * (1 - share), abs=64)


@pytest.mark.parametrize("family", ["sd", "sdxl", "kontext", "flux2", "flux2-klein"])
def test_where_texts_are_padded_their_expected_size_is_the_real_one(family: str) -> None:
    editor = family_runs.editor_of(family)
    expected = editor.expected_conditioning(*SHAPE)
    real = editor.condition([family_runs.TEXT], np.zeros((1, *SHAPE, 3), np.uint8))
    assert _layout(expected) == _layout(real)


def _layout(conditioning: Conditioning) -> list[tuple[torch.Size, torch.dtype] | None]:
    tensors = (conditioning.embeddings, conditioning.pooled)
    return [None if each is None else (each.shape, each.dtype) for each in tensors]


@pytest.mark.parametrize("family", ["qwen", "dreamlite", "longcat"])
def test_where_the_text_encoder_sees_the_picture_more_pixels_are_more_tokens(family: str, tmp_path: Path) -> None:
    tiny_pipelines.build(family).save_pretrained(tmp_path)
    editor: Editor = without_weights.build(config_of(tmp_path), [], on_gpu=True)
    assert editor.expected_tokens(1024, 1024) > editor.expected_tokens(512, 512) + 150


@pytest.mark.slow
def test_12_b_parameters_are_counted_in_seconds(folders: dict[str, Path], tmp_path: Path) -> None:
    for path in folders["kontext"].rglob("*.json"):
        target = tmp_path / path.relative_to(folders["kontext"])
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / "transformer/config.json").write_text(json.dumps(KONTEXT))
    config = config_of(tmp_path, lora={"rank": 16}, gradient_checkpointing=True)
    start = time.process_time()
    editor = without_weights.build(config, [], on_gpu=True)
    count = sum(parameter.numel() for parameter in editor.denoiser.parameters())
    assert count == 11_901_408_320
    prepare_denoiser(editor, config)
    trained = sum(each.numel() for each in editor.denoiser.parameters() if each.requires_grad)
    assert time.process_time() - start < 30
    # attn.to_q, to_k and to_v of 57 blocks and to_out.0 of 19, each with 2·3072·rank
    assert trained == (3 * 57 + 19) * 2 * 3072 * 16


@pytest.mark.slow
def test_pictures_are_encoded_with_all_that_the_autoencoder_keeps_at_once(folders: dict[str, Path]) -> None:
    """More than its weights and its input."""
    plan = planned(config_of(folders["sd"]))
    vae = AutoencoderKL.from_pretrained(folders["sd"] / "vae")
    weights = sum(each.nbytes for each in vae.parameters())
    pictures = 4 * (8 * 256 * 256 // (SHAPE[0] * SHAPE[1])) * SHAPE[0] * SHAPE[1] * 3 * 4
    assert plan.bytes_latents_phase_estimated > weights + pictures


def real_texts(family: str, count: int) -> tuple[int, int, int]:
    """What a real tiny editor allocates to encode some texts; the tokens of one, and the bytes of all numbers."""
    editor, sizes = family_runs.editor_of(family), []
    for name in ("text_encoder", "text_encoder_2"):
        if part := getattr(editor.pipeline, name, None):
            part.register_forward_pre_hook(
                lambda module, args, kwargs: sizes.append((args[0] if args else kwargs["input_ids"]).shape),
                with_kwargs=True,
            )
    live = activations.LiveBytes()
    with live:
        editor.condition([family_runs.TEXT] * count, np.zeros((count, *SHAPE, 3), np.uint8))
    return live.peak, max(size[1] for size in sizes), sum(8 * size.numel() for size in sizes)


def planned_texts(family: str, folder: Path, count: int, *, tokens: int | None = None) -> int:
    """The same without data. tokens: of a text, where it is not what the family expects."""
    tiny_pipelines.build(family).save_pretrained(folder)
    editor = without_weights.of_model(str(folder))
    with activations.without_data(), pytest.MonkeyPatch.context() as patch:
        if tokens is not None:
            patch.setattr(editor, "expected_tokens", lambda height, width: tokens)
        for part in editor.encoders():
            without_weights.let_run(part)
        return memory.encoding_of_texts(editor, count, SHAPE)


@pytest.mark.parametrize(
    "family",
    ["sd", "sdxl", "kontext", *(pytest.param(name, marks=pytest.mark.slow) for name in ("flux2", "flux2-klein"))],
)
def test_encoding_texts_without_data_allocates_as_much_as_with_real_tokens(family: str, tmp_path: Path) -> None:
    """Besides the tokens' numbers and mask, which a real tokenizer makes outside of PyTorch."""
    real, _, ids = real_texts(family, 3)
    assert 0 <= planned_texts(family, tmp_path, 3) - real <= 2 * ids + 64


@pytest.mark.parametrize("family", ["qwen", "longcat", "dreamlite"])
def test_encoding_a_text_beside_its_picture_takes_no_more_than_planned(family: str, tmp_path: Path) -> None:
    real, tokens, _ = real_texts(family, 1)
    assert real <= planned_texts(family, tmp_path, 1, tokens=tokens) <= 2.5 * real


def test_the_phase_of_texts_takes_more_than_the_weights_of_their_encoders(folders: dict[str, Path]) -> None:
    config = config_of(folders["kontext"])
    editor = without_weights.build(config, [], on_gpu=False)
    weights = memory.bytes_of(part for part in editor.encoders() if part is not editor.autoencoder)
    bias = 2 * 512 * 512 * 4  # T5's, of two heads for each two tokens
    assert planned(config).bytes_texts_phase_estimated > weights + bias


@pytest.mark.parametrize("family", ["sd", "kontext"])
def test_as_many_texts_are_planned_at_once_as_are_encoded_at_once(family: str) -> None:
    editor, sizes = family_runs.editor_of(family), []

    class Recorded(type(editor)):  # type: ignore[misc]
        def condition(self, texts: Any, pictures: np.ndarray) -> Conditioning:
            sizes.append(len(texts))
            return self.expected_conditioning(*SHAPE).expand(len(texts))

    for _ in conditionings._encode_texts(Recorded(editor.pipeline), [str(number) for number in range(100)], 0):
        pass
    assert max(sizes) == memory.texts_at_once(editor, SHAPE)
