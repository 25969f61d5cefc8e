"""Motion alignment: 100 for the truth, 0 for a copy, below half for the reverse; flow follows what moves."""

from __future__ import annotations

import numpy as np
import pytest

from actionpairs.metrics import motion, optical_flow
from tests.evaluation.conftest import moved
from tests.metrics.test_distances import draw


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
    assert motion.alignment(flow, field(4, 0), still=0.5) == pytest.approx(score)


def test_motion_alignment_of_random_motion_is_zero_on_average() -> None:
    true = field(4, 0)
    scores = [motion.alignment(draw(20, 20, 2, seed=seed), true, still=0.1) for seed in range(50)]
    assert abs(np.mean(scores)) < 0.01


def test_motion_alignment_is_nan_where_the_truth_stands_still() -> None:
    assert np.isnan(motion.alignment(field(4, 0), field(0, 0), still=0.5))


def test_flow_of_identical_pictures_is_exactly_zero() -> None:
    picture = moved("move left")[0]
    assert not optical_flow.between(picture, picture.copy()).any()


def test_flow_follows_the_square() -> None:
    before, after = moved("move right", side=128)
    flow = optical_flow.between(before, after)
    assert np.median(flow[56:72, 56:72, 0]) == pytest.approx(128 // 6, abs=3)
