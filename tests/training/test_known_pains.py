"""Problems that users of diffusers' InstructPix2Pix script report, one test each: they do not happen here.

Two more are tested elsewhere: a resumed run is exact (tests/training/test_train.py, tests/stages/test_train.py;
the script's is off by 1.5e-3 after 60 + 60 steps), and two processes train, draw samples and agree with one
(tests/stages/test_train_in_processes.py; diffusers #2966: validation crashes under DDP).
"""

from __future__ import annotations

import copy
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from actionpairs.configs import ActionLossConfig, EditorConfig, RegularizationConfig
from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.editors import families
from actionpairs.editors.editor import Editor
from actionpairs.training import devices
from actionpairs.training.conditionings import cached_conditionings
from actionpairs.training.diffusion_batches import DiffusionBatches
from actionpairs.training.editor_task import EditorTask
from actionpairs.training.latents import cached_latents
from actionpairs.training.loss_terms import LossWeights
from actionpairs.training.sample_grid import grid_of
from tests.training.squares import SIDE, SIZES

AUGMENTATION = Augmentation(flip=0.5, conditioning_dropout=0.1, negatives=1, drawn_from="all")
CPU = torch.device("cpu")
GRID = EditorConfig(
    task="editor",
    model=SIZES,
    resolution=SIDE,
    sample_count=2,
    sample_steps=2,
    sample_image_guidance=1.5,
    sample_text_guidance=7.5,
)


def test_a_model_with_8_input_channels_is_not_widened(editor_folder: Path) -> None:
    """diffusers #3455, fine-tuning from timbrooks/instruct-pix2pix gives garbage: the script makes a new first
    layer whatever there was, without its bias, and half of what the model knew of the original is gone."""
    plain, widened = (families.load(str(editor_folder), widen=widen).denoiser for widen in (False, True))
    assert widened.config.in_channels == 8
    for name, weight in plain.state_dict().items():
        assert torch.equal(widened.state_dict()[name], weight)
    assert plain.conv_in.weight[:, 4:].abs().sum() > 0


def test_each_pair_of_a_batch_is_flipped_independently(pairs: tuple[Example, ...]) -> None:
    """The script crops and flips once per batch: `with_transform` is given the whole batch (peers.md, D)."""
    sampler = BatchSampler(pairs, AUGMENTATION, seed=0, batch_size=16)
    flips = {row.flipped for row in sampler.rows(0, slice(16))}
    assert flips == {False, True}


def test_both_pictures_of_a_pair_are_flipped_together(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    """diffusers #10697, source and target flipped independently: a copy's latents are those of its input."""
    same = [replace(pair, entry=_copied(pair)) for pair in pairs[:4]]
    cached = cached_latents(small_editor, same, tmp_path, shapes=[(SIDE, SIDE)] * 4, mirrored=True, device=CPU)
    for flipped in (False, True):
        original, edited, _ = cached.of(range(4), [flipped] * 4)
        assert torch.equal(original, edited)
    assert not torch.equal(cached.of([0], [False])[0], cached.of([0], [True])[0])


def _copied(pair: Example) -> object:
    entry = pair.entry
    return replace(entry, edited_offset=entry.original_offset, edited_size=entry.original_size)


def test_a_wide_frame_keeps_its_proportions() -> None:
    """The script resizes to (r, r), whatever the shape of a frame (peers.md, D): a 16:9 square gets narrow."""
    frame = np.zeros((90, 160, 3), np.uint8)
    frame[30:60, 66:96] = 255
    bright = examples.fit(frame, 45)[..., 0] > 127
    assert bright.any(0).sum() == bright.any(1).sum() == 15


def test_a_step_runs_neither_the_text_encoder_nor_the_autoencoder(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    """The script encodes "" anew in every step, and all else that never changes (peers.md, D; diffusers #1936)."""
    shapes = [(SIDE, SIDE)] * len(pairs)
    sampler = BatchSampler(pairs, AUGMENTATION, seed=0, batch_size=8)
    batches = DiffusionBatches(
        sampler,
        cached_latents(small_editor, pairs, tmp_path, shapes=shapes, mirrored=True, device=CPU),
        cached_conditionings(small_editor, sampler, tmp_path, steps=5, device=CPU),
        small_editor,
        small_editor.noise_process(),
    )
    accelerator = devices.create_accelerator("cpu")
    task = EditorTask(
        small_editor,
        batches,
        LossWeights(ActionLossConfig(), RegularizationConfig(weight=0)),
        accelerator=accelerator,
    )
    calls = []
    for part in (small_editor.pipeline.text_encoder, small_editor.autoencoder.encoder):
        part.register_forward_hook(lambda module, *_: calls.append(type(module)))
    for step in range(5):
        task.losses(small_editor.denoiser, step, slice(8))
    assert any(not row.text for step in range(5) for row in sampler.rows(step, slice(8)))
    assert not calls


def test_a_grid_is_drawn_with_the_unet_that_is_passed(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    grid = grid_of(small_editor, pairs[:1], GRID, device=CPU)
    other = copy.deepcopy(small_editor.denoiser)
    with torch.no_grad():
        other.conv_out.bias.add_(0.5)
    for name, unet in (("own", small_editor.denoiser), ("other", other)):
        grid.draw(unet, tmp_path / name)
    assert (tmp_path / "own").read_bytes() != (tmp_path / "other").read_bytes()


def test_samples_are_drawn_from_the_shards_without_a_network(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script validates on one picture by URL, once an epoch, into wandb alone (peers.md, D)."""

    def refuse(*_: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    grid = grid_of(small_editor, pairs[:2], GRID, device=CPU)
    grid.draw(small_editor.denoiser, tmp_path / "samples.png")
    assert np.asarray(Image.open(tmp_path / "samples.png")).std() > 5
