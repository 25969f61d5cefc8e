"""CLIP's encoder gives transformers' own features; direction and CMMD are their formulas."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BitImageProcessor, CLIPVisionModelWithProjection

from actionpairs.errors import ScoreError
from actionpairs.metrics import clip
from tests.metrics.test_distances import draw


def test_features_are_those_of_transformers(weights: Mapping[str, str]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    processor = BitImageProcessor(
        do_resize=False,
        do_center_crop=False,
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
    )
    pixels = processor([Image.fromarray(picture) for picture in pictures], return_tensors="pt").pixel_values
    with torch.no_grad():
        expected = CLIPVisionModelWithProjection.from_pretrained(weights["clip"])(pixels).image_embeds
    expected = expected / expected.norm(dim=-1, keepdim=True)
    assert clip.ClipEncoder(weights["clip"])(pictures) == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_network_of_another_kind_is_refused(weights: Mapping[str, str]) -> None:
    with pytest.raises(ScoreError, match="it is a dinov2"):
        clip.ClipEncoder(weights["dinov2"])


def test_cmmd_equals_the_published_formula() -> None:
    x, y = (draw(20, 8, seed=seed).astype(np.float64) for seed in (0, 1))
    x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([[np.exp(-((p - q) ** 2).sum() / 200) for q in b] for p in a]))

    expected = 1000 * (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y))
    assert clip.gaussian_distance(x, y) == pytest.approx(expected, rel=1e-4)
    assert clip.gaussian_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_direction_is_full_for_the_truth_nothing_for_a_copy_and_negative_for_the_reverse() -> None:
    originals, truths = draw(5, 8), draw(5, 8, seed=1)
    assert clip.direction(truths, originals, truths) == pytest.approx(1)
    assert clip.direction(originals, originals, truths).tolist() == [0] * 5
    assert clip.direction(2 * originals - truths, originals, truths) == pytest.approx(-1, abs=1e-5)
    assert np.isnan(clip.direction(truths, originals, originals)).all()
