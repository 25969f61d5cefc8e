"""Published weights lie on the line between those before and those after training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from actionpairs.editors import interpolation
from actionpairs.editors.editor import Editor
from tests.stages.training_runs import EDITOR, UNET, recipe, run
from tests.training.conftest import squares as squares
from tests.training.conftest import without_curves as without_curves

LORA = {"rank": 4, "alpha": 8.0, "targets": ["attn1.to_q", "attn1.to_v"]}


def trained(squares: Path, folder: Path, **keys: object) -> Path:
    folder.mkdir()
    run(recipe(folder, EDITOR, steps=4, checkpoint_every=4, sample_every=4, **keys), squares, folder / "out")
    return folder / "out"


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_a_recipe_publishes_interpolated_weights(
    squares: Path, tmp_path: Path, without_curves: None, share: float
) -> None:
    whole = trained(squares, tmp_path / "whole")
    part = trained(squares, tmp_path / "part", interpolation=share)
    start, end, published = (load_file(folder / UNET) for folder in (whole / "base", whole, part))
    assert any(not torch.equal(start[name], end[name]) for name in end)
    for name, weight in published.items():
        expected = start[name].double() + share * (end[name].double() - start[name].double())
        assert torch.allclose(weight.double(), expected, atol=1e-7), name


def test_of_adapters_the_added_weights_are_scaled(squares: Path, tmp_path: Path, without_curves: None) -> None:
    whole = trained(squares, tmp_path / "whole", lora=LORA)
    part = trained(squares, tmp_path / "part", lora=LORA, interpolation=0.5)
    start, end, published = (load_file(folder / UNET) for folder in (whole / "base", whole, part))
    changed = [name for name in end if not torch.equal(start[name], end[name])]
    assert changed
    for name in changed:
        assert torch.allclose(published[name], (start[name] + end[name]) / 2, atol=1e-6), name


def test_weights_that_do_not_train_are_not_copied(small_editor: Editor) -> None:
    small_editor.denoiser.requires_grad_(False)
    small_editor.denoiser.conv_out.bias.requires_grad_(True)
    start = interpolation.weights_of(small_editor.denoiser)
    assert list(start) == ["conv_out.bias"]
    before = start["conv_out.bias"].clone()
    with torch.no_grad():
        small_editor.denoiser.conv_out.bias += 1
    assert torch.equal(start["conv_out.bias"], before)
    interpolation.interpolate(small_editor.denoiser, start, 0.25)
    assert np.allclose(small_editor.denoiser.conv_out.bias.detach(), before + 0.25)
