"""Guided predictions are the formulas on predictions with and without the picture and the text."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from actionpairs.editors import guidance
from actionpairs.editors.conditioning import Conditioning, GuidedTexts
from actionpairs.editors.editor import Editor

LATENTS = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
REFERENCE = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
TIME = torch.tensor(500)
NO_PICTURES = np.empty((2, 0, 0, 3), np.uint8)


def test_guidance_is_the_formula() -> None:
    neither, image_only, both = (torch.full((1, 4, 2, 2), value) for value in (1.0, 3.0, 10.0))
    guided = guidance.guide(torch.cat([neither, image_only, both]), 1.5, 7.5)
    assert torch.equal(guided, torch.full((1, 4, 2, 2), 1 + 1.5 * 2 + 7.5 * 7))


@pytest.fixture
def texts(editor: Editor) -> GuidedTexts:
    return GuidedTexts(*(editor.condition([text] * 2, NO_PICTURES) for text in ("take cup", "")))


@torch.no_grad()
def test_three_copies_in_one_pass_are_guided_as_three_passes_are(editor: Editor, texts: GuidedTexts) -> None:
    assert texts.null is not None
    sampling = editor.traits.sampling

    def predict(reference: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        return editor.predict(editor.denoiser, LATENTS, TIME, reference, conditioning)

    neither = predict(torch.zeros_like(REFERENCE), texts.null)
    image_only, both = predict(REFERENCE, texts.null), predict(REFERENCE, texts.texts)
    expected = neither + 1.5 * (image_only - neither) + 7.5 * (both - image_only)
    assert (sampling.image_guidance, sampling.text_guidance) == (1.5, 7.5)
    computed = guidance.three_way(editor, LATENTS, TIME, REFERENCE, texts, sampling)
    assert torch.allclose(computed, expected, atol=1e-4)


@torch.no_grad()
def test_classifier_free_guidance_starts_from_the_null_text(editor: Editor, texts: GuidedTexts) -> None:
    assert texts.null is not None
    under_text, under_null = (
        editor.predict(editor.denoiser, LATENTS, TIME, REFERENCE, each) for each in (texts.texts, texts.null)
    )
    guided = guidance.classifier_free(editor, LATENTS, TIME, REFERENCE, texts, 4.0)
    assert torch.allclose(guided, 4 * under_text - 3 * under_null, atol=1e-5)
    alone = guidance.classifier_free(editor, LATENTS, TIME, REFERENCE, GuidedTexts(texts.texts, None), 4.0)
    assert torch.equal(alone, under_text)


def test_a_guided_token_keeps_its_length_and_its_direction() -> None:
    combined, predicted = torch.randn(2, 2, 5, 8, generator=torch.Generator().manual_seed(2)).unbind(0)
    scaled = guidance.with_norm_of(combined, predicted)
    assert torch.allclose(scaled.norm(dim=-1), predicted.norm(dim=-1))
    assert torch.allclose(torch.cosine_similarity(scaled, combined, dim=-1), torch.ones(2, 5))
