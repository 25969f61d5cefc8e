"""Metrics agree with torchmetrics and scipy, and behave at their ends."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import torch
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from actionpairs.metrics import formulas


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
    assert formulas.frechet(x, y) == pytest.approx(scipy_frechet(x, y), rel=1e-4)


@pytest.mark.parametrize(("n", "width"), [(120, 16), (40, 128)])
def test_frechet_equals_torchmetrics(n: int, width: int) -> None:
    x, y = draw(n, width), 1.5 * draw(n, width, seed=1, shift=0.3)
    moments = [
        part
        for features in (torch.from_numpy(x).double(), torch.from_numpy(y).double())
        for part in (features.mean(0), torch.cov(features.T))
    ]
    assert formulas.frechet(x, y) == pytest.approx(float(_compute_fid(*moments)), rel=1e-4)


@pytest.mark.parametrize(("n", "width"), [(100, 16), (30, 256)])
def test_frechet_of_a_set_with_itself_is_zero(n: int, width: int) -> None:
    x = draw(n, width)
    assert formulas.frechet(x, x) < 1e-6


def test_frechet_grows_with_noise() -> None:
    x = draw(300, 16)
    distances = [formulas.frechet(x, x + scale * draw(300, 16, seed=1)) for scale in (0.1, 0.3, 1.0)]
    assert distances == sorted(distances)
    assert distances[0] > 0


def test_frechet_does_not_depend_on_order() -> None:
    x, y = draw(50, 8), draw(50, 8, seed=1)
    assert formulas.frechet(x[::-1], y) == pytest.approx(formulas.frechet(x, y), rel=1e-9)


def test_kernel_distance_equals_torchmetrics() -> None:
    x, y = draw(60, 32), draw(60, 32, seed=1, shift=0.5)
    expected = float(poly_mmd(torch.from_numpy(x).double(), torch.from_numpy(y).double()))
    assert formulas.kernel_distance(x, y) == pytest.approx(expected, rel=1e-4)


def test_kernel_distance_is_unbiased() -> None:
    values = [
        formulas.kernel_distance(draw(40, 4, seed=2 * seed), draw(40, 4, seed=2 * seed + 1)) for seed in range(300)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0


def test_jackknife_interval_of_a_mean_is_the_usual_one() -> None:
    x = draw(2000, 1)
    found = formulas.jackknife(lambda a, b: float((a - b).mean()), x, np.zeros_like(x))
    usual = 1.96 * x.std(ddof=1) / np.sqrt(len(x))
    assert found.low is not None
    assert found.value - found.low == pytest.approx(usual, rel=0.4)


def test_jackknife_interval_holds_the_frechet_distance() -> None:
    found = formulas.jackknife(formulas.frechet, draw(500, 64), 1.2 * draw(500, 64, seed=1))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert found.high - found.low < found.value


def test_too_few_samples_give_no_jackknife_interval() -> None:
    found = formulas.jackknife(formulas.frechet, draw(39, 4), draw(39, 4, seed=1))
    assert (found.low, found.high, found.count) == (None, None, 39)


def test_top_k_counts_the_k_largest() -> None:
    logits = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])
    targets = np.array([0, 0, 2])
    assert formulas.top_k(logits, targets, 1).tolist() == [True, False, False]
    assert formulas.top_k(logits, targets, 2).tolist() == [True, False, False]
    assert formulas.top_k(logits, targets, 3).tolist() == [True, True, True]


def test_an_unknown_target_is_never_among_the_best() -> None:
    assert not formulas.top_k(np.zeros((1, 3)), np.array([-1]), 3).any()


def test_wilson_interval_matches_a_known_case() -> None:
    found = formulas.share(np.arange(100) < 10)  # R: binom::binom.wilson(10, 100) → 0.0552, 0.1744
    assert found.low == pytest.approx(0.05523, abs=1e-5)
    assert found.high == pytest.approx(0.17437, abs=1e-5)


def test_wilson_interval_of_no_hits_is_no_point() -> None:
    found = formulas.share(np.zeros(20, bool))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.1611, abs=1e-4)


def test_nan_takes_no_part_in_a_mean() -> None:
    found = formulas.mean(np.array([1.0, np.nan, 3.0]))
    assert (found.value, found.count) == (2.0, 2)
    assert formulas.mean(np.array([np.nan])).count == 0


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 40, 3), np.uint8)


def test_ssim_equals_torchmetrics_one_by_one() -> None:
    a, b = pictures(3), pictures(3) // 2 + pictures(3, seed=1) // 2
    for i, value in enumerate(formulas.ssim(a, b)):
        one, other = (torch.from_numpy(p[i : i + 1]).permute(0, 3, 1, 2).float() / 255 for p in (a, b))
        expected = float(structural_similarity_index_measure(one, other, data_range=1.0))
        assert value == pytest.approx(expected, rel=1e-4)


def test_psnr_equals_its_formula() -> None:
    a, b = pictures(3), pictures(3, seed=1)
    error = ((a.astype(float) - b) ** 2).mean(axis=(1, 2, 3))
    assert formulas.psnr(a, b) == pytest.approx(10 * np.log10(255**2 / error), rel=1e-4)


def test_identical_pictures_score_one_and_a_hundred_decibels() -> None:
    a = pictures(2)
    assert formulas.ssim(a, a) == pytest.approx([1, 1])
    assert formulas.psnr(a, a).tolist() == [100, 100]


def field(dx: float, dy: float) -> np.ndarray:
    flow = np.zeros((20, 20, 2))
    flow[5:10, 5:10] = dx, dy
    return flow


@pytest.mark.parametrize(
    ("flow", "score"),
    [
        (field(4, 0), 1.0),
        (field(2, 0), 0.8),
        (field(0, 0), 0.0),
        (field(0, 4), 0.0),
        (field(-4, 0), -1.0),
        (np.roll(field(4, 0), 10, axis=0), 0.0),
        (field(0.3, 0), 0.0),
    ],
    ids=["same", "half", "none", "right angle", "reverse", "elsewhere", "too short to count"],
)
def test_motion_alignment_of(flow: np.ndarray, score: float) -> None:
    assert formulas.motion_alignment(flow, field(4, 0), still=0.5) == pytest.approx(score)


def test_motion_alignment_of_random_motion_is_zero_on_average() -> None:
    true = field(4, 0)
    scores = [formulas.motion_alignment(draw(20, 20, 2, seed=seed), true, still=0.1) for seed in range(50)]
    assert abs(np.mean(scores)) < 0.01


def test_motion_alignment_is_nan_where_the_truth_stands_still() -> None:
    assert np.isnan(formulas.motion_alignment(field(4, 0), field(0, 0), still=0.5))


def test_cmmd_equals_the_published_formula() -> None:
    x, y = (draw(20, 8, seed=seed).astype(np.float64) for seed in (0, 1))
    x, y = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (x, y))

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([[np.exp(-((p - q) ** 2).sum() / 200) for q in b] for p in a]))

    expected = 1000 * (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y))
    assert formulas.gaussian_distance(x, y) == pytest.approx(expected, rel=1e-4)
    assert formulas.gaussian_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_direction_is_full_for_the_truth_nothing_for_a_copy_and_negative_for_the_reverse() -> None:
    originals, truths = draw(5, 8), draw(5, 8, seed=1)
    assert formulas.direction(truths, originals, truths) == pytest.approx(1)
    assert formulas.direction(originals, originals, truths).tolist() == [0] * 5
    assert formulas.direction(2 * originals - truths, originals, truths) == pytest.approx(-1, abs=1e-5)
    assert np.isnan(formulas.direction(truths, originals, originals)).all()


def test_paired_interval_equals_scipys() -> None:
    ones, others = draw(30), draw(30, seed=1, shift=0.3)
    expected = scipy.stats.ttest_rel(ones, others).confidence_interval(0.95)
    found = formulas.paired(ones, others)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-5)


def test_paired_leaves_out_samples_that_either_lacks_and_counts_the_rest() -> None:
    found = formulas.paired(np.array([1.0, np.nan, 3.0, 5.0]), np.array([0.0, 1.0, np.nan, 1.0]))
    assert (found.value, found.count) == (2.5, 2)


def test_differences_without_spread_have_no_interval() -> None:
    assert formulas.paired(np.ones(9), np.zeros(9)).low is None


def test_mcnemar_counts_disagreements_alone() -> None:
    ones = np.array([True] * 8 + [False] * 2 + [True] * 50)
    others = np.array([False] * 8 + [True] * 2 + [True] * 50)
    assert formulas.mcnemar(ones, others) == pytest.approx(2 * (1 + 10 + 45) / 2**10)  # binomial tail at 8 of 10
    assert formulas.mcnemar(ones, ones) == 1
