"""An InstructPix2Pix is told by its channels, and a saved one opens in diffusers."""

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

from actionpairs.editors import families
from actionpairs.editors.editor import Editor
from actionpairs.errors import ModelError
from tests.training.squares import SIDE

NO_PICTURE = np.empty((1, 0, 0, 3), np.uint8)  # the text encoder does not look at it


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
    again = families.load(str(tmp_path / "again"))
    for part in ("unet", "vae", "text_encoder"):
        first, second = (getattr(one.pipeline, part).state_dict() for one in (small_editor, again))
        assert first.keys() == second.keys()
        assert all(torch.equal(value, second[name]) for name, value in first.items())
    one, other = (each.condition(["move left"], NO_PICTURE).embeddings for each in (again, small_editor))
    assert torch.equal(one, other)


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
        families.load(str(narrowed(editor_folder, tmp_path / "narrow")))
    assert "widen" in caught.value.cure


def test_widening_adds_channels_with_weights_of_zero(editor_folder: Path, tmp_path: Path) -> None:
    folder = narrowed(editor_folder, tmp_path / "narrow")
    narrow = UNet2DConditionModel.from_pretrained(folder / "unet")
    wide = families.load(str(folder), widen=True).denoiser
    latents, times, texts = torch.randn(2, 4, 16, 16), torch.tensor([3, 700]), torch.randn(2, 16, 16)
    originals = torch.randn(2, 4, 16, 16)
    with torch.no_grad():
        expected = narrow(latents, times, texts).sample
        predicted = wide(torch.cat([latents, originals], 1), times, texts).sample
    assert torch.allclose(predicted, expected, atol=1e-5)
    assert wide.config.in_channels == 8
    assert wide.conv_in.bias.eq(0.25).all()


def test_a_saved_folder_has_no_paths_of_this_machine(editor_folder: Path, tmp_path: Path) -> None:
    families.load(str(editor_folder)).save(tmp_path / "saved")
    for config in (tmp_path / "saved").rglob("*.json"):
        assert str(editor_folder) not in config.read_text()
    assert families.load(str(tmp_path / "saved")).denoiser.config.in_channels == 8
