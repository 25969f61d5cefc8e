"""Discrimination asks which of two instructions tells the truth's noise better, and nothing else decides."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from actionpairs.editors.instruct_pix2pix import Editor
from actionpairs.metrics import discrimination
from tests.evaluation.conftest import MOVES, moved

PAIRS = np.stack([np.stack(moved(action, seed=seed)) for seed, action in enumerate(MOVES)])
SEEDS = range(len(PAIRS))


def margins(editor: Editor, right: list[str], wrong: list[str]) -> np.ndarray:
    return discrimination.margins(editor, PAIRS, right, wrong, seeds=SEEDS)


def test_the_other_way_round_has_the_other_sign(editor: Editor) -> None:
    right, wrong = list(MOVES), list(MOVES)[::-1]
    found = margins(editor, right, wrong)
    assert (found != 0).all()
    assert margins(editor, wrong, right) == pytest.approx(-found)


def test_the_same_instruction_has_no_margin(editor: Editor) -> None:
    assert margins(editor, list(MOVES), list(MOVES)) == pytest.approx(0, abs=1e-7)


def test_batches_of_any_size_find_the_same(editor: Editor) -> None:
    right, wrong = list(MOVES), list(MOVES)[::-1]
    one_by_one = [
        discrimination.margins(
            editor, PAIRS[i : i + 1], right[i : i + 1], wrong[i : i + 1], seeds=SEEDS[i : i + 1]
        )
        for i in range(len(PAIRS))
    ]
    assert np.concatenate(one_by_one) == pytest.approx(margins(editor, right, wrong), rel=1e-3, abs=1e-6)


def test_a_model_that_tells_all_noise_under_the_right_text_alone_wins_by_the_noise(editor: Editor) -> None:
    def knowing(inputs: torch.Tensor, times: torch.Tensor, encoder_hidden_states: torch.Tensor) -> Any:
        """Zeros under the wrong text; under the right one, the noise itself, from ε = (x_t − √ᾱ x₀)/√(1 − ᾱ)."""
        signed = torch.from_numpy(PAIRS[:, 1]).permute(0, 3, 1, 2).float() / 127.5 - 1
        clean = editor.vae.encode(signed).latent_dist.mode() * editor.vae.config.scaling_factor
        alphas = told.scheduler.alphas_cumprod[times[: len(clean)]].view(-1, 1, 1, 1)
        noise = (inputs[: len(clean), :4] - alphas.sqrt() * clean) / (1 - alphas).sqrt()
        seen.append((noise**2).mean((1, 2, 3)))
        return SimpleNamespace(sample=torch.cat([noise, torch.zeros_like(noise)]))

    seen: list[torch.Tensor] = []
    knowing.device = editor.unet.device  # type: ignore[attr-defined]
    told = replace(editor, unet=knowing, scheduler=DDPMScheduler(prediction_type="epsilon"))  # type: ignore[arg-type]
    found = margins(told, list(MOVES), ["another"] * len(MOVES))
    assert len(seen) == discrimination.DRAWS
    assert found == pytest.approx(torch.stack(seen).sum(0).numpy(), rel=1e-3)
    assert (found > discrimination.DRAWS / 2).all()  # squared noise is 1 on average
