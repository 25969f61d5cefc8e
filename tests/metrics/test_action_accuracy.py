"""Accuracy counts the recognizer's first and first five answers, and an action it never learned as wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from actionpairs.metrics import action_accuracy
from actionpairs.metrics.action_accuracy import TOP_1, TOP_5, ActionAccuracy
from actionpairs.metrics.metric import EditBatch
from actionpairs.recognition import families
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


def test_the_order_of_a_recognizers_classes_changes_no_hit_and_no_answer() -> None:
    """The same network with its last layer and its labels turned round: every action keeps its own logit."""
    recognizer = make_recognizer(actions=(*MOVES, "open door", "close door"))
    turned = make_recognizer(actions=recognizer.actions)
    order = [3, 5, 0, 4, 1, 2]
    with torch.no_grad():
        turned.model.load_state_dict(recognizer.model.state_dict())
        turned.model.classifier.weight.copy_(recognizer.model.classifier.weight[order])
        turned.model.classifier.bias.copy_(recognizer.model.classifier.bias[order])
    turned = replace(turned, actions=tuple(recognizer.actions[place] for place in order))
    one, other = (ActionAccuracy(each, digest="abc").score(batch()) for each in (recognizer, turned))
    assert one.texts == other.texts
    for name in (TOP_1.name, TOP_5.name):
        assert one.values[name].tolist() == other.values[name].tolist()


def test_actions_follow_the_numbers_of_their_labels_and_not_their_order_in_the_file(tmp_path: Path) -> None:
    """Sorted as texts, as many programs write JSON, "10" stands before "2"."""
    actions = tuple(f"action {number}" for number in range(12))
    make_recognizer(actions=actions).save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"] = dict(sorted(config["id2label"].items()))
    config["label2id"] = dict(sorted(config["label2id"].items()))
    assert list(config["id2label"])[:3] == ["0", "1", "10"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert families.load(str(tmp_path)).actions == actions
