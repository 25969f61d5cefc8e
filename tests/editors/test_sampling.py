"""Our sampler equals diffusers' InstructPix2Pix, and a sample's noise depends on its own seed alone."""

from __future__ import annotations

from dataclasses import replace

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler

from actionpairs.editors import instruct_pix2pix, sampling
from actionpairs.editors.editor import Editor, Sampling, rebuilt
from actionpairs.errors import ModelError
from tests.evaluation.conftest import MOVES, moved

ANCESTRAL = Sampling("EulerAncestralDiscreteScheduler", steps=2, image_guidance=1.5, text_guidance=7.5)
PICTURES = np.stack([moved(action, seed=number)[0] for number, action in enumerate(MOVES)])
TEXTS = list(MOVES)


def edit(editor: Editor, rows: list[int], options: Sampling = ANCESTRAL) -> np.ndarray:
    return sampling.sample(
        editor, PICTURES[rows], [TEXTS[i] for i in rows], seeds=[10 + i for i in rows], sampling=options
    )


def gap(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize(
    "name",
    [
        "EulerAncestralDiscreteScheduler",
        "DDIMScheduler",
        "DPMSolverMultistepScheduler",
        "KDPM2AncestralDiscreteScheduler",
    ],
)
def test_agrees_with_the_pipeline_of_diffusers(editor: Editor, name: str) -> None:
    pipeline = rebuilt(
        editor.pipeline, scheduler=instruct_pix2pix._scheduler(name, editor.pipeline.scheduler.config)
    )
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        TEXTS[:2],
        image=torch.from_numpy(PICTURES[:2]).permute(0, 3, 1, 2).float() / 255,
        num_inference_steps=2,
        image_guidance_scale=1.5,
        guidance_scale=7.5,
        generator=[torch.Generator("cpu").manual_seed(10 + i) for i in range(2)],
        output_type="np",
    ).images
    edits = edit(editor, [0, 1], replace(ANCESTRAL, scheduler=name))
    assert edits.dtype == np.uint8
    assert gap(edits, (expected * 255).round().astype(np.uint8)) <= 1


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerAncestralDiscreteScheduler", "UniPCMultistepScheduler"])
@pytest.mark.parametrize("spacing", ["trailing", "leading"])
def test_a_model_of_v_and_noise_alone_at_the_end_is_sampled_as_diffusers_samples_it(
    editor: Editor, name: str, spacing: str
) -> None:
    """Zero terminal SNR (arXiv 2305.08891): the schedule that the model was trained with is kept."""
    own = DDIMScheduler.from_config(
        editor.pipeline.scheduler.config,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing=spacing,
        clip_sample=False,
    )
    assert own.alphas_cumprod[-1] == 0
    other = type(editor)(rebuilt(editor.pipeline, scheduler=own))
    pipeline = rebuilt(other.pipeline, scheduler=getattr(diffusers, name).from_config(own.config))
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        TEXTS[:2],
        image=torch.from_numpy(PICTURES[:2]).permute(0, 3, 1, 2).float() / 255,
        num_inference_steps=3,
        image_guidance_scale=1.5,
        guidance_scale=7.5,
        generator=[torch.Generator("cpu").manual_seed(10 + i) for i in range(2)],
        output_type="np",
    ).images
    edits = edit(other, [0, 1], replace(ANCESTRAL, scheduler=name, steps=3))
    assert gap(edits, (expected * 255).round().astype(np.uint8)) <= 1
    assert gap(edits, edit(editor, [0, 1], replace(ANCESTRAL, scheduler=name, steps=3))) > 1


@pytest.mark.parametrize("name", ["PNDMScheduler", "HeunDiscreteScheduler", "DPMSolverSinglestepScheduler"])
def test_a_scheduler_that_would_drop_zero_terminal_snr_is_refused(editor: Editor, name: str) -> None:
    own = DDIMScheduler.from_config(editor.pipeline.scheduler.config, rescale_betas_zero_snr=True)
    other = type(editor)(rebuilt(editor.pipeline, scheduler=own))
    with pytest.raises(ModelError, match=f"{name} has no `rescale_betas_zero_snr`") as caught:
        edit(other, [0], replace(ANCESTRAL, scheduler=name))
    assert "DDIMScheduler" in caught.value.cure


def test_negatives_are_the_negative_prompt_of_diffusers(editor: Editor) -> None:
    """They take the place of the null text, each sample has its own, and they change the edit."""
    pipeline = rebuilt(editor.pipeline)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        TEXTS[:2],
        negative_prompt=TEXTS[1::-1],
        image=torch.from_numpy(PICTURES[:2]).permute(0, 3, 1, 2).float() / 255,
        num_inference_steps=2,
        image_guidance_scale=ANCESTRAL.image_guidance,
        guidance_scale=ANCESTRAL.text_guidance,
        generator=[torch.Generator("cpu").manual_seed(10 + i) for i in range(2)],
        output_type="np",
    ).images
    sampled = replace(ANCESTRAL, scheduler="", steps=2)
    edits = sampling.sample(
        editor, PICTURES[:2], TEXTS[:2], seeds=[10, 11], sampling=sampled, negatives=TEXTS[1::-1]
    )
    assert gap(edits, (expected * 255).round().astype(np.uint8)) <= 1
    assert gap(edits, edit(editor, [0, 1], sampled)) > 1


def test_a_model_without_a_second_text_has_nothing_to_guide_away_from(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(editor), "needs_null_text", lambda self, sampling: False)
    with pytest.raises(ModelError, match="nothing to guide away from"):
        sampling.guided_texts(editor, [PICTURES[:1]], TEXTS[:1], ANCESTRAL, negatives=TEXTS[1:2])


def test_batch_size_and_order_change_nothing(editor: Editor) -> None:
    together = edit(editor, [0, 1, 2, 3])
    alone = np.concatenate([edit(editor, [i]) for i in (2, 0, 3, 1)])
    assert gap(together[[2, 0, 3, 1]], alone) <= 1


def test_another_seed_gives_another_edit(editor: Editor) -> None:
    first, second = (
        sampling.sample(editor, PICTURES[:1], TEXTS[:1], seeds=[seed], sampling=ANCESTRAL) for seed in (1, 2)
    )
    assert gap(first, second) > 10


def test_a_size_that_does_not_fit_is_refused(editor: Editor) -> None:
    with pytest.raises(ModelError, match="multiples of 2 pixels, not 63×64"):
        sampling.sample(editor, PICTURES[:1, :, :63], TEXTS[:1], seeds=[0], sampling=ANCESTRAL)


def test_latents_are_not_clipped_unless_the_models_own_scheduler_clips() -> None:
    own = EulerAncestralDiscreteScheduler()
    assert "clip_sample" not in own.config
    assert instruct_pix2pix._scheduler("DDIMScheduler", own.config).config.clip_sample is False
    assert (
        instruct_pix2pix._scheduler("DDIMScheduler", DDIMScheduler(clip_sample=True).config).config.clip_sample
        is True
    )


def test_a_misspelt_scheduler_is_named(editor: Editor) -> None:
    with pytest.raises(ModelError, match="did you mean DDIMScheduler"):
        edit(editor, [0], replace(ANCESTRAL, scheduler="DDIMSheduler"))
