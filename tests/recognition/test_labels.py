"""Classes are matched by name: another order scores the same, and names of another data set are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from actionpairs.errors import ScoreError
from actionpairs.metrics.action_accuracy import TOP_1, TOP_5, ActionAccuracy
from actionpairs.metrics.metric import EditBatch
from actionpairs.recognition import families, labels
from tests.recognition.tiny import FRAMES, SSV2, pictures, released, save

OURS = {"put in": SSV2[0], "take out": SSV2[1], "push right": SSV2[4]}
PLAIN = tuple(label.replace("[", "").replace("]", "") for label in SSV2)


def numbers(actions: list[str], mapping: dict[str, str] | None = None, *, is_ours: bool = False) -> dict[str, int]:
    return labels.class_numbers(actions, SSV2, mapping or {}, is_ours=is_ours)


@pytest.mark.parametrize("family", sorted(FRAMES))
def test_labels_in_another_order_give_the_same_score(family: str, tmp_path: Path) -> None:
    """The same network with its last layer and its labels turned round."""
    model = released(family)
    first = families.load(save(model, tmp_path / "first"))
    order = [3, 5, 0, 4, 1, 2]
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight[order].clone())
        model.classifier.bias.copy_(model.classifier.bias[order].clone())
    model.config.id2label = {number: SSV2[place] for number, place in enumerate(order)}
    model.config.label2id = {label: number for number, label in model.config.id2label.items()}
    second = families.load(save(model, tmp_path / "second"))
    originals, edits = pictures(12)
    actions = list(OURS) * 4
    batch = EditBatch(tuple(map(str, range(12))), tuple(actions), tuple(actions), originals, edits, edits)
    one, other = (
        ActionAccuracy(each, digest="abc", actions=actions, mapping=OURS).score(batch) for each in (first, second)
    )
    assert one.texts == other.texts
    for column in (TOP_1, TOP_5):
        assert one.values[column.name].tolist() == other.values[column.name].tolist()
    assert 0 < one.values[TOP_5.name].mean() <= 100


def test_the_templates_of_something_something_match_with_and_without_brackets() -> None:
    """The recipe `ssv2` writes the action as the template without them."""
    assert numbers(list(PLAIN)) == {label: number for number, label in enumerate(PLAIN)}
    assert numbers([PLAIN[2].lower()]) == {PLAIN[2].lower(): 2}


def test_a_mapping_says_which_label_an_action_is_and_two_actions_may_share_one() -> None:
    mapping = {**OURS, "insert": SSV2[0], "of another split": SSV2[3]}
    assert numbers(["put in", "insert", PLAIN[5]], mapping) == {"put in": 0, "insert": 0, PLAIN[5]: 5}


def test_actions_that_are_no_label_are_refused_with_their_names() -> None:
    with pytest.raises(ScoreError, match=r"2 of 3 actions are no label of it: 'close', 'open'") as caught:
        numbers(["open", "close", PLAIN[0]])
    assert "eval.recognizer.labels" in caught.value.cure
    assert SSV2[0] in caught.value.message


def test_a_label_that_the_recognizer_does_not_have_is_refused_with_the_nearest() -> None:
    with pytest.raises(ScoreError, match="does not have: 'Putting something in something'") as caught:
        numbers(["put in"], {"put in": "Putting something in something"})
    assert SSV2[0] in caught.value.cure


def test_a_recognizer_with_two_classes_of_one_name_is_refused() -> None:
    with pytest.raises(ScoreError, match="the label 'open' more than once"):
        labels.class_numbers(["open"], ["open", "close", "Open"], {}, is_ours=False)


def test_classes_of_one_that_was_trained_here_may_differ_in_case_alone() -> None:
    """It learned the actions of its shards as they are written there."""
    classes = ["Open door", "open door", "close"]
    made = labels.class_numbers(["open door", "Open door", "Close", "OPEN door"], classes, {}, is_ours=True)
    assert made == {"open door": 1, "Open door": 0, "Close": 2}
    with pytest.raises(ScoreError, match="the label 'close' more than once"):
        labels.class_numbers(["close"], ["close", "close"], {}, is_ours=True)


def test_one_that_was_trained_here_may_lack_an_action_of_the_split() -> None:
    assert numbers([PLAIN[1], "open"], is_ours=True) == {PLAIN[1]: 1}


def test_a_released_classifier_without_our_actions_is_no_metric(tmp_path: Path) -> None:
    loaded = families.load(save(released("videomae"), tmp_path))
    with pytest.raises(ScoreError, match="was not trained on these shards"):
        ActionAccuracy(loaded, digest="abc", actions=["open", "close"])
    note = ActionAccuracy(loaded, digest="abc", actions=list(OURS), mapping=OURS).note
    assert "a VideoMAE, digest abc, gets [input × 8, edit × 8]" in note
    assert "not on pairs of stills" in note


def test_mappings_come_from_yaml_and_json_files(tmp_path: Path) -> None:
    for name, text in (("a.yaml", f'put in: "{SSV2[0]}"\n'), ("a.json", f'{{"put in": "{SSV2[0]}"}}')):
        (tmp_path / name).write_text(text)
        assert labels.load_mapping(str(tmp_path / name)) == {"put in": SSV2[0]}
    assert labels.load_mapping(None) == {}
    one, other = {"a": "b", "c": "d"}, {"c": "d", "a": "b"}
    assert labels.digest(one) == labels.digest(other) != labels.digest({"a": "d", "c": "b"})


@pytest.mark.parametrize("text", ["on: turning", "- put in", "put in: [a]", "a: b: c", "", "\0"])
def test_a_file_that_is_no_mapping_of_texts_is_an_error(text: str, tmp_path: Path) -> None:
    """YAML reads `on` as true."""
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(ScoreError, match=r"eval\.recognizer\.labels"):
        labels.load_mapping(str(tmp_path / "labels.yaml"))
    with pytest.raises(ScoreError, match="cannot be read"):
        labels.load_mapping(str(tmp_path / "none.yaml"))


def test_probabilities_sum_to_one_and_follow_the_temperature(tmp_path: Path) -> None:
    loaded = families.load(save(released("timesformer"), tmp_path))
    logits = np.array([[2.0, 1.0, 0.0]])
    odds = np.exp(logits)
    assert np.allclose(loaded.probabilities(logits), odds / odds.sum())
