"""FLUX.2 and FLUX.2 klein: our edits equal diffusers' in every float, and their ids, guidance and folders."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, Flux2Pipeline
from PIL import Image
from torch import Tensor
from transformers.utils import is_torchvision_available

from actionpairs.editors import flux2, sampling
from actionpairs.editors.conditioning import Conditioning, GuidedTexts
from actionpairs.editors.editor import Editor
from actionpairs.editors.flux2 import Flux2, Flux2Klein
from actionpairs.model_files.processors import without_torchvision
from tests.editors import tiny_pipelines

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
TEXTS = ["move the red square left", "open the drawer", "put the plate away, then open the drawer again"]
CPU = torch.device("cpu")


@functools.cache
def editor(family: str) -> Editor:
    pipeline = tiny_pipelines.build(family.removesuffix(" distilled"))
    if family == "flux2":
        return Flux2(pipeline)
    pipeline.register_to_config(is_distilled=family.endswith("distilled"))
    return Flux2Klein(pipeline)


def few_steps(of: Editor, *, guidance: float = 4.0) -> sampling.Sampling:
    return replace(of.defaults.sampling, steps=2, text_guidance=guidance)


class Spy:
    """A denoiser that notes its inputs."""

    def __init__(self, of: Editor) -> None:
        self.of = of
        self.inputs: list[dict[str, Any]] = []

    def __call__(self, **inputs: Any) -> Any:
        self.inputs.append(inputs)
        return self.of.denoiser(**inputs)


@torch.no_grad()
def predict(of: Editor, denoiser: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noisy, reference = torch.randn(2, 2, 16, 5, 7, generator=generator)
    texts = Conditioning(torch.randn(2, 300, 48, generator=generator)).to(dtype=dtype)
    return of.predict(denoiser, noisy, torch.tensor([0.3, 0.8]), reference, texts)


@pytest.mark.parametrize("family", ["flux2", "flux2-klein", "flux2-klein distilled"])
def test_edits_equal_those_of_diffusers_in_every_float(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = editor(family)
    monkeypatch.setattr(flux2, "to_pictures", lambda x: (x * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())
    edits = sampling.sample(of, PICTURES[:1], TEXTS[:1], seeds=[5], sampling=few_steps(of))
    picture = Image.fromarray(PICTURES[0])
    expected = tiny_pipelines.edit_floats(
        of.pipeline, family.removesuffix(" distilled"), picture, TEXTS[0], seed=5, height=64, width=96
    )
    assert np.array_equal(edits[0], expected)
    assert expected.std() > 0.02


@pytest.mark.parametrize("family", ["flux2", "flux2-klein"])
def test_a_batch_equals_its_rows_edited_alone(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = editor(family)
    monkeypatch.setattr(flux2, "to_pictures", lambda decoded: decoded.numpy())

    def edit(rows: list[int]) -> np.ndarray:
        texts = [TEXTS[row] for row in rows]
        return sampling.sample(of, PICTURES[rows], texts, seeds=[7 + row for row in rows], sampling=few_steps(of))

    alone = np.concatenate([edit([row]) for row in range(3)])
    assert np.abs(edit([0, 1, 2]) - alone).max() < 5e-5
    assert np.abs(alone[0] - alone[1]).max() > 0.01


@pytest.mark.parametrize("family", ["flux2", "flux2-klein"])
def test_normalized_latents_are_those_of_the_pipeline(family: str) -> None:
    of = editor(family)
    with torch.no_grad():
        mean, deviation = of.encode(PICTURES[:1])
        expected = of.pipeline._encode_vae_image(of.signed(PICTURES[:1]), generator=None)
    assert torch.equal(of.normalize(mean), expected)
    assert deviation.shape == mean.shape == (1, 16, *(side // of.factor for side in (64, 96)))
    assert of.tokens(64, 96) == mean.shape[2] * mean.shape[3]


def test_ids_are_those_of_the_pipeline_and_the_same_for_every_row() -> None:
    """Diffusers' script once set the reference of row i at T = 10 + 10·i (its issues 13811 and 13866)."""
    of = editor("flux2-klein")
    predict(of, spy := Spy(of))
    latents = torch.zeros(1, 16, 5, 7)
    expected = [of.pipeline._prepare_latent_ids(latents)[0], of.pipeline._prepare_image_ids([latents])[0]]
    assert torch.equal(spy.inputs[0]["img_ids"], torch.cat(expected))
    assert torch.equal(spy.inputs[0]["txt_ids"], of.pipeline._prepare_text_ids(torch.zeros(1, 300, 48))[0])


def test_ids_stay_whole_numbers_in_bfloat16() -> None:
    of = editor("flux2-klein")

    def denoiser(**inputs: Any) -> tuple[Tensor]:
        assert inputs["hidden_states"].dtype is inputs["timestep"].dtype is torch.bfloat16
        assert inputs["txt_ids"][:, 3].tolist() == list(range(300))  # bfloat16 has no 257
        return (inputs["hidden_states"],)

    assert predict(of, denoiser, torch.bfloat16).dtype is torch.float32


