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
from actionpairs.editors.conditioning import Conditioning
from actionpairs.editors.editor import Editor
from actionpairs.training import activations, memory, without_weights
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


@pytest.mark.parametrize("name", STEPS)
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


def test_checkpointing_keeps_less(folders: dict[str, Path]) -> None:
    plain = planned(config_of(folders["kontext"], **{**CHECKPOINTED, "gradient_checkpointing": False}))
    checkpointed = planned(config_of(folders["kontext"], **CHECKPOINTED))
    assert checkpointed.bytes_kept_estimated < plain.bytes_kept_estimated / 4
    assert checkpointed.bytes_activations_estimated < plain.bytes_activations_estimated


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
    assert time.process_time() - start < 10
    # attn.to_q, to_k and to_v of 57 blocks and to_out.0 of 19, each with 2·3072·rank
    assert trained == (3 * 57 + 19) * 2 * 3072 * 16


def test_pictures_are_encoded_with_all_that_the_autoencoder_keeps_at_once(folders: dict[str, Path]) -> None:
    """More than its weights and its input."""
    plan = planned(config_of(folders["sd"]))
    vae = AutoencoderKL.from_pretrained(folders["sd"] / "vae")
    weights = sum(each.nbytes for each in vae.parameters())
    pictures = 4 * (8 * 256 * 256 // (SHAPE[0] * SHAPE[1])) * SHAPE[0] * SHAPE[1] * 3 * 4
    assert plan.bytes_latents_phase_estimated > weights + pictures
