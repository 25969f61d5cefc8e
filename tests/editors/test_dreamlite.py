"""What is special to DreamLite: two pictures side by side, Qwen3-VL's states with a mask, times up to 1000."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, DreamLiteUNetModel
from PIL import Image

from actionpairs.editors import dreamlite, lora, sampling
from actionpairs.editors.conditioning import Conditioning, concatenate
from actionpairs.editors.dreamlite import DreamLite
from actionpairs.editors.editor import Sampling, rebuilt, to_pictures
from actionpairs.model_files import lora_files
from tests.editors import tiny_pipelines

TEXT = "move the red square left"
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
OWN = Sampling("", 2, 1.5, 3.5)  # as the pipeline's __call__ has it
SIZES = {"addition_embed_type": "time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 16}


@functools.cache
def build() -> DiffusionPipeline:
    """The tiny pipeline with what it leaves out: a U-Net that is told the size, latents shifted and scaled."""
    pipeline = tiny_pipelines.build("dreamlite")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = {name: value for name, value in pipeline.unet.config.items() if not name.startswith("_")}
        unet = DreamLiteUNetModel(**{**config, **SIZES}).eval()
        tiny_pipelines.enliven(unet)
    pipeline.vae.register_to_config(scaling_factor=0.8, shift_factor=0.1)
    pipeline = rebuilt(pipeline, unet=unet)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@functools.cache
def build_editor() -> DreamLite:
    return DreamLite(build())


def inputs(editor: DreamLite, *, rows: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    noisy, reference = (torch.randn(rows, 4, 8, 12, generator=generator) for _ in range(2))
    return noisy, torch.full((rows,), 400.0), reference


class Recorder:
    """Stands for the U-Net, and keeps what it is called with."""

    def __call__(self, **options: Any) -> tuple[torch.Tensor]:
        self.options = options
        return (options["sample"],)


def test_given_the_same_text_states_an_edit_is_the_pipelines_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pipeline pads the null text in its encoder to the length of the text, which changes the last bits of its
    states. We encode every text alone, so that an edit does not depend on the other texts of its batch.
    """
    editor, floats, pipeline = build_editor(), list[np.ndarray](), build()
    monkeypatch.setattr(dreamlite, "to_pictures", lambda decoded: floats.append(decoded) or to_pictures(decoded))
    sampling.sample(editor, PICTURES[:1], [TEXT], seeds=[3], sampling=OWN)
    single, calls = pipeline.encode_prompt, list[list[str]]()

    def one_by_one(mode: str, prompts: list[str], **options: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        calls.append(prompts)
        parts = [single(mode, [prompt], **options) for prompt in prompts]
        joined = concatenate([Conditioning(states, mask.bool()) for states, mask in parts])
        return joined.embeddings, joined.mask

    size = {"height": 64, "width": 96}
    picture = Image.fromarray(PICTURES[0])
    plain = tiny_pipelines.edit_floats(pipeline, "dreamlite", picture, TEXT, seed=3, **size)
    monkeypatch.setattr(pipeline, "encode_prompt", one_by_one)
    expected = tiny_pipelines.edit_floats(pipeline, "dreamlite", picture, TEXT, seed=3, **size)
    edit = (floats[0] / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert len(calls[0]) == 3
    assert np.array_equal(edit, expected)
    assert np.abs(edit - plain).max() < 1e-5
    assert edit.std() > 0.02


def test_the_reference_stands_on_the_right_as_it_is_encoded() -> None:
    editor, unet = build_editor(), Recorder()
    noisy, times, reference = inputs(editor)
    prediction = editor.predict(unet, noisy, times, reference, editor.condition([TEXT, ""], PICTURES))
    assert torch.equal(unet.options["sample"][..., 12:], reference)
    assert torch.equal(prediction, noisy)
    assert unet.options["added_cond_kwargs"]["time_ids"].tolist() == [[96, 64]] * 2  # width first
    latents, deviation = editor.encode(PICTURES)
    assert torch.equal(editor.reference(latents), latents)
    assert not torch.allclose(editor.normalize(latents), latents)
    assert not deviation.any()


def test_decoding_undoes_normalizing() -> None:
    editor = build_editor()
    latents = editor.encode(PICTURES)[0]
    with torch.no_grad():
        expected = to_pictures(editor.autoencoder.decode(latents).sample)
        assert np.abs(editor.decode(editor.normalize(latents)).astype(int) - expected).max() <= 1


def test_each_text_is_encoded_beside_its_own_picture() -> None:
    editor = build_editor()
    both = editor.condition([TEXT, TEXT], PICTURES)
    assert both.mask is not None
    assert both.mask.all()
    assert (both.embeddings[0] - both.embeddings[1]).norm() > 0.05 * both.embeddings[0].norm()
    assert torch.equal(editor.condition([TEXT], PICTURES[1:]).embeddings, both.embeddings[1:])


def test_the_null_text_has_none_of_the_prompts_words() -> None:
    editor = build_editor()
    pair = editor.condition([TEXT, ""], PICTURES)
    assert pair.mask is not None
    lengths = pair.mask.sum(1)
    words = dreamlite._PROMPT.format(TEXT)  # a token is a byte in the tiny tokenizer
    assert lengths[0] - lengths[1] == len(words)
    assert "side-by-side images of the same scene" in words
    assert not pair.embeddings[1, lengths[1] :].any()


@torch.no_grad()
def test_what_the_mask_leaves_out_changes_nothing() -> None:
    editor = build_editor()
    texts = editor.condition([TEXT, ""], PICTURES)
    assert texts.mask is not None
    noise = torch.randn(texts.embeddings.shape, generator=torch.Generator().manual_seed(1))
    filled = torch.where(texts.mask[..., None], texts.embeddings, 10 * noise)
    before = editor.predict(editor.denoiser, *inputs(editor), texts)
    assert not torch.equal(filled, texts.embeddings)
    assert torch.equal(editor.predict(editor.denoiser, *inputs(editor), Conditioning(filled, texts.mask)), before)
    unmasked = editor.predict(editor.denoiser, *inputs(editor), Conditioning(filled))
    assert (unmasked[1] - before[1]).abs().max() > 1e-3
    assert (unmasked[0] - before[0]).abs().max() < 1e-5


def test_times_run_to_1000() -> None:
    editor, unet = build_editor(), Recorder()
    process = editor.noise_process()
    assert process.at(0.4) == 400
    assert process.mixture(torch.tensor([400.0]))[1].item() == pytest.approx(0.4)
    scheduler = editor.scheduler(OWN, tokens=24, device=torch.device("cpu"))
    assert process.time_of(scheduler.timesteps[0]) == 1000
    noisy, _, reference = inputs(editor)
    editor.predict(unet, noisy, scheduler.timesteps[1], reference, editor.condition([TEXT, ""], PICTURES))
    assert torch.equal(unet.options["timestep"], scheduler.timesteps[1].expand(2))


@torch.no_grad()
def test_a_prediction_depends_on_the_size_told() -> None:
    editor = DreamLite(rebuilt(build()))
    texts = editor.condition([TEXT, ""], PICTURES)
    before = editor.predict(editor.denoiser, *inputs(editor), texts)
    editor.pipeline.vae_scale_factor = 16
    assert (editor.predict(editor.denoiser, *inputs(editor), texts) - before).abs().max() > 1e-3


@torch.no_grad()
def test_saved_adapters_reload_though_the_pipeline_has_no_loader(tmp_path: Path) -> None:
    live = DreamLite(tiny_pipelines.build("dreamlite"))
    by_diffusers, by_us = (tiny_pipelines.build("dreamlite") for _ in range(2))
    lora.add_adapters(live.denoiser, live.traits.lora_targets, rank=2, alpha=6.0, seed=0)
    for name, weight in live.denoiser.named_parameters():
        if "lora_B" in name:
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    texts = live.condition([TEXT, ""], PICTURES)
    batch = inputs(live)
    expected = live.predict(live.denoiser, *batch, texts)
    assert not hasattr(by_diffusers, "load_lora_weights")
    assert (live.predict(by_us.unet, *batch, texts) - expected).abs().max() > 0.01
    lora.save(live, tmp_path, base="carlofkl/DreamLite-base")
    # by default it looks for names that begin with "transformer", and only warns if there are none
    by_diffusers.unet.load_lora_adapter(tmp_path, weight_name=lora.FILE, prefix=None)
    assert torch.equal(live.predict(by_diffusers.unet, *batch, texts), expected)
    lora_files.load_lora(by_us, str(tmp_path))  # it puts alpha into the weights
    assert torch.allclose(live.predict(by_us.unet, *batch, texts), expected, atol=1e-5)
