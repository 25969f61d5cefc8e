"""A row's scores follow from its pictures: a copy does nothing, the truth does all."""

from __future__ import annotations

import numpy as np
import pytest

from actionpairs.evaluation import scorecard
from actionpairs.evaluation.records import ReportRow
from actionpairs.evaluation.scorecard import MOTION, TOP_1, TOP_5, Trial
from actionpairs.metrics import optical_flow
from actionpairs.metrics.features import RecognizerFeatures
from tests.evaluation.conftest import MOVES, make_recognizer, moved


def trial(edits: str, *, count: int = 8) -> Trial:
    """`count` samples answered with the input, the truth, or the opposite move."""
    actions = [list(MOVES)[number % 4] for number in range(count)]
    opposite = dict(zip(MOVES, ("move right", "move left", "move near", "move away"), strict=True))
    pairs = [moved(action, side=128, seed=number) for number, action in enumerate(actions)]
    wrong = [moved(opposite[action], side=128, seed=number)[1] for number, action in enumerate(actions)]
    originals, truths = (np.stack(pictures) for pictures in zip(*pairs, strict=True))
    answer = {"input": originals, "truth": truths, "opposite": np.stack(wrong)}[edits]
    return Trial(tuple(f"s{i}" for i in range(count)), tuple(actions), originals, answer, truths)


def row(edits: str, *, actions: tuple[str, ...] = tuple(MOVES), kind: str = "model") -> ReportRow:
    recognizer = make_recognizer(actions=actions)
    network = RecognizerFeatures(recognizer, digest="abc")
    measured = scorecard.measure([trial(edits)], recognizer=recognizer, networks=[network])
    copy, truth = (
        scorecard.measure([trial(name)], recognizer=None, networks=[network]) for name in ("input", "truth")
    )
    return scorecard.row(edits, kind, measured, networks=[network], copy=copy, truth=truth)


def value(found: ReportRow, name: str) -> float:
    return next(score.value for score in found.scores if score.name == name)


def test_motion_alignment_is_full_for_the_truth_nothing_for_a_copy_and_less_for_the_reverse() -> None:
    assert value(row("truth"), MOTION) == pytest.approx(100)
    assert value(row("input"), MOTION) == 0
    assert value(row("opposite"), MOTION) < 50


def test_flow_of_identical_pictures_is_exactly_zero() -> None:
    picture = moved("move left")[0]
    assert not optical_flow.between(picture, picture.copy()).any()


def test_flow_follows_the_square() -> None:
    before, after = moved("move right", side=128)
    found = optical_flow.between(before, after)
    assert np.median(found[56:72, 56:72, 0]) == pytest.approx(128 // 6, abs=3)


def test_the_truth_gets_action_scores_only() -> None:
    found = row("truth", kind="truth")
    assert {score.about for score in found.scores} == {"action"}
    assert set(found.edits[0].values) == {TOP_1, MOTION}


def test_action_scores_come_first() -> None:
    about = [score.about for score in row("input").scores]
    assert about == sorted(about)
    assert about[0] == "action"


def test_top_five_is_left_out_where_it_says_nothing() -> None:
    many = (*MOVES, "open door", "close door")
    assert TOP_5 not in {score.name for score in row("input").scores}
    assert TOP_5 in {score.name for score in row("input", actions=many).scores}


def test_an_action_that_the_recognizer_never_learned_counts_as_wrong() -> None:
    found = row("truth", actions=("open door", "close door"))
    assert value(found, TOP_1) == 0
    assert next(score.count for score in found.scores if score.name == TOP_1) == 8


def test_batches_of_any_size_measure_the_same() -> None:
    whole = trial("opposite")
    parts = [
        Trial(whole.keys[i : i + 3], whole.actions[i : i + 3], *(p[i : i + 3] for p in pictures))
        for pictures in [(whole.originals, whole.edits, whole.truths)]
        for i in (0, 3, 6)
    ]
    one, many = (scorecard.measure(trials, recognizer=None, networks=[]) for trials in ([whole], parts))
    assert one.keys == many.keys
    for name, values in one.values.items():
        assert many.values[name] == pytest.approx(values, rel=1e-5)


def test_without_judges_the_other_scores_still_come() -> None:
    measured = scorecard.measure([trial("opposite")], recognizer=None, networks=[])
    found = scorecard.row("x", "model", measured, networks=[], copy=measured, truth=measured)
    assert [score.name for score in found.scores] == [MOTION, "SSIM", "PSNR", "background PSNR"]
    assert found.edits[0].recognized is None
