"""Intervals agree with scipy and with published values, and behave at their ends."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from actionpairs.metrics import distances, intervals
from tests.metrics.test_distances import draw


def test_jackknife_interval_of_a_mean_is_the_usual_one() -> None:
    x = draw(2000, 1)
    estimate = intervals.jackknife(lambda a, b: float((a - b).mean()), x, np.zeros_like(x))
    usual = 1.96 * x.std(ddof=1) / np.sqrt(len(x))
    assert estimate.low is not None
    assert estimate.value - estimate.low == pytest.approx(usual, rel=0.4)


def test_jackknife_interval_holds_the_frechet_distance() -> None:
    estimate = intervals.jackknife(distances.frechet, draw(500, 64), 1.2 * draw(500, 64, seed=1))
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < estimate.value < estimate.high
    assert estimate.high - estimate.low < estimate.value


def test_too_few_samples_give_no_jackknife_interval() -> None:
    estimate = intervals.jackknife(distances.frechet, draw(39, 4), draw(39, 4, seed=1))
    assert (estimate.low, estimate.high, estimate.count) == (None, None, 39)


def test_wilson_interval_is_that_of_r() -> None:
    estimate = intervals.share(np.arange(100) < 10)  # R: binom::binom.wilson(10, 100) → 0.0552, 0.1744
    assert estimate.low == pytest.approx(0.05523, abs=1e-5)
    assert estimate.high == pytest.approx(0.17437, abs=1e-5)


def test_wilson_interval_of_no_hits_is_no_point() -> None:
    estimate = intervals.share(np.zeros(20, bool))
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert estimate.high == pytest.approx(0.1611, abs=1e-4)


def test_nan_takes_no_part_in_a_mean() -> None:
    estimate = intervals.mean(np.array([1.0, np.nan, 3.0]))
    assert (estimate.value, estimate.count) == (2.0, 2)
    assert intervals.mean(np.array([np.nan])).count == 0


def test_a_share_is_in_per_cent_and_nan_is_no_miss() -> None:
    estimate = intervals.summarize(np.array([100.0, np.nan, 0.0, 100.0, 100.0]), "share")
    assert (estimate.value, estimate.count) == (75.0, 4)
    assert intervals.summarize(np.array([np.nan]), "share").count == 0


def test_paired_interval_equals_scipys() -> None:
    ones, others = draw(30), draw(30, seed=1, shift=0.3)
    expected = scipy.stats.ttest_rel(ones, others).confidence_interval(0.95)
    estimate = intervals.paired(ones, others)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-5)


def test_paired_leaves_out_samples_that_either_lacks_and_counts_the_rest() -> None:
    estimate = intervals.paired(np.array([1.0, np.nan, 3.0, 5.0]), np.array([0.0, 1.0, np.nan, 1.0]))
    assert (estimate.value, estimate.count) == (2.5, 2)


def test_differences_without_spread_have_no_interval() -> None:
    assert intervals.paired(np.ones(9), np.zeros(9)).low is None


def test_mcnemar_counts_disagreements_alone() -> None:
    ones = np.array([True] * 8 + [False] * 2 + [True] * 50)
    others = np.array([False] * 8 + [True] * 2 + [True] * 50)
    assert intervals.mcnemar(ones, others) == pytest.approx(2 * (1 + 10 + 45) / 2**10)  # binomial tail at 8 of 10
    assert intervals.mcnemar(ones, ones) == 1