@pytest.mark.parametrize("family", ["flux2", "flux2-klein"])
def test_a_prediction_is_of_the_edit_and_sees_the_reference(family: str) -> None:
    """Diffusers' script once compared the target with tokens of the reference too (its pull request 12855)."""
    of = editor(family)
    echo = predict(of, lambda **inputs: (inputs["hidden_states"],))
    noisy = torch.randn(2, 2, 16, 5, 7, generator=torch.Generator().manual_seed(0))[0]
    assert torch.equal(echo, noisy)
    dropped = predict(of, lambda **inputs: of.denoiser(**{**inputs, "hidden_states": blank(inputs)}))
    assert (dropped - predict(of, of.denoiser)).abs().max() > 0.01


def blank(inputs: dict[str, Any]) -> Tensor:
    tokens: Tensor = inputs["hidden_states"].clone()
    tokens[:, tokens.shape[1] // 2 :] = 0
    return tokens


def test_flux2_is_guided_by_an_input_and_trains_at_scale_1() -> None:
    of = editor("flux2")
    predict(of, spy := Spy(of))
    assert spy.inputs[0]["guidance"].tolist() == [1.0, 1.0]
    assert not of.needs_null_text(few_steps(of))
    weak, strong = (
        sampling.sample(of, PICTURES[:1], TEXTS[:1], seeds=[5], sampling=few_steps(of, guidance=scale))
        for scale in (1.0, 8.0)
    )
    assert not np.array_equal(weak, strong)


def test_klein_is_compared_with_the_null_text_unless_it_is_distilled() -> None:
    base, distilled = editor("flux2-klein"), editor("flux2-klein distilled")
    assert base.needs_null_text(few_steps(base))
    assert not base.needs_null_text(few_steps(base, guidance=1.0))
    assert not distilled.needs_null_text(few_steps(distilled))
    assert (base.defaults.sampling.steps, distilled.defaults.sampling.steps) == (50, 4)
    predict(base, spy := Spy(base))
    assert spy.inputs[0]["guidance"] is None


def test_klein_stays_distilled_with_another_denoiser() -> None:
    of = editor("flux2-klein distilled")
    assert of.with_denoiser(of.denoiser).defaults.sampling.steps == 4


def test_guidance_goes_from_the_null_text_to_the_instruction() -> None:
    of = editor("flux2-klein")
    text, null = (Conditioning(torch.full((1, 4, 48), value)) for value in (1.0, -1.0))
    noisy, time = torch.ones(1, 16, 4, 4), torch.tensor(0.5)
    with torch.no_grad():
        right, without = (of.predict(of.denoiser, noisy, time[None], noisy, part) for part in (text, null))
        guided = of.guided(noisy, time, noisy, GuidedTexts(text, null), few_steps(of, guidance=3.0))
    assert torch.equal(guided, without + 3 * (right - without))
    assert not torch.equal(right, without)


def test_sampling_is_shifted_more_the_fewer_its_steps() -> None:
    of = editor("flux2-klein")
    assert of.scheduler(few_steps(of), tokens=1024, device=CPU).sigmas[1] == pytest.approx(
        1 / (1 + np.exp(-of.shift(1024, steps=2)))  # exp(μ)·σ / (1 + (exp(μ) − 1)·σ) at σ = ½
    )
    assert of.shift(1024, steps=50) == pytest.approx(1.70196, abs=1e-5)


@pytest.mark.parametrize(("tokens", "mu"), [(256, 0.5), (4096, 1.15)])
def test_training_draws_times_that_are_shifted_as_those_of_flux1(tokens: int, mu: float) -> None:
    process, generator = editor("flux2-klein").noise_process(), np.random.default_rng(0)
    logits = [
        np.log(sigma / (1 - sigma)) for sigma in (process.draw(generator, tokens=tokens) for _ in range(4000))
    ]
    assert np.mean(logits) == pytest.approx(mu, abs=0.05)
    assert np.std(logits) == pytest.approx(1, abs=0.05)


@pytest.mark.skipif(is_torchvision_available(), reason="torchvision is installed")
def test_a_folder_with_pixtrals_processor_opens_without_torchvision(tmp_path: Path) -> None:
    of = editor("flux2")
    of.save(tmp_path / "released")
    index = tmp_path / "released" / "model_index.json"
    parts = json.loads(index.read_text(encoding="utf-8"))
    index.write_text(json.dumps({**parts, "tokenizer": ["transformers", "PixtralProcessor"]}), encoding="utf-8")
    opened = Flux2(without_torchvision(Flux2Pipeline, index.parent, dtype=torch.bfloat16))
    assert opened.dtype is torch.bfloat16
    opened.save(tmp_path / "again")
    again = Flux2(DiffusionPipeline.from_pretrained(tmp_path / "again"))
    for text in TEXTS:
        expected = of.pipeline.tokenizer(text).input_ids
        assert opened.pipeline.tokenizer(text).input_ids == again.pipeline.tokenizer(text).input_ids == expected
    whole = Flux2(without_torchvision(Flux2Pipeline, index.parent))
    first, second = (one.condition(TEXTS[:1], PICTURES).embeddings for one in (of, whole))
    assert torch.equal(first, second)


@pytest.mark.parametrize("family", ["flux2", "flux2-klein"])
def test_other_folders_open_as_by_diffusers(family: str, tmp_path: Path) -> None:
    editor(family).save(tmp_path)
    opened = without_torchvision(DiffusionPipeline, tmp_path)
    assert type(opened) is type(editor(family).pipeline)
    assert opened.tokenizer is not None
