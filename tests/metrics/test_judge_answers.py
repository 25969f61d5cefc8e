"""An answer is of the rubric's form, or it is a named failure: nothing is guessed, filled up or taken for 0."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpairs.language_models import Failure
from actionpairs.metrics import judge_rubrics
from actionpairs.metrics.judge_answers import JudgeScores, parse
from actionpairs.metrics.judge_rubrics import RubricCall

CALLS = {
    f"{rubric.name} {call.name}": call
    for rubric in judge_rubrics.load(judge_rubrics.builtin_names())
    for call in rubric.calls
}
YES_NO, LIST = CALLS["paper action"], CALLS["gedit semantics"]
LINES, FINAL = CALLS["imgedit action"], CALLS["risebench consistency"]
THREE = "Brief reasoning: fine.\nAction Fidelity: {}\nIdentity Preservation: {}\nVisual & Anatomical Coherence: {}"


@pytest.mark.parametrize(
    ("call", "text", "values"),
    [
        (YES_NO, '{"reason": "closed", "answer": "yes"}', (1,)),
        (YES_NO, '```json\n{"answer": "No."}\n```', (0,)),
        (YES_NO, 'Sure! {"answer": true} Hope this helps.', (1,)),
        (YES_NO, '<think>{"answer": "no"}?</think>{"answer": "yes"}', (1,)),
        (YES_NO, '{"answer": "yes"} {"answer": "yes", "reason": "again"}', (1,)),
        (YES_NO, '{"reason": "a \n line", "answer": "yes"}', (1,)),
        (LIST, '{"score": [7, 10], "reasoning": "x"}', (7, 10)),
        (LIST, '{"score": ["7", 9.5]}', (7, 9.5)),
        (LIST, '||V^=^V||\n{"score" : [0, 0], "reasoning": "x"}\n||V^=^V||', (0, 0)),
        (LINES, THREE.format(4, 3, 2), (4, 3, 2)),
        (LINES, THREE.format("**5**", "5/5", "5."), (5, 5, 5)),
        (
            LINES,
            THREE.format(4, 3, 2).replace("Action", "**Action").replace("Fidelity:", "Fidelity:**"),
            (4, 3, 2),
        ),
        (FINAL, "Step by step.\n\n**Final Score:** **4**", (4,)),
        (FINAL, "Final Score: 4\nAs I said: **Final Score**: 4.", (4,)),
        (FINAL, "score 3 first, but\nfinal score = no, Final Score: **2**\n", (2,)),
    ],
)
def test_an_answer_of_the_form_is_its_numbers(call: RubricCall, text: str, values: tuple[float, ...]) -> None:
    parsed = parse(text, call)
    assert isinstance(parsed, JudgeScores), parsed
    assert parsed.values == values


@pytest.mark.parametrize(
    ("call", "text", "failure"),
    [
        (YES_NO, "yes", Failure.AGAINST_RULES),
        (YES_NO, '{"verdict": "yes"}', Failure.AGAINST_RULES),
        (YES_NO, '{"answer": "maybe"}', Failure.AGAINST_RULES),
        (YES_NO, '{"answer": 7}', Failure.AGAINST_RULES),
        (YES_NO, '{"answer": null}', Failure.AGAINST_RULES),
        (YES_NO, '{"answer": "yes or no"}', Failure.AGAINST_RULES),
        (YES_NO, '{"answer": "yes", "answer": "no"}', Failure.AGAINST_RULES),
        (YES_NO, '{"answer": "yes"} or rather {"answer": "no"}', Failure.AGAINST_RULES),
        (YES_NO, 'thought\n{"answer":', Failure.AGAINST_RULES),  # openflipbook PR 142: was scored 0
        (YES_NO, "I'm sorry, I can't help with that.", Failure.REFUSED),
        (YES_NO, "<think>hm</think>", Failure.EMPTY),
        (LIST, '{"score": [8], "reasoning": "x"}', Failure.AGAINST_RULES),  # pruna PR 640: was filled up with 0
        (LIST, '{"score": 8}', Failure.AGAINST_RULES),
        (LIST, '{"score": [7, 11]}', Failure.AGAINST_RULES),
        (LIST, '{"score": [-1, 7]}', Failure.AGAINST_RULES),
        (LIST, '{"score": [NaN, 7]}', Failure.AGAINST_RULES),
        (LIST, '{"score": [true, 7]}', Failure.AGAINST_RULES),
        (LIST, '{"score": [7, 1e999]}', Failure.AGAINST_RULES),
        (LIST, '{"score": [7, "8/10"]}', Failure.AGAINST_RULES),
        (LIST, '{"score": [...], "reasoning": "..."}', Failure.AGAINST_RULES),
        (LIST, "[7, 8]", Failure.AGAINST_RULES),
        (LINES, THREE.format(4, 3, "n/a"), Failure.AGAINST_RULES),  # ImgEdit's scorer: the mean of the other two
        (LINES, THREE.format(4, 3, 6), Failure.AGAINST_RULES),
        (LINES, THREE.format(4, 3, "a number from 1 to 5."), Failure.AGAINST_RULES),
        (LINES, THREE.format(4, 3, 2) + "\nAction Fidelity: 5", Failure.AGAINST_RULES),
        (FINAL, "It is a 4.", Failure.AGAINST_RULES),
        (FINAL, "**Final Score:** **1-5**", Failure.AGAINST_RULES),  # the form itself, repeated
        (FINAL, "**Final Score:** **X**", Failure.AGAINST_RULES),
        (FINAL, "**Final Score:** **0**", Failure.AGAINST_RULES),
        (FINAL, "Final Score: 3\nFinal Score: 4", Failure.AGAINST_RULES),
        (FINAL, "Failed to obtain answer via API. ", Failure.AGAINST_RULES),  # gpt_eval.py's own words
    ],
)
def test_a_lie_or_half_an_answer_is_a_failure_and_no_number(call: RubricCall, text: str, failure: Failure) -> None:
    parsed = parse(text, call)
    assert isinstance(parsed, tuple), parsed
    assert parsed[0] == failure


@given(st.text(max_size=300), st.sampled_from(sorted(CALLS)))
def test_whatever_comes_it_is_scores_in_range_or_a_failure(text: str, name: str) -> None:
    parsed = parse(text, CALLS[name])
    if isinstance(parsed, JudgeScores):
        pairs = zip(parsed.values, CALLS[name].scores, strict=True)
        assert all(score.least <= value <= score.most for value, score in pairs)
    else:
        assert isinstance(parsed[0], Failure)


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=9)
)
def test_whatever_stands_in_the_json_it_is_scores_or_a_failure(value: object) -> None:
    for call in (YES_NO, LIST):
        parse(json.dumps({"answer": value, "score": value, "reason": value}), call)


@pytest.mark.parametrize(
    "text", ["{" * 19_000, '{"a":' * 3_800, "Final Score: " * 1_400, "[" * 10**6, "9" * 19_000]
)
def test_an_answer_that_is_made_to_take_long_does_not(text: str) -> None:
    for call in CALLS.values():
        start = time.monotonic()
        assert isinstance(parse(text, call), tuple)
        assert time.monotonic() - start < 2


def test_a_reason_is_printable_and_on_one_line() -> None:
    parsed = parse('{"answer": "no", "reason": "half \\ud83d \\u001b[31m\\n red"}', YES_NO)
    assert isinstance(parsed, JudgeScores)
    assert parsed.reason == "half [31m red"
    parsed.reason.encode()
