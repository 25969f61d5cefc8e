"""Accuracy counts the recognizer's first and first five answers, and an action it never learned as wrong."""

from __future__ import annotations

import numpy as np

from actionpairs.metrics import action_accuracy
from actionpairs.metrics.action_accuracy import TOP_1, TOP_5, ActionAccuracy
from actionpairs.metrics.metric import EditBatch
from tests.evaluation.conftest import MOVES, make_recognizer, moved


def batch() -> EditBatch:
    """The truth of each move."""
    originals, truths = (np.stack(pictures) for pictures in zip(*map(moved, MOVES), strict=True))
    return EditBatch(tuple(MOVES), tuple(MOVES), tuple(MOVES), originals, truths, truths)


def metric(*actions: str) -> ActionAccuracy:
    return ActionAccuracy(make_recognizer(actions=actions), digest="abc", actions=tuple(MOVES))


def test_top_k_counts_the_k_largest() -> None:
    logits = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])
    targets = np.array([0, 0, 2])
    assert action_accuracy.top_k(logits, targets, 1).tolist() == [True, False, False]
    assert action_accuracy.top_k(logits, targets, 2).tolist() == [True, False, False]
    assert action_accuracy.top_k(logits, targets, 3).tolist() == [True, True, True]


def test_an_unknown_target_is_never_among_the_best() -> None:
    assert not action_accuracy.top_k(np.zeros((1, 3)), np.array([-1]), 3).any()


def test_top_five_is_left_out_where_it_says_nothing() -> None:
    assert metric(*MOVES).columns == (TOP_1,)
    assert metric(*MOVES, "open door", "close door").columns == (TOP_1, TOP_5)


def test_an_action_that_the_recognizer_never_learned_counts_as_wrong_and_is_noted() -> None:
    scored = metric("open door", "close door")
    assert (scored.score(batch()).values[TOP_1.name] == 0).all()
    assert "4 samples have actions that it never learned" in scored.note
    assert "never learned" not in metric(*MOVES).note


def test_the_text_is_the_first_answer() -> None:
    scores = metric(*MOVES).score(batch())
    hits = [text == action for text, action in zip(scores.texts[TOP_1.name], MOVES, strict=True)]
    assert (scores.values[TOP_1.name] > 0).tolist() == hits
