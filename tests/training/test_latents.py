"""The cache holds the output of the frozen networks, and it is computed once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.data import examples
from actionpairs.data.examples import Example, to_signed
from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.training import latents
from tests.training.squares import SIDE


def test_cached_latents_are_those_of_the_autoencoder(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    cached = latents.cached_latents(small_editor, pairs, tmp_path, size=SIDE, mirrored=True)
    original, edited = examples.load_pair(pairs[3], SIDE)
    for flipped in (False, True):
        pictures = [picture[:, ::-1] if flipped else picture for picture in (original, edited)]
        with torch.no_grad():
            posterior = small_editor.vae.encode(to_signed(np.stack(pictures), torch.device("cpu"))).latent_dist
        first, mean, deviation = cached.of([3], [flipped])
        assert torch.allclose(first[0], posterior.mode()[0], atol=2e-3)
        assert torch.allclose(mean[0], posterior.mean[1], atol=2e-3)
        assert torch.allclose(deviation[0], posterior.std[1], atol=2e-3)


def test_a_second_run_loads_the_cache(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = latents.cached_latents(small_editor, pairs, tmp_path, size=SIDE, mirrored=False)
    monkeypatch.setattr(small_editor.vae, "encode", None)
    again = latents.cached_latents(small_editor, pairs, tmp_path, size=SIDE, mirrored=False)
    assert np.array_equal(first.values, again.values)
    with pytest.raises(TypeError):  # other pairs are other latents
        latents.cached_latents(small_editor, pairs[1:], tmp_path, size=SIDE, mirrored=False)


def test_other_weights_have_another_cache(small_editor: Editor, tmp_path: Path) -> None:
    texts = ("", "move")
    before = latents.cached_texts(small_editor, texts, tmp_path)
    with torch.no_grad():
        next(small_editor.text_encoder.parameters()).add_(1.0)
    after = latents.cached_texts(small_editor, texts, tmp_path)
    assert not np.array_equal(before.values, after.values)
    assert len(list(tmp_path.glob("texts-*.npy"))) == 2


def test_text_embeddings_come_by_text(small_editor: Editor, tmp_path: Path) -> None:
    cached = latents.cached_texts(small_editor, ("", "move left", "move right"), tmp_path)
    expected = small_editor.embed(["move right", ""])
    assert torch.allclose(cached.of(["move right", ""]), expected, atol=1e-6)
