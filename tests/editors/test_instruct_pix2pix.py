"""Loading names the problem, freezing names what is frozen, and a saved editor opens in diffusers."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from PIL import Image

from actionpairs.editors import instruct_pix2pix
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.errors import ModelError
from tests.training.squares import SIDE

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
    frozen = instruct_pix2pix.freeze(unet, ["attn2"])
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
        instruct_pix2pix.freeze(small_editor.unet, ["atn2"])


def test_nothing_is_frozen_without_patterns(small_editor: Editor) -> None:
    instruct_pix2pix.freeze(small_editor.unet, ["attn2"])
    assert instruct_pix2pix.freeze(small_editor.unet, []) == ()


def test_the_frozen_copy_shares_frozen_parameters_and_copies_the_rest(small_editor: Editor) -> None:
    frozen = set(instruct_pix2pix.freeze(small_editor.unet, ["attn2"]))
    copied = dict(instruct_pix2pix.frozen_copy(small_editor.unet).named_parameters())
    for name, parameter in small_editor.unet.named_parameters():
        assert (copied[name] is parameter) == (name in frozen)
        assert not copied[name].requires_grad
    with torch.no_grad():
        small_editor.unet.conv_in.weight.add_(1.0)
    assert not torch.equal(copied["conv_in.weight"], small_editor.unet.conv_in.weight)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_rounded_frozen_copy_predicts_the_same_to_the_bit(small_editor: Editor, precision: str) -> None:
    """Only what autocast rounds anyway is rounded, so L_reg begins at exactly 0; norms stay as they are."""
    instruct_pix2pix.freeze(small_editor.unet, ["attn2"])
    copied = instruct_pix2pix.frozen_copy(small_editor.unet, precision=precision)
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert copied.conv_in.weight.dtype == half
    assert copied.conv_norm_out.weight.dtype == torch.float32
    inputs = torch.randn(2, 8, 16, 16), torch.tensor([3, 700]), torch.randn(2, 16, 16)
    with torch.no_grad(), torch.autocast("cpu", half):
        assert torch.equal(copied(*inputs).sample, small_editor.unet(*inputs).sample)


def test_a_saved_editor_opens_in_diffusers_and_edits(
    editor_folder: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with caplog.at_level(logging.WARNING):
        pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(editor_folder)
    assert not caplog.records
    assert not [warning for warning in recwarn if "safety" in str(warning.message)]
    pipeline.set_progress_bar_config(disable=True)
    picture = Image.fromarray(np.full((SIDE, SIDE, 3), 128, np.uint8))
    edit = pipeline("move left", image=picture, num_inference_steps=2).images[0]
    assert edit.size == (SIDE, SIDE)
    assert not list(editor_folder.rglob("*.bin"))
    assert not list(editor_folder.rglob("*.pkl"))


def test_a_saved_editor_is_loaded_unchanged(small_editor: Editor, tmp_path: Path) -> None:
    small_editor.save(tmp_path / "again")
    again = instruct_pix2pix.load(str(tmp_path / "again"))
    for part in ("unet", "vae", "text_encoder"):
        states = getattr(small_editor, part).state_dict(), getattr(again, part).state_dict()
        assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert again.embed(["move left"]).equal(small_editor.embed(["move left"]))


def narrowed(source: Path, target: Path) -> Path:
    """The same folder with a U-Net of half the input channels, as a text-to-image model has."""
    shutil.copytree(source, target)
    config = json.loads((target / "unet/config.json").read_text())
    unet = UNet2DConditionModel.from_config({**config, "in_channels": 4})
    with torch.no_grad():
        unet.conv_in.bias.fill_(0.25)
    unet.save_pretrained(target / "unet")
    return target


def test_a_text_to_image_model_is_refused_by_its_channels(editor_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="takes 4 channels; an InstructPix2Pix takes 8") as caught:
        instruct_pix2pix.load(str(narrowed(editor_folder, tmp_path / "narrow")))
    assert "widen" in caught.value.cure


def test_widening_adds_channels_with_weights_of_zero(editor_folder: Path, tmp_path: Path) -> None:
    folder = narrowed(editor_folder, tmp_path / "narrow")
    narrow = UNet2DConditionModel.from_pretrained(folder / "unet")
    wide = instruct_pix2pix.load(str(folder), widen=True).unet
    latents, times, texts = torch.randn(2, 4, 16, 16), torch.tensor([3, 700]), torch.randn(2, 16, 16)
    originals = torch.randn(2, 4, 16, 16)
    with torch.no_grad():
        expected = narrow(latents, times, texts).sample
        predicted = wide(torch.cat([latents, originals], 1), times, texts).sample
    assert torch.allclose(predicted, expected, atol=1e-5)
    assert wide.config.in_channels == 8
    assert wide.conv_in.bias.eq(0.25).all()


@pytest.mark.parametrize("source", ["no/such/folder", "/no/such/folder", "someone/absent-model"])
def test_a_missing_model_is_named(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=f"{source}: cannot be loaded"):
        instruct_pix2pix.load(source)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        instruct_pix2pix.load(str(tmp_path))


def test_a_broken_weights_file_is_refused(editor_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(editor_folder, tmp_path / "broken")
    (tmp_path / "broken/unet/diffusion_pytorch_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        instruct_pix2pix.load(str(tmp_path / "broken"))


def test_pickled_weights_are_not_loaded(editor_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(editor_folder, tmp_path / "pickled")
    weights = tmp_path / "pickled/unet/diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(ModelError, match="safetensors"):
        instruct_pix2pix.load(str(tmp_path / "pickled"))


def test_an_autoencoder_can_be_loaded_alone(editor_folder: Path) -> None:
    alone, whole = (
        instruct_pix2pix.load_autoencoder(str(editor_folder)),
        instruct_pix2pix.load(str(editor_folder)).vae,
    )
    for name, value in whole.state_dict().items():
        assert torch.equal(alone.state_dict()[name], value)


def test_a_missing_autoencoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"{tmp_path}: no autoencoder"):
        instruct_pix2pix.load_autoencoder(str(tmp_path))


def test_a_saved_folder_has_no_paths_of_this_machine(editor_folder: Path, tmp_path: Path) -> None:
    instruct_pix2pix.load(str(editor_folder)).save(tmp_path / "saved")
    for config in (tmp_path / "saved").rglob("*.json"):
        assert str(editor_folder) not in config.read_text()
    assert instruct_pix2pix.load(str(tmp_path / "saved")).unet.config.in_channels == 8
