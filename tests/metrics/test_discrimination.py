"""Discrimination compares two instructions by how well the truth's noise is predicted, and by nothing else."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from actionpairs.editors.editor import Editor, rebuilt
from actionpairs.metrics import discrimination
from actionpairs.metrics.discrimination import Discrimination
from actionpairs.metrics.metric import EditBatch
from actionpairs.records import Entry
from tests.evaluation.conftest import MOVES, moved

PAIRS = np.stack([np.stack(moved(action, seed=seed)) for seed, action in enumerate(MOVES)])
SEEDS = range(len(PAIRS))


def margins(editor: Editor, right: list[str], wrong: list[str]) -> np.ndarray:
    return discrimination.margins(editor, PAIRS, right, wrong, seeds=SEEDS)


def test_the_other_way_round_has_the_other_sign(small_editor: Editor) -> None:
    right, wrong = list(MOVES), list(MOVES)[::-1]
    forward = margins(small_editor, right, wrong)
    assert (forward != 0).all()
    assert margins(small_editor, wrong, right) == pytest.approx(-forward)


def test_the_same_instruction_has_no_margin(small_editor: Editor) -> None:
    assert margins(small_editor, list(MOVES), list(MOVES)) == pytest.approx(0, abs=1e-7)


def test_batches_of_any_size_have_the_same_margins(small_editor: Editor) -> None:
    right, wrong = list(MOVES), list(MOVES)[::-1]
    one_by_one = [
        discrimination.margins(
            small_editor, PAIRS[i : i + 1], right[i : i + 1], wrong[i : i + 1], seeds=SEEDS[i : i + 1]
        )
        for i in range(len(PAIRS))
    ]
    assert np.concatenate(one_by_one) == pytest.approx(margins(small_editor, right, wrong), rel=1e-3, abs=1e-6)


def test_a_model_that_predicts_all_noise_under_the_right_text_alone_wins_by_the_noise(
    small_editor: Editor,
) -> None:
    def perfect(inputs: torch.Tensor, times: torch.Tensor, encoder_hidden_states: torch.Tensor) -> Any:
        """Zeros under the wrong text; under the right one, the noise itself, from ε = (x_t − √ᾱ x₀)/√(1 − ᾱ)."""
        signed = torch.from_numpy(PAIRS[:, 1]).permute(0, 3, 1, 2).float() / 127.5 - 1
        vae = small_editor.autoencoder
        clean = vae.encode(signed).latent_dist.mode() * vae.config.scaling_factor
        alphas = scheduler.alphas_cumprod[times[: len(clean)]].view(-1, 1, 1, 1)
        noise = (inputs[: len(clean), :4] - alphas.sqrt() * clean) / (1 - alphas).sqrt()
        noises.append((noise**2).mean((1, 2, 3)))
        return SimpleNamespace(sample=torch.cat([noise, torch.zeros_like(noise)]))

    noises: list[torch.Tensor] = []
    scheduler, unet = DDPMScheduler(prediction_type="epsilon"), copy.deepcopy(small_editor.denoiser)
    unet.forward = perfect
    editor = type(small_editor)(rebuilt(small_editor.pipeline, unet=unet, scheduler=scheduler))
    values = margins(editor, list(MOVES), ["another"] * len(MOVES))
    assert len(noises) == discrimination.TIMES_PER_SAMPLE
    assert values == pytest.approx(torch.stack(noises).sum(0).numpy(), rel=1e-3)
    assert (values > discrimination.TIMES_PER_SAMPLE / 2).all()  # squared noise is 1 on average


def entry(key: str, action: str) -> Entry:
    return Entry(key, "test", "x.tar", action, *action.split(), action, "P01", 0, 1, 1, 1, 64, 64)


def batch(small_editor: Editor | None) -> EditBatch:
    keys, actions = tuple("abcd"), tuple(MOVES)
    return EditBatch(keys, actions, actions, PAIRS[:, 0], PAIRS[:, 1], PAIRS[:, 1], editor=small_editor)


def test_hits_are_the_signs_of_margins_and_edits_without_a_model_have_none(small_editor: Editor) -> None:
    metric = Discrimination([entry(key, action) for key, action in zip("abcd", MOVES, strict=True)], seed=0)
    assert set(metric.score(batch(small_editor)).values["discrimination"]) <= {0.0, 100.0}
    assert np.isnan(metric.score(batch(None)).values["discrimination"]).all()


def test_samples_without_another_action_have_no_value(small_editor: Editor) -> None:
    metric = Discrimination([entry(key, "move left") for key in "abcd"], seed=0)
    assert np.isnan(metric.score(batch(small_editor)).values["discrimination"]).all()
