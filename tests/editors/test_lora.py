"""Adapters change nothing before training, train alone, and are saved as diffusers reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from actionpairs.editors import families, freezing, lora
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError

TARGETS = ("attn1.to_q", "attn1.to_out.0")


def unet_inputs() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    shapes = (2, 8, 16, 16), (2, 16, 16)
    inputs, texts = (torch.randn(shape, generator=generator) for shape in shapes)
    return inputs, torch.tensor([3, 700]), texts


@pytest.fixture
def adapted(small_editor: Editor) -> Editor:
    lora.add_adapters(small_editor.denoiser, TARGETS, rank=2, alpha=4.0, seed=0)
    return small_editor


def change_adapters(editor: Editor) -> None:
    """Give the adapters weights that change the output."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, weight in editor.denoiser.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator))


@torch.no_grad()
def predict(editor: Editor) -> torch.Tensor:
    return editor.denoiser(*unet_inputs()).sample


def test_adapters_train_alone_and_change_nothing_at_first(small_editor: Editor) -> None:
    before = predict(small_editor)
    state = torch.get_rng_state()
    lora.add_adapters(small_editor.denoiser, TARGETS, rank=2, alpha=4.0, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(predict(small_editor), before)
    trained = [name for name, weight in small_editor.denoiser.named_parameters() if weight.requires_grad]
    assert trained
    assert all("lora_" in name and any(target in name for target in TARGETS) for name in trained)


def test_without_adapters_the_output_is_the_one_before_and_training_can_go_on(adapted: Editor) -> None:
    before = predict(adapted)
    change_adapters(adapted)
    after = predict(adapted)
    assert not torch.allclose(after, before)
    reference = lora.without_adapters(adapted.denoiser)(*unet_inputs()).sample
    assert torch.equal(reference, before)
    assert not reference.requires_grad
    assert torch.equal(predict(adapted), after)
    assert any(weight.requires_grad for weight in adapted.denoiser.parameters())


def test_saved_adapters_and_merged_weights_predict_the_same(
    adapted: Editor, editor_folder: Path, tmp_path: Path
) -> None:
    change_adapters(adapted)
    expected = predict(adapted)
    lora.save(adapted, tmp_path / "lora", base=str(editor_folder))
    lora.merge(adapted)
    adapted.save(tmp_path / "merged")
    assert torch.allclose(predict(families.load(str(tmp_path / "merged"))), expected, atol=1e-5)
    base = families.load(str(editor_folder))
    base.pipeline.load_lora_weights(tmp_path / "lora")
    assert torch.allclose(predict(base), expected, atol=1e-5)


def test_the_file_names_its_base_and_is_written_with_the_same_bytes_again(adapted: Editor, tmp_path: Path) -> None:
    for name in ("one", "other"):
        lora.save(adapted, tmp_path / name, base="someone/base")
    one, other = (tmp_path / name / lora.FILE for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    with safe_open(one, "pt") as file:
        assert file.metadata()[lora.BASE] == "someone/base"
        assert all(torch.isfinite(file.get_tensor(name)).all() for name in file.keys())  # noqa: SIM118


@pytest.mark.parametrize(
    ("target", "message"),
    [("attn3.to_q", "no layer's name ends in it"), ("to_q", r"names a frozen layer: .*attn2\.to_q")],
)
def test_a_target_that_is_missing_or_frozen_is_refused(small_editor: Editor, target: str, message: str) -> None:
    freezing.freeze(small_editor.denoiser, ["attn2"])
    with pytest.raises(ModelError, match=message):
        lora.add_adapters(small_editor.denoiser, [target], rank=2, alpha=4.0, seed=0)
