"""The cache holds the output of the frozen networks, and it is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.data import examples
from actionpairs.data.examples import Example, to_signed
from actionpairs.editors.editor import Editor
from actionpairs.training.latents import Latents, cached_latents
from tests.training.squares import SIDE

CPU = torch.device("cpu")


def squares_of(editor: Editor, some: Sequence[Example], folder: Path, *, mirrored: bool) -> Latents:
    return cached_latents(editor, some, folder, shapes=[(SIDE, SIDE)] * len(some), mirrored=mirrored, device=CPU)


def test_cached_latents_are_those_of_the_autoencoder(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    cached = squares_of(small_editor, pairs, tmp_path, mirrored=True)
    original, edited = examples.load_pair(pairs[3], SIDE)
    for flipped in (False, True):
        pictures = [picture[:, ::-1] if flipped else picture for picture in (original, edited)]
        with torch.no_grad():
            posterior = small_editor.autoencoder.encode(to_signed(np.stack(pictures), CPU)).latent_dist
        first, mean, deviation = cached.of([3], [flipped])
        assert torch.allclose(first[0], posterior.mode()[0], atol=2e-3)
        assert torch.allclose(mean[0], posterior.mean[1], atol=2e-3)
        assert torch.allclose(deviation[0], posterior.std[1], atol=2e-3)


def test_a_second_run_loads_the_cache(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = squares_of(small_editor, pairs, tmp_path, mirrored=False)
    monkeypatch.setattr(small_editor.autoencoder, "encode", None)
    again = squares_of(small_editor, pairs, tmp_path, mirrored=False)
    assert np.array_equal(first.buckets[0], again.buckets[0])
    with pytest.raises(TypeError):  # other pairs are other latents
        squares_of(small_editor, pairs[1:], tmp_path, mirrored=False)


def test_every_pair_has_its_own_latents_whatever_its_bucket(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path
) -> None:
    """Pairs of three shapes take turns; each shape is a bucket with a file of its own."""
    some, wanted = pairs[:6], [(32, 32), (16, 48), (48, 16)] * 2
    cached = cached_latents(small_editor, some, tmp_path, shapes=wanted, mirrored=False, device=CPU)
    assert len(cached.buckets) == len(list(tmp_path.glob("latents-*.npy"))) == 3
    for number, (pair, (tall, wide)) in enumerate(zip(some, wanted, strict=True)):
        original, edited, _ = cached.of([number], [False])
        assert original.shape[2:] == (tall // 2, wide // 2)
        with torch.no_grad():
            expected, _ = small_editor.encode(examples.load_pair(pair, (tall, wide)))
        assert torch.allclose(torch.cat([original, edited]), expected, atol=2e-3)


def test_the_autoencoder_is_back_on_the_cpu_even_after_an_error(
    small_editor: Editor, pairs: tuple[Example, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: list[str] = []
    monkeypatch.setattr(small_editor.autoencoder, "to", lambda device: moves.append(str(device)))
    options = {"shapes": [(SIDE, SIDE)] * 2, "mirrored": False, "device": torch.device("cpu:0")}
    cached_latents(small_editor, pairs[:2], tmp_path, **options)  # type: ignore[arg-type]
    assert moves == ["cpu:0", "cpu"]
    monkeypatch.setattr(small_editor.autoencoder, "encode", None)
    with pytest.raises(TypeError):
        cached_latents(small_editor, pairs[2:4], tmp_path, **options)  # type: ignore[arg-type]
    assert moves == ["cpu:0", "cpu"] * 2
