"""Qwen-Image-Edit and Edit-Plus edit as their pipelines do, each row of a batch as if it were alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus
from PIL import Image
from torch import Tensor

from actionpairs.editors import families, qwen_image_edit, sampling
from actionpairs.editors.conditioning import Conditioning, GuidedTexts, concatenate
from actionpairs.editors.editor import Editor
from actionpairs.editors.flow import pack
from tests.editors import tiny_pipelines

FAMILIES = ("qwen", "qwen-2511")  # the second is of Edit-Plus
HEIGHT, WIDTH = 64, 96
TEXTS = ("move the red square left", "open", "put the plate away, on the other side", "Turn it 'off' {now}")
PICTURES = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
GUIDED = sampling.Sampling("", 2, 1.0, 4.0)


def editor_of(name: str) -> Editor:
    pipeline = tiny_pipelines.build(name)
    return families.family_of(type(pipeline).__name__, name)(pipeline)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def editor(family: str) -> Editor:
    return editor_of(family)


@pytest.fixture
def _small_for_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edit-Plus shows its text encoder as many pixels as `tiny_pipelines.edit` makes it."""
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "CONDITION_IMAGE_SIZE", HEIGHT * WIDTH)


def as_floats(decoded: Tensor) -> np.ndarray:
    return np.asarray((decoded.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1))


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.usefixtures("_small_for_text")
def test_an_edit_equals_the_pipelines_to_the_last_bit(
    editor: Editor, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qwen_image_edit, "to_pictures", as_floats)
    for row in (0, 3):
        ours = sampling.sample(editor, PICTURES[row : row + 1], [TEXTS[row]], seeds=[row], sampling=GUIDED)
        picture = Image.fromarray(PICTURES[row])
        theirs = tiny_pipelines.edit_floats(
            editor.pipeline, family, picture, TEXTS[row], seed=row, height=HEIGHT, width=WIDTH
        )
        assert np.array_equal(ours[0], theirs)


