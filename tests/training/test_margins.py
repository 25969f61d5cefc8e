"""Margins compare instructions by how well the truth's noise is predicted, and by nothing else."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from actionpairs.editors.editor import Editor, rebuilt
from actionpairs.training import margins
from tests.evaluation.conftest import MOVES, make_editor, moved

PAIRS = np.stack([np.stack(moved(action, seed=seed)) for seed, action in enumerate(MOVES)])
SEEDS = range(len(PAIRS))
RIGHT, OTHER, THIRD = list(MOVES), list(MOVES)[::-1], [*list(MOVES)[1:], "move left"]


@pytest.fixture(scope="module")
def editor() -> Editor:
    return make_editor()


def margins_of(editor: Editor, right: list[str], *wrong: list[str], rows: slice = slice(None)) -> np.ndarray:
    pairs = PAIRS[rows]
    encoded = [editor.condition(texts[rows], pairs[:, 0]) for texts in (right, *wrong)]
    return margins.margins(editor, pairs, encoded[0], encoded[1:], seeds=SEEDS[rows])


def test_the_other_way_round_has_the_other_sign(editor: Editor) -> None:
    forward = margins_of(editor, RIGHT, OTHER)
    assert forward.shape == (1, len(PAIRS))
    assert (forward != 0).all()
    assert margins_of(editor, OTHER, RIGHT) == pytest.approx(-forward)


def test_the_same_instruction_has_no_margin(editor: Editor) -> None:
    assert margins_of(editor, RIGHT, RIGHT) == pytest.approx(0, abs=1e-7)


def test_several_wrong_instructions_have_the_margins_of_each_alone(editor: Editor) -> None:
    together = margins_of(editor, RIGHT, OTHER, THIRD)
    alone = np.concatenate([margins_of(editor, RIGHT, texts) for texts in (OTHER, THIRD)])
    assert together == pytest.approx(alone)
    assert not np.allclose(*together)


def test_the_right_instruction_is_predicted_once_for_all_wrong_ones(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 0
    forward = editor.denoiser.forward

    def counting(inputs: torch.Tensor, *args: Any, **keys: Any) -> Any:
        nonlocal rows
        rows += len(inputs)
        return forward(inputs, *args, **keys)

    monkeypatch.setattr(editor.denoiser, "forward", counting)
    margins_of(editor, RIGHT, OTHER, THIRD)
    assert rows == 3 * len(PAIRS) * margins.TIMES_PER_SAMPLE


def test_batches_of_any_size_have_the_same_margins(editor: Editor) -> None:
    one_by_one = [margins_of(editor, RIGHT, OTHER, rows=slice(i, i + 1)) for i in range(len(PAIRS))]
    expected = margins_of(editor, RIGHT, OTHER)
    assert np.concatenate(one_by_one, axis=1) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_encoded_texts_need_no_text_encoder(editor: Editor) -> None:
    right, wrong = (editor.condition(texts, PAIRS[:, 0]) for texts in (RIGHT, OTHER))
    bare = type(editor)(rebuilt(editor.pipeline, text_encoder=None, tokenizer=None))
    values = margins.margins(bare, PAIRS, right, [wrong], seeds=SEEDS)
    assert values == pytest.approx(margins_of(editor, RIGHT, OTHER))


def test_a_model_that_predicts_all_noise_under_the_right_text_alone_wins_by_the_noise(editor: Editor) -> None:
    right = editor.condition(RIGHT, PAIRS[:, 0])

    def perfect(inputs: torch.Tensor, times: torch.Tensor, encoder_hidden_states: torch.Tensor) -> Any:
        """Zeros under the wrong text; under the right one, the noise itself, from ε = (x_t − √ᾱ x₀)/√(1 − ᾱ)."""
        if not torch.equal(encoder_hidden_states, right.embeddings):
            return SimpleNamespace(sample=torch.zeros_like(inputs[:, :4]))
        signed = torch.from_numpy(PAIRS[:, 1]).permute(0, 3, 1, 2).float() / 127.5 - 1
        vae = editor.autoencoder
        clean = vae.encode(signed).latent_dist.mode() * vae.config.scaling_factor
        alphas = scheduler.alphas_cumprod[times].view(-1, 1, 1, 1)
        noise = (inputs[:, :4] - alphas.sqrt() * clean) / (1 - alphas).sqrt()
        noises.append((noise**2).mean((1, 2, 3)))
        return SimpleNamespace(sample=noise)

    noises: list[torch.Tensor] = []
    scheduler, unet = DDPMScheduler(prediction_type="epsilon"), copy.deepcopy(editor.denoiser)
    unet.forward = perfect
    knowing = type(editor)(rebuilt(editor.pipeline, unet=unet, scheduler=scheduler))
    [values] = margins_of(knowing, RIGHT, ["another"] * len(MOVES))
    assert len(noises) == margins.TIMES_PER_SAMPLE
    assert values == pytest.approx(torch.stack(noises).sum(0).numpy(), rel=1e-3)
    assert (values > margins.TIMES_PER_SAMPLE / 2).all()  # squared noise is 1 on average


def test_hits_are_the_signs_of_margins_and_nan_where_a_pair_has_no_wrong_instruction(editor: Editor) -> None:
    wrong: dict[str, list[str | None]] = {"all": [*OTHER], "rare": [None, *THIRD[1:]], "none": [None] * len(PAIRS)}
    texts = margins.encode(editor, PAIRS[:, 0], RIGHT, wrong)
    hits = margins.hits(editor, PAIRS, texts, seeds=SEEDS)
    assert list(hits) == ["all", "rare"]
    other, third = margins_of(editor, RIGHT, OTHER, THIRD)
    assert hits["all"].tolist() == [100.0 * (value > 0) for value in other]
    assert np.isnan(hits["rare"][0])
    assert hits["rare"][1:].tolist() == [100.0 * (value > 0) for value in third[1:]]
