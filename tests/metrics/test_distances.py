"""Distances of feature sets agree with torchmetrics and scipy, and behave at their ends."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from actionpairs.metrics import distances


def draw(*shape: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, shape).astype(np.float32)


def scipy_frechet(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(cov_x @ cov_y)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * np.real(root)))


@pytest.mark.parametrize(("n", "m", "width"), [(200, 150, 16), (150, 90, 120)])
def test_frechet_equals_scipys_square_root(n: int, m: int, width: int) -> None:
    mix = draw(width, width, seed=7) / 4
    x, y = draw(n, width), draw(m, width, seed=1, shift=0.3) @ mix
    assert distances.frechet(x, y) == pytest.approx(scipy_frechet(x, y), rel=1e-4)


@pytest.mark.parametrize(("n", "width"), [(120, 16), (40, 128)])
def test_frechet_equals_torchmetrics(n: int, width: int) -> None:
    x, y = draw(n, width), 1.5 * draw(n, width, seed=1, shift=0.3)
    moments = [
        part
        for features in (torch.from_numpy(x).double(), torch.from_numpy(y).double())
        for part in (features.mean(0), torch.cov(features.T))
    ]
    assert distances.frechet(x, y) == pytest.approx(float(_compute_fid(*moments)), rel=1e-4)


@pytest.mark.parametrize(("n", "width"), [(100, 16), (30, 256)])
def test_frechet_of_a_set_with_itself_is_zero(n: int, width: int) -> None:
    x = draw(n, width)
    assert distances.frechet(x, x) < 1e-6


def test_frechet_grows_with_noise() -> None:
    x = draw(300, 16)
    grown = [distances.frechet(x, x + scale * draw(300, 16, seed=1)) for scale in (0.1, 0.3, 1.0)]
    assert grown == sorted(grown)
    assert grown[0] > 0


def test_frechet_does_not_depend_on_order() -> None:
    x, y = draw(50, 8), draw(50, 8, seed=1)
    assert distances.frechet(x[::-1], y) == pytest.approx(distances.frechet(x, y), rel=1e-9)


def test_kernel_distance_equals_torchmetrics() -> None:
    x, y = draw(60, 32), draw(60, 32, seed=1, shift=0.5)
    expected = float(poly_mmd(torch.from_numpy(x).double(), torch.from_numpy(y).double()))
    assert distances.kernel_distance(x, y) == pytest.approx(expected, rel=1e-4)


def test_kernel_distance_is_unbiased() -> None:
    values = [
        distances.kernel_distance(draw(40, 4, seed=2 * seed), draw(40, 4, seed=2 * seed + 1))
        for seed in range(300)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0


def test_the_cosine_of_a_row_of_zeros_is_nan() -> None:
    cosines = distances.cosine(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[2.0, 0.0], [1.0, 0.0]]))
    assert cosines[0] == 1
    assert np.isnan(cosines[1])
