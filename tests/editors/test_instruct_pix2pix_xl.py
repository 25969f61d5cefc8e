"""What is special to InstructPix2Pix on SDXL: its inputs besides pictures and texts, and CosXL's variant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, EDMEulerScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from PIL import Image

from actionpairs.editors import sampling
from actionpairs.editors.editor import Sampling, rebuilt, to_pictures
from actionpairs.editors.instruct_pix2pix_xl import InstructPix2PixXL
from actionpairs.errors import ModelError
from tests.editors import tiny_pipelines

TEXT = "move the red square left"
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
OWN = Sampling("", 2, 1.5, 5.0)  # as the pipeline's __call__ has it
STATISTICS = {"latents_mean": [0.1, -0.2, 0.3, 0.0], "latents_std": [0.5, 1.5, 2.0, 1.0]}


def build(variant: str = "plain") -> DiffusionPipeline:
    pipeline = tiny_pipelines.build("sdxl")
    if variant == "cosxl":
        return rebuilt(pipeline, is_cosxl_edit=True)
    if variant == "null text":
        return rebuilt(pipeline, force_zeros_for_empty_prompt=False)
    if variant == "statistics":
        pipeline.vae.register_to_config(**STATISTICS)
    return pipeline


def edited(pipeline: DiffusionPipeline) -> np.ndarray:
    editor = InstructPix2PixXL(pipeline)
    return sampling.sample(editor, PICTURES[:1], [TEXT], seeds=[3], sampling=OWN)[0]


@pytest.mark.parametrize("variant", ["cosxl", "null text", "statistics"])
def test_variants_of_released_models_are_edited_as_their_pipeline_does(variant: str) -> None:
    edit = edited(build(variant))
    picture = Image.fromarray(PICTURES[0])
    expected = tiny_pipelines.edit(build(variant), "sdxl", picture, TEXT, seed=3, height=64, width=96)
    assert np.array_equal(edit, expected)
    assert (edit != edited(build())).mean() > 0.02


def test_normalizing_undoes_what_decoding_does() -> None:
    editor = InstructPix2PixXL(build("statistics"))
    latents = editor.encode(PICTURES)[0]
    with torch.no_grad():
        expected = to_pictures(editor.autoencoder.decode(latents).sample)
        decoded = editor.decode(editor.normalize(latents))
    assert np.abs(decoded.astype(int) - expected).max() <= 1
    assert not torch.allclose(editor.normalize(latents), latents * editor.autoencoder.config.scaling_factor)


@pytest.mark.parametrize("variant", ["plain", "null text"])
def test_the_null_text_is_zeros_where_the_model_says_so(variant: str) -> None:
    """Diffusers' own trainer encodes an empty text instead, and its pipeline then meets zeros for the first time
    (huggingface/diffusers#7920).
    """
    editor = InstructPix2PixXL(build(variant))
    pair = editor.condition([TEXT, ""], PICTURES)
    assert pair.pooled is not None
    for values in (pair.embeddings, pair.pooled):
        assert values[0].any()
        assert bool(values[1].any()) == (variant == "null text")
    alone = editor.condition([TEXT], PICTURES[:1])
    assert torch.allclose(alone.embeddings, pair.embeddings[:1], atol=1e-6)


def test_the_picture_is_told_to_be_neither_resized_nor_cropped() -> None:
    editor, seen = InstructPix2PixXL(build()), dict[str, Any]()

    def denoiser(**inputs: Any) -> tuple[torch.Tensor]:
        seen.update(inputs)
        return (inputs["sample"][:, :4],)

    noisy, times = torch.randn(2, 4, 8, 12), torch.tensor([3, 700])
    conditioning = editor.condition([TEXT, ""], PICTURES).to(dtype=torch.bfloat16)
    prediction = editor.predict(denoiser, noisy, times, noisy, conditioning)
    assert seen["added_cond_kwargs"]["time_ids"].tolist() == [[64, 96, 0, 0, 64, 96]] * 2
    assert torch.equal(seen["added_cond_kwargs"]["text_embeds"], conditioning.pooled)
    assert seen["sample"].dtype == torch.bfloat16
    assert prediction.dtype == torch.float32


def test_a_prediction_depends_on_the_pooled_text_and_on_the_size() -> None:
    editor = InstructPix2PixXL(build())
    texts, others = (editor.condition([text], PICTURES[:1]) for text in (TEXT, "open the drawer"))
    unet, noisy, times = editor.denoiser, torch.randn(1, 4, 8, 12), torch.tensor([700])
    with torch.no_grad():
        before = editor.predict(unet, noisy, times, noisy, texts)
        pooled = type(texts)(texts.embeddings, pooled=others.pooled)
        assert (editor.predict(unet, noisy, times, noisy, pooled) - before).abs().max() > 1e-3
        editor.pipeline.vae_scale_factor = 16  # the same latents, of a picture twice as large
        assert (editor.predict(unet, noisy, times, noisy, texts) - before).abs().max() > 1e-3


def test_cosxl_is_still_cosxl_once_saved_and_opened(tmp_path: Path) -> None:
    editor = InstructPix2PixXL(build("cosxl"))
    editor.save(tmp_path)
    opened = DiffusionPipeline.from_pretrained(tmp_path)
    opened.set_progress_bar_config(disable=True)
    assert opened.is_cosxl_edit
    assert editor.with_denoiser(editor.denoiser).pipeline.is_cosxl_edit
    assert np.array_equal(edited(opened), edited(build("cosxl")))
    assert InstructPix2PixXL(build()).pipeline.config.is_cosxl_edit is False


def test_a_model_without_a_table_of_noise_levels_is_refused() -> None:
    pipeline = rebuilt(build("cosxl"), scheduler=EDMEulerScheduler(prediction_type="v_prediction"))
    with pytest.raises(ModelError, match="noised by EDMEulerScheduler") as caught:
        InstructPix2PixXL(pipeline)
    assert "sdxl-instructpix2pix-768" in caught.value.cure


@torch.no_grad()
def test_a_text_to_image_model_is_widened_and_predicts_the_same() -> None:
    source = build()
    unet = UNet2DConditionModel.from_config({**source.unet.config, "in_channels": 4}).eval()
    names = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
    pipeline = StableDiffusionXLPipeline(**{name: source.components[name] for name in names}, unet=unet)
    with pytest.raises(ModelError, match="takes 4 channels; an InstructPix2Pix takes 8"):
        InstructPix2PixXL(pipeline)
    noisy, times, pooled = torch.randn(1, 4, 8, 8), torch.tensor([700]), torch.randn(1, 16)
    added = {"text_embeds": pooled, "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]])}
    texts = torch.randn(1, 5, 32)
    expected = unet(noisy, times, texts, added_cond_kwargs=added).sample
    editor = InstructPix2PixXL(pipeline, widen=True)
    conditioning = type(editor.condition([TEXT], PICTURES[:1]))(texts, pooled=pooled)
    reference = torch.randn(1, 4, 8, 8)
    assert torch.allclose(
        editor.predict(editor.denoiser, noisy, times, reference, conditioning), expected, atol=1e-5
    )


@pytest.mark.parametrize(("name", "used"), [("", "EulerDiscreteScheduler"), ("DDIMScheduler", "DDIMScheduler")])
def test_the_models_own_scheduler_is_used_unless_one_is_named(name: str, used: str) -> None:
    editor = InstructPix2PixXL(build())
    scheduler = editor.scheduler(Sampling(name, 4, 1.5, 3.0), tokens=96, device=torch.device("cpu"))
    assert type(scheduler).__name__ == used
    assert len(scheduler.timesteps) == 4
