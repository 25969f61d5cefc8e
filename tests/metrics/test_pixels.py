"""SSIM and PSNR of each picture are those of torchmetrics and of the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from actionpairs.metrics import pixels


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 40, 3), np.uint8)


def test_ssim_equals_torchmetrics_one_by_one() -> None:
    a, b = pictures(3), pictures(3) // 2 + pictures(3, seed=1) // 2
    for i, value in enumerate(pixels.ssim(a, b)):
        one, other = (torch.from_numpy(p[i : i + 1]).permute(0, 3, 1, 2).float() / 255 for p in (a, b))
        expected = float(structural_similarity_index_measure(one, other, data_range=1.0))
        assert value == pytest.approx(expected, rel=1e-4)


def test_psnr_equals_its_formula() -> None:
    a, b = pictures(3), pictures(3, seed=1)
    error = ((a.astype(float) - b) ** 2).mean(axis=(1, 2, 3))
    assert pixels.psnr(a, b) == pytest.approx(10 * np.log10(255**2 / error), rel=1e-4)


def test_identical_pictures_score_one_and_a_hundred_decibels() -> None:
    a = pictures(2)
    assert pixels.ssim(a, a) == pytest.approx([1, 1])
    assert pixels.psnr(a, a).tolist() == [100, 100]