def test_four_edits_at_once_equal_four_edits(editor: Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipelines batched so took all pictures for each text's (ai-toolkit 1036, Edit-R1 13)."""
    monkeypatch.setattr(qwen_image_edit, "to_pictures", as_floats)
    together = sampling.sample(editor, PICTURES, TEXTS, seeds=range(4), sampling=GUIDED)
    for row in range(4):
        alone = sampling.sample(editor, PICTURES[row : row + 1], [TEXTS[row]], seeds=[row], sampling=GUIDED)
        assert np.allclose(together[row], alone[0], rtol=0, atol=1e-5)


def test_a_text_is_encoded_alike_alone_and_among_longer_ones(editor: Editor) -> None:
    together = editor.condition(TEXTS, PICTURES)
    assert together.mask is not None
    for row, text in enumerate(TEXTS):
        alone = editor.condition([text], PICTURES[row : row + 1])
        length = alone.embeddings.shape[1]
        assert alone.mask is None
        assert together.mask[row].sum() == length
        assert torch.equal(together.embeddings[row, :length], alone.embeddings[0])


@torch.no_grad()
def test_padding_of_a_text_is_not_seen(editor: Editor) -> None:
    """diffusers once ignored the mask (diffusers 12294, musubi-tuner 686)."""
    noisy, reference, times = random(1, 4, 8, 12), random(1, 4, 8, 12), torch.tensor([0.6])
    text = editor.condition(TEXTS[:1], PICTURES[:1])
    longer = concatenate([text, Conditioning(random(1, text.embeddings.shape[1] + 7, text.embeddings.shape[2]))])
    assert longer.mask is not None
    padded = Conditioning(longer.embeddings[:1] + 3 * ~longer.mask[:1, :, None], longer.mask[:1])
    short = editor.predict(editor.denoiser, noisy, times, reference, text)
    assert torch.allclose(editor.predict(editor.denoiser, noisy, times, reference, padded), short, atol=1e-5)


@torch.no_grad()
def test_zero_cond_t_puts_the_pictures_tokens_at_time_0() -> None:
    newer, older = editor_of("qwen-2511"), editor_of("qwen-plus")
    older.denoiser.load_state_dict(newer.denoiser.state_dict())
    text = newer.condition(TEXTS[:1], PICTURES[:1])
    inputs = random(1, 4, 8, 12), random(1, 4, 8, 12).flip(1)

    def predict(editor: Editor, time: float) -> Tensor:
        return editor.predict(editor.denoiser, inputs[0], torch.tensor([time]), inputs[1], text)

    assert torch.allclose(predict(newer, 0.0), predict(older, 0.0), atol=1e-5)
    assert not torch.allclose(predict(newer, 0.7), predict(older, 0.7), atol=1e-3)


@torch.no_grad()
def test_guidance_turns_tokens_without_making_them_longer(editor: Editor) -> None:
    noisy, reference, time = random(2, 4, 8, 12), random(2, 4, 8, 12).flip(1), torch.tensor(0.6)
    texts, null = editor.condition(TEXTS[:2], PICTURES[:2]), editor.condition([" ", " "], PICTURES[:2])
    plain = editor.guided(noisy, time, reference, GuidedTexts(texts, None), GUIDED)
    guided = editor.guided(noisy, time, reference, GuidedTexts(texts, null), GUIDED)
    assert not torch.allclose(guided, plain, atol=1e-3)
    assert torch.allclose(pack(guided).norm(dim=-1), pack(plain).norm(dim=-1), rtol=1e-5)
    assert torch.equal(plain, editor.predict(editor.denoiser, noisy, time.expand(2), reference, texts))


@pytest.mark.parametrize("size", [(48, 112), (112, 48)])
def test_the_text_encoder_sees_the_picture_upright_in_its_pipelines_size(
    editor: Editor, family: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ai-toolkit 707 exchanged width and height."""
    sizes = []
    processor = editor.pipeline.processor

    def spy(*, images: list[Image.Image], **options: Any) -> Any:
        sizes.append(images[0].size)
        return processor(images=images, **options)

    monkeypatch.setattr(editor.pipeline, "processor", spy)
    editor.condition(["open"], np.zeros((1, size[1], size[0], 3), np.uint8))
    larger = tuple(round(side * (384**2 / (48 * 112)) ** 0.5 / 32) * 32 for side in size)
    assert sizes == [size if family == "qwen" else larger]


def test_latents_are_normalized_channel_by_channel(editor: Editor) -> None:
    mean, deviation = editor.encode(PICTURES[:1])
    config = editor.autoencoder.config
    assert mean.shape == deviation.shape == (1, 4, HEIGHT // 8, WIDTH // 8)
    for channel in range(4):
        expected = (mean[:, channel] - config.latents_mean[channel]) / config.latents_std[channel]
        assert torch.allclose(editor.normalize(mean)[:, channel], expected, atol=1e-6)


def test_text_layers_and_targets_share_no_parameter_and_leave_none_unnamed(editor: Editor) -> None:
    names = [name for name, _ in editor.denoiser.named_parameters() if name.endswith("weight")]
    text = [name for name in names if any(part in name for part in editor.traits.text_layers)]
    targets = [name for name in names if name.removesuffix(".weight").endswith(editor.traits.lora_targets)]
    blocks = editor.denoiser.config.num_layers
    assert len(text) == blocks * 7  # four of attention, two of the MLP, one modulation
    assert len(targets) == blocks * 4
    assert not set(text) & set(targets)


def test_texts_are_encoded_where_the_text_encoder_is() -> None:
    editor = editor_of("qwen-plus")
    expected = editor.condition(TEXTS[:1], PICTURES[:1]).embeddings
    editor.denoiser.to("meta")
    editor.autoencoder.to("meta")
    assert torch.equal(editor.condition(TEXTS[:1], PICTURES[:1]).embeddings, expected)
