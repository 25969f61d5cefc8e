"""Adapters begin as nothing, train alone, and are saved as diffusers reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from actionpairs.editors import instruct_pix2pix, lora
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.errors import ModelError

TARGETS = ("attn1.to_q", "attn1.to_out.0")


def question() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    shapes = (2, 8, 16, 16), (2, 16, 16)
    inputs, texts = (torch.randn(shape, generator=generator) for shape in shapes)
    return inputs, torch.tensor([3, 700]), texts


@pytest.fixture
def adapted(small_editor: Editor) -> Editor:
    lora.add(small_editor.unet, TARGETS, rank=2, alpha=4.0, seed=0)
    return small_editor


def teach(made: Editor) -> None:
    """Let the adapters say something."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, weight in made.unet.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator))


@torch.no_grad()
def answer(made: Editor) -> torch.Tensor:
    return made.unet(*question()).sample


def test_adapters_alone_train_and_begin_as_nothing(small_editor: Editor) -> None:
    before = answer(small_editor)
    state = torch.get_rng_state()
    lora.add(small_editor.unet, TARGETS, rank=2, alpha=4.0, seed=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(answer(small_editor), before)
    trained = [name for name, weight in small_editor.unet.named_parameters() if weight.requires_grad]
    assert trained
    assert all("lora_" in name and any(target in name for target in TARGETS) for name in trained)


def test_without_adapters_it_says_what_it_said_and_then_goes_on_learning(adapted: Editor) -> None:
    before = answer(adapted)
    teach(adapted)
    taught = answer(adapted)
    assert not torch.allclose(taught, before)
    said = lora.without(adapted.unet)(*question()).sample
    assert torch.equal(said, before)
    assert not said.requires_grad
    assert torch.equal(answer(adapted), taught)
    assert any(weight.requires_grad for weight in adapted.unet.parameters())


def test_saved_adapters_and_merged_weights_say_the_same(
    adapted: Editor, editor_folder: Path, tmp_path: Path
) -> None:
    teach(adapted)
    taught = answer(adapted)
    lora.save_and_merge(adapted.unet, tmp_path / "lora")
    adapted.save(tmp_path / "merged")
    assert torch.allclose(answer(instruct_pix2pix.load(str(tmp_path / "merged"))), taught, atol=1e-5)
    base = instruct_pix2pix.load(str(editor_folder))
    base.pipeline().load_lora_weights(tmp_path / "lora")
    assert torch.allclose(answer(base), taught, atol=1e-5)


@pytest.mark.parametrize(
    ("target", "says"),
    [("attn3.to_q", "ends the name of no layer"), ("to_q", r"names a frozen layer: .*attn2\.to_q")],
)
def test_a_target_that_is_not_there_or_frozen_is_refused(small_editor: Editor, target: str, says: str) -> None:
    instruct_pix2pix.freeze(small_editor.unet, ["attn2"])
    with pytest.raises(ModelError, match=says):
        lora.add(small_editor.unet, [target], rank=2, alpha=4.0, seed=0)
