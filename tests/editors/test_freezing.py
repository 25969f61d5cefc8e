"""Freezing names what is frozen, and a frozen copy costs only the weights that train."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel

from actionpairs.editors import freezing
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError

SD15 = {
    "in_channels": 8,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
}  # https://huggingface.co/timbrooks/instruct-pix2pix/blob/main/unet/config.json


def test_attn2_names_the_16_cross_attentions_of_stable_diffusion() -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**SD15)
    frozen = freezing.freeze(unet, ["attn2"])
    blocks = {name.split(".attn2.")[0] for name in frozen}
    assert len(blocks) == 16
    assert sum(block.startswith("down") for block in blocks) == 6
    assert sum(block.startswith("mid") for block in blocks) == 1
    assert sum(block.startswith("up") for block in blocks) == 9
    assert len(frozen) == 16 * 5  # to_q, to_k, to_v, to_out weight and bias
    trained = {name for name, parameter in unet.named_parameters() if parameter.requires_grad}
    assert trained
    assert not any("attn2" in name for name in trained)


def test_a_pattern_that_matches_nothing_is_refused(small_editor: Editor) -> None:
    with pytest.raises(ModelError, match="freeze: atn2"):
        freezing.freeze(small_editor.denoiser, ["atn2"])


def test_nothing_is_frozen_without_patterns(small_editor: Editor) -> None:
    freezing.freeze(small_editor.denoiser, ["attn2"])
    assert freezing.freeze(small_editor.denoiser, []) == ()


def test_the_frozen_copy_shares_frozen_parameters_and_copies_the_rest(small_editor: Editor) -> None:
    frozen = set(freezing.freeze(small_editor.denoiser, ["attn2"]))
    copied = dict(freezing.frozen_copy(small_editor.denoiser).named_parameters())
    for name, parameter in small_editor.denoiser.named_parameters():
        assert (copied[name] is parameter) == (name in frozen)
        assert not copied[name].requires_grad
    with torch.no_grad():
        small_editor.denoiser.conv_in.weight.add_(1.0)
    assert not torch.equal(copied["conv_in.weight"], small_editor.denoiser.conv_in.weight)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_rounded_frozen_copy_predicts_the_same_to_the_bit(small_editor: Editor, precision: str) -> None:
    """Only what autocast rounds anyway is rounded, so L_reg begins at exactly 0; norms stay as they are."""
    freezing.freeze(small_editor.denoiser, ["attn2"])
    copied = freezing.frozen_copy(small_editor.denoiser, precision=precision)
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert copied.conv_in.weight.dtype == half
    assert copied.conv_norm_out.weight.dtype == torch.float32
    inputs = torch.randn(2, 8, 16, 16), torch.tensor([3, 700]), torch.randn(2, 16, 16)
    with torch.no_grad(), torch.autocast("cpu", half):
        assert torch.equal(copied(*inputs).sample, small_editor.denoiser(*inputs).sample)
