"""Temperature and expected calibration error, against NumPy and against logits whose temperature is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionpairs.errors import ModelError
from actionpairs.recognition import calibration


def answers(temperature: float, *, count: int = 20_000, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too large: the classes are drawn from softmax(logits / temperature)."""
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 2, (count, classes))
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (odds.cumsum(axis=1) < draw.random((count, 1))).sum(axis=1)
    return temperature * logits, targets


def error_in_numpy(confidences: np.ndarray, hits: np.ndarray) -> float:
    """Guo et al. 2017, equation 3, bin by bin."""
    total = 0.0
    for number in range(15):
        inside = (confidences > number / 15) & (confidences <= (number + 1) / 15)
        if inside.any():
            total += inside.sum() / len(hits) * abs(hits[inside].mean() - confidences[inside].mean())
    return total


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_temperature_is_found_again(temperature: float) -> None:
    fitted = calibration.fit(*answers(temperature))
    assert fitted.temperature == pytest.approx(temperature, rel=0.03)
    assert fitted.nll_after <= fitted.nll_before + 1e-9
    assert fitted.ece_after < 0.02
    assert temperature == 1 or fitted.ece_before > 5 * fitted.ece_after


def test_the_fit_is_the_minimum_of_the_likelihood_on_a_grid() -> None:
    logits, targets = answers(1.7, count=500)
    odds = logits[None] / np.linspace(1, 3, 2001)[:, None, None]
    odds -= odds.max(axis=2, keepdims=True)
    log_p = odds - np.log(np.exp(odds).sum(axis=2, keepdims=True))
    losses = -log_p[:, np.arange(500), targets].mean(axis=1)
    fitted = calibration.fit(logits, targets)
    assert fitted.temperature == pytest.approx(1 + losses.argmin() / 1000, abs=2e-3)
    assert fitted.nll_after == pytest.approx(losses.min(), abs=1e-6)


def test_the_error_is_that_of_its_formula() -> None:
    draw = np.random.default_rng(1)
    for count in (1, 7, 1000):
        confidences, hits = draw.uniform(1e-9, 1, count), draw.random(count) < 0.6
        assert calibration.expected_error(confidences, hits) == pytest.approx(error_in_numpy(confidences, hits))
    edges = np.arange(1, 16) / 15
    assert calibration.expected_error(edges, np.ones(15, bool)) == pytest.approx((1 - edges).mean())


def test_the_error_of_the_always_sure_is_their_share_of_errors() -> None:
    hits = np.array([True] * 71 + [False] * 29)
    assert calibration.expected_error(np.ones(100), hits) == pytest.approx(0.29)


def test_no_answer_changes_with_a_temperature() -> None:
    logits, _ = answers(3.0, count=100)
    fitted = calibration.fit(*answers(3.0, count=100))
    assert np.array_equal(logits.argmax(axis=1), (logits / fitted.temperature).argmax(axis=1))


def test_one_that_is_never_wrong_gets_a_small_temperature_and_not_zero() -> None:
    fitted = calibration.fit(0.1 * np.eye(4), np.arange(4))
    assert 0.05 <= fitted.temperature < 0.051
    assert np.isfinite([fitted.nll_after, fitted.ece_after]).all()


def test_it_is_saved_and_loaded_and_a_broken_file_is_an_error(tmp_path: Path) -> None:
    assert calibration.load(tmp_path) is None
    fitted = calibration.fit(*answers(2.0, count=100))
    fitted.save(tmp_path)
    assert calibration.load(tmp_path) == fitted
    for text in (
        "{}",
        "[",
        '{"temperature": 0, "samples": 1, "nll_before": 1, "nll_after": 1, "ece_before": 0, "ece_after": 0}',
    ):
        (tmp_path / calibration.FILE).write_text(text)
        with pytest.raises(ModelError, match=r"calibration\.json"):
            calibration.load(tmp_path)
