"""Every question to a judge and what came of it, as a table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from actionpairs.language_models import Answer, Gap
from actionpairs.metrics.judge_answers import JudgeScores


@dataclass(frozen=True, slots=True)
class QuestionPlace:
    """Which question it is: of which row and sample, and of which call of a rubric, in which order of pictures."""

    row: str
    key: str
    rubric: str
    call: str
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgeRecord:
    """One question as it was asked, and the answer or why there is none.

    pictures: their SHA-256, in the order in which they were shown. asked: the model's name as it was asked for; an
    answer has the name that the server reports. keys: of the scores, by which the answer names them. scores: None
    for a gap.
    """

    place: QuestionPlace
    seed: int
    prompt: str
    pictures: tuple[str, ...]
    asked: str
    reply: Answer | Gap
    keys: tuple[str, ...]
    scores: JudgeScores | None


def to_table(records: Sequence[JudgeRecord]) -> pa.Table:
    """A line for each question that was asked, sorted; one that was asked again has another seed.

    Columns: row, key, rubric, call, order (of the pictures), seed, prompt, pictures (their SHA-256), asked (the
    model's name), model (as the server reports it), attempts (requests), answer, scores (JSON), failure,
    detail, counts (whether the report's scores are of this answer).
    """
    ordered = sorted(records, key=lambda each: (*_sort_key(each.place), each.seed))
    return pa.Table.from_pylist([_line(record) for record in ordered], schema=_SCHEMA)


def model_versions(records: Sequence[JudgeRecord]) -> Mapping[str, int]:
    """The model's names as the server reports them → answers, the most frequent first."""
    counts = Counter(each.reply.model for each in records if isinstance(each.reply, Answer))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _sort_key(place: QuestionPlace) -> tuple[str, ...]:
    return place.row, place.key, place.rubric, place.call, " ".join(place.order)


def _line(record: JudgeRecord) -> dict[str, object]:
    place, reply = record.place, record.reply
    answer = reply if isinstance(reply, Answer) else None
    gap = reply if isinstance(reply, Gap) else None
    scores = record.scores and dict(zip(record.keys, record.scores.values, strict=True))
    return {
        "row": place.row,
        "key": place.key,
        "rubric": place.rubric,
        "call": place.call,
        "order": ", ".join(place.order),
        "seed": record.seed,
        "prompt": record.prompt,
        "pictures": list(record.pictures),
        "asked": record.asked,
        "model": answer and answer.model,
        "attempts": reply.attempts,
        "answer": answer and answer.text,
        "scores": None if scores is None else json.dumps(scores, sort_keys=True),
        "failure": gap and str(gap.failure),
        "detail": gap and gap.detail,
        "counts": record.scores is not None,
    }


_TEXT = pa.string()
_SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in ("row", "key", "rubric", "call", "order")),
        ("seed", pa.int64()),
        ("prompt", _TEXT),
        ("pictures", pa.list_(_TEXT)),
        *((name, _TEXT) for name in ("asked", "model")),
        ("attempts", pa.int32()),
        *((name, _TEXT) for name in ("answer", "scores", "failure", "detail")),
        ("counts", pa.bool_()),
    ]
)
