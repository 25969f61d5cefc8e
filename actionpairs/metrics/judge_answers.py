"""Numbers in a judge's answer. What is not exactly of the rubric's form is a named failure, never a score.

Scorers of the field guess here: VIEScore draws a number at random where it cannot parse (viescore/utils.py,
`give_up_parsing`), ImgEdit's averages whatever lines it can read (step1_get_avgscore.py), others take 0
(openai/evals issue 1712, Step1X-Edit issue 145).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from actionpairs.language_models import Failure
from actionpairs.language_models.texts import is_refusal, without_reasoning
from actionpairs.metrics.judge_rubrics import RubricCall, RubricScore

_LONGEST = 20_000  # characters; no rubric asks for so much, and a search for JSON in more takes time
_KEPT = 1_000  # characters of an answer that has no scores
_WORDS = {"yes": 1.0, "no": 0.0}
_REASONS = ("reason", "reasoning", "explanation", "rationale")
_NUMBER = r"(?<![\d.])([+-]?\d++(?:\.\d++)?)(?!\s*[-–]\s*\d)"
_FINAL = re.compile(rf"final scores?[\s*:#_`]*{_NUMBER}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JudgeScores:
    """The numbers of one answer, in the order of the call's scores, and its reason in words."""

    values: tuple[float, ...]
    reason: str


def parse(text: str, call: RubricCall) -> JudgeScores | tuple[Failure, str]:
    """The scores of an answer, or what is wrong with it."""
    if len(text) > _LONGEST:
        return Failure.AGAINST_RULES, f"{len(text):,} characters"
    answer = without_reasoning(text)
    if not answer:
        return Failure.EMPTY, "nothing but reasoning"
    parsed = _PARSERS[call.form](answer, call)
    if isinstance(parsed, str):
        failure = Failure.REFUSED if is_refusal(answer) else Failure.AGAINST_RULES
        return failure, f"{parsed}: {answer[:_KEPT]!r}"
    for value, score in zip(parsed.values, call.scores, strict=True):
        if not score.least <= value <= score.most:
            return Failure.AGAINST_RULES, f"{score.key} is {value:g}, not of {score.least:g} to {score.most:g}"
    return parsed


def _object(answer: str, call: RubricCall) -> JudgeScores | str:
    """One JSON object with exactly one value for each key."""

    def values(content: dict[str, Any]) -> tuple[float, ...] | None:
        numbers = [_number(content.get(score.key), score) for score in call.scores]
        return None if None in numbers else tuple(number for number in numbers if number is not None)

    return _only(answer, values, f"no JSON object with {', '.join(f'`{score.key}`' for score in call.scores)}")


def _list(answer: str, call: RubricCall) -> JudgeScores | str:
    """One JSON object with a list `score` of the right length. A shorter list is not filled up (pruna PR 640)."""

    def values(content: dict[str, Any]) -> tuple[float, ...] | None:
        listed = content.get("score")
        listed = listed if isinstance(listed, list) else [listed]
        if len(listed) != len(call.scores):
            return None
        numbers = [_number(value, score) for value, score in zip(listed, call.scores, strict=True)]
        return None if None in numbers else tuple(number for number in numbers if number is not None)

    return _only(answer, values, f"no JSON object with `score`, a list of {len(call.scores)} numbers")


def _only(answer: str, values: Any, problem: str) -> JudgeScores | str:
    """What the JSON objects of an answer say, if it is one thing."""
    stated = {
        (numbers, _reason(content)) for content in _objects(answer) if (numbers := values(content)) is not None
    }
    if len({numbers for numbers, _ in stated}) > 1:
        return "several answers that differ"
    return JudgeScores(*min(stated)) if stated else problem


def _objects(answer: str) -> Iterator[dict[str, Any]]:
    """Every JSON object in a text that is in no other one."""
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats, strict=False)
    place = answer.find("{")
    while place >= 0:
        try:
            content, end = decoder.raw_decode(answer, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if isinstance(content, dict):
                yield content
        place = answer.find("{", end)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key comes twice")
    return content


def _lines(answer: str, call: RubricCall) -> JudgeScores | str:
    """A line `LABEL: NUMBER` for each score, and none with another number."""
    numbers: list[float] = []
    for score in call.scores:
        pattern = (
            rf"^[\s*#>_`\-]*{re.escape(score.key)}[\s*_`]*:[\s*_`]*{_NUMBER}(?:\s*/\s*{score.most:g})?[\s*_`.]*$"
        )
        matches = {float(match) for match in re.findall(pattern, answer, re.IGNORECASE | re.MULTILINE)}
        if len(matches) != 1:
            return f"{len(matches)} numbers for {score.key!r}"
        numbers += matches
    reason = re.search(r"^[\s*#]*(?:brief )?reasoning[\s*]*:[\s*]*(.+)$", answer, re.IGNORECASE | re.MULTILINE)
    return JudgeScores(tuple(numbers), _plain(reason[1] if reason else ""))


def _final_score(answer: str, _: RubricCall) -> JudgeScores | str:
    """`Final Score: NUMBER`, once or several times the same."""
    matches = {float(match) for match in _FINAL.findall(answer)}
    if len(matches) != 1:
        return f"{len(matches)} final scores"
    return JudgeScores(tuple(matches), _plain(answer[: answer.lower().rfind("final score")].rstrip("*# \n")))


_PARSERS = {"object": _object, "list": _list, "lines": _lines, "final score": _final_score}


def _number(value: Any, score: RubricScore) -> float | None:
    """A JSON value as a number; yes and no only where the score is one of 0 and 1."""
    is_yes_or_no = (score.least, score.most) == (0, 1)
    if isinstance(value, str) and is_yes_or_no:
        return _WORDS.get(value.strip().rstrip(".!").lower())
    if isinstance(value, bool):
        return float(value) if is_yes_or_no else None
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,4}(?:\.\d{1,4})?", value.strip()):
        return float(value)
    if isinstance(value, int | float) and abs(value) < 1e6:  # false for NaN
        return None if is_yes_or_no and value not in (0, 1) else float(value)
    return None


def _reason(content: dict[str, Any]) -> str:
    reasons = (content.get(name) for name in _REASONS)
    return _plain(next((reason for reason in reasons if isinstance(reason, str)), ""))


def _plain(text: str) -> str:
    """On one line and printable: it comes from outside."""
    signs = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(signs.split())[:300]
