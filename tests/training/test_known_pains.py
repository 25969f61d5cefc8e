"""What users of diffusers' InstructPix2Pix script run into, thread by thread, and that it does not happen here.

Two more are tested where they belong: that going on is exact (tests/learning/test_loop.py, tests/stages/
test_train.py; the script's own is off by 1.5e-3 after 60 + 60 steps), and that two processes train, draw
samples and agree with one (tests/stages/test_train.py; diffusers #2966: validation crashes under DDP).
"""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from actionpairs.configs import ActionLossConfig
from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, Batches
from actionpairs.data.examples import Example
from actionpairs.editors import instruct_pix2pix
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import devices, latents, sample_grid
from actionpairs.training.editor_task import Diffusion, EditorTask, Material, Objective
from tests.training.squares import SIDE

SHOW = Augmentation(flip=0.5, conditioning_dropout=0.1, wrong_texts=1, drawn_from="all")


def test_a_model_that_is_wide_already_is_not_widened(editor_folder: Path) -> None:
    """diffusers #3455, fine-tuning from timbrooks/instruct-pix2pix gives garbage: the script makes a new first
    layer whatever there was, without its bias, and half of what the model knew of the original is gone."""
    plain, widened = (instruct_pix2pix.load(str(editor_folder), widen=widen).unet for widen in (False, True))
    assert widened.config.in_channels == 8
    for name, weight in plain.state_dict().items():
        assert torch.equal(widened.state_dict()[name], weight)
    assert plain.conv_in.weight[:, 4:].abs().sum() > 0


def test_pairs_of_one_batch_are_flipped_each_for_itself(pairs: tuple[Example, ...]) -> None:
    """The script crops and flips once per batch: `with_transform` is given the whole batch (peers.md, D)."""
    batches = Batches(pairs, SHOW, seed=0, batch_size=16)
    flips = {row.flipped for row in batches.rows(0, slice(16))}
    assert flips == {False, True}


def test_both_pictures_of_a_pair_are_flipped_together(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    """diffusers #10697, source and target flipped independently: a copy's latents are those of its input."""
    same = [replace(pair, entry=_copied(pair)) for pair in pairs[:4]]
    cached = latents.cached_latents(small_editor, same, tmp_path, size=SIDE, mirrored=True)
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


def test_a_step_asks_neither_the_text_encoder_nor_the_autoencoder(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    """The script encodes "" anew in every step, and all else that never changes (peers.md, D; diffusers #1936)."""
    batches = Batches(pairs, SHOW, seed=0, batch_size=8)
    material = Material(
        batches,
        latents.cached_latents(small_editor, pairs, tmp_path, size=SIDE, mirrored=True),
        latents.cached_texts(small_editor, batches.texts(), tmp_path),
    )
    task = EditorTask(
        material, Objective(ActionLossConfig(), 0.0), Diffusion.of(small_editor), accelerator=devices.begin("cpu")
    )
    asked = []
    for part in (small_editor.text_encoder, small_editor.vae.encoder):
        part.register_forward_hook(lambda module, *_: asked.append(type(module)))
    dropped = [row for step in range(5) for row in batches.rows(step, slice(8)) if not row.text]
    for step in range(5):
        task.losses(small_editor.unet, step, slice(8))
    assert dropped
    assert not asked


def test_samples_are_drawn_from_the_shards_without_a_network(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script validates on one picture by URL, once an epoch, into wandb alone (peers.md, D)."""

    def refuse(*_: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    grid = sample_grid.Grid(small_editor, pairs[:2], SIDE, 0, 2, 1.5, 7.5)
    grid.draw(tmp_path / "samples.png")
    assert np.asarray(Image.open(tmp_path / "samples.png")).std() > 5
