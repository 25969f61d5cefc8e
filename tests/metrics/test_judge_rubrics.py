"""Rubrics are what their files say: GEdit-Bench's words to the letter, the scorers' formulas, and no riddles."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest

from actionpairs.errors import ScoreError
from actionpairs.evaluation.human_eval import QUESTIONS
from actionpairs.metrics import judge_rubrics
from actionpairs.metrics.judge_rubrics import FORMULAS

# SHA-256 of the prompts as VIEScore(task="tie") of Step1X-Edit at 570eba6 puts them together, without instruction:
# "\n".join([_context_no_delimit, _prompts_0shot_two_image_edit_rule, _prompts_0shot_tie_rule_SC]), and
# "\n".join([_context_no_delimit, _prompts_0shot_rule_PQ]).
GEDIT = {
    "semantics": "8f529562c2f89f8db51a3f7cc4d487686f676909c21010b67b0e65ec78150de5",
    "quality": "2473ff2c7406e06545c5c039ceb039ff2604ebacf150868a48f0bf07c9e733b0",
}


def test_gedits_questions_are_to_the_letter_those_of_its_scorer() -> None:
    [rubric] = judge_rubrics.load(["gedit"])
    for call in rubric.calls:
        text = call.text("<instruction>", call.orders[0])
        assert hashlib.sha256(text.encode()).hexdigest() == GEDIT[call.name]


def test_the_papers_rubric_asks_what_people_are_asked() -> None:
    [rubric] = judge_rubrics.load(["paper"])
    assert len(rubric.calls) == len(QUESTIONS)
    for call, question in zip(rubric.calls, QUESTIONS.values(), strict=True):
        assert question.lower() in call.prompt.lower()


@pytest.mark.parametrize("name", judge_rubrics.builtin_names())
def test_every_mark_is_replaced_and_both_orders_say_which_picture_is_which(name: str) -> None:
    [rubric] = judge_rubrics.load([name])
    for call in rubric.calls:
        texts = [call.text("open the drawer", order) for order in call.orders]
        assert not any("<" in text for text in texts)
        assert len(set(texts)) == len(call.orders) == len(call.pictures)
        if len(call.orders) == 2:
            swap = {"first": "second", "second": "first"}
            assert sorted(swap.get(word, word) for word in texts[0].split()) != texts[0].split()
            assert call.orders[1] == call.orders[0][::-1]


def test_a_mark_in_an_instruction_stays_what_it_is() -> None:
    [rubric] = judge_rubrics.load(["paper"])
    text = rubric.calls[0].text("put <edit> {original} on <instruction>", rubric.calls[0].pictures)
    assert "put <edit> {original} on <instruction>" in text


@pytest.mark.parametrize(
    ("formula", "values", "score"),
    [
        ("least", (7, 4), 4),
        ("geometric mean of the least", (7, 4, 9, 10), 6),  # √(min(7, 4) · min(9, 10)), viescore/__init__.py
        ("geometric mean of the least", (0, 10, 10, 10), 0),
        ("mean", (5, 4, 3), 4),
        ("percent", (1,), 100),
        ("RISEBench", (5, 5, 5), 5),  # gpt_eval.py: 0.3 · consistency + 0.5 · reasoning + 0.2 · plausibility
        ("RISEBench", (5, 3, 4), 3.8),
        ("RISEBench", (5, 1, 5), 1.5),  # halved where reasoning is 1
        ("RISEBench", (1, 1, 1), 1),  # and never below 1
    ],
)
def test_scores_follow_by_the_scorers_formulas(formula: str, values: tuple[float, ...], score: float) -> None:
    assert math.isclose(FORMULAS[formula](values), score)


GOOD = """
name: mine
citation: mine, 2026
wording: ours
value_of: both orders
calls:
  - name: a
    pictures: [original, edit]
    form: object
    prompt: "<original> <edit>?"
    scores: [{key: x, least: 0, most: 1}]
columns:
  - {name: my score, about: action, formula: mean, of: [a.x], checks: action}
"""


def test_a_rubric_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    [rubric] = judge_rubrics.load([str(path)])
    assert rubric.columns[0].name == "my score"
    assert rubric.middle(rubric.columns[0]) == 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("of: [a.x]", "of: [a.y]"), "no call has a score 'a.y'"),
        (("<edit>?", "<truth>?"), "<truth> is none of its pictures"),
        (("form: object", "form: poem"), "calls.0.form"),
        (("name: mine", "nam: mine"), "name: Field required"),
        (("calls:", "calls: ["), "not a rubric"),
        (("name: mine", "name: !!python/object:os.system {}"), "not a rubric"),
    ],
)
def test_a_wrong_rubric_is_named_with_what_is_wrong(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(ScoreError, match=words):
        judge_rubrics.load([str(path)])


def test_a_rubric_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"no rubric 'vie'\. Choose of gedit, imgedit, paper, risebench"):
        judge_rubrics.load(["vie"])
    with pytest.raises(ScoreError, match="No such file"):
        judge_rubrics.load([str(tmp_path / "absent.yaml")])
    with pytest.raises(ScoreError, match="two columns of the name"):
        judge_rubrics.load(["paper", "paper"])
