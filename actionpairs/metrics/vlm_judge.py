"""A vision-language model that judges edits by a rubric, with each pair of pictures shown both ways round.

A question without an answer is a gap with its reason, never a 0. What the model is, and how it is asked, is for
`judge_asking`; this file makes scores of its answers.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actionpairs.configs import JudgeConfig
from actionpairs.language_models import Gap
from actionpairs.metrics.judge_answers import JudgeScores
from actionpairs.metrics.judge_asking import JudgeAsking, JudgeQuestion, encode
from actionpairs.metrics.judge_records import QuestionPlace, model_versions
from actionpairs.metrics.judge_rubrics import FORMULAS, Rubric, RubricCall, RubricColumn
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader

_LONGEST_REASON = 200  # characters of a gap in a report; judge.parquet has all of it


@dataclass(frozen=True, slots=True)
class JudgedEdit:
    """One edit to be judged. original, edit, truth: H W 3 uint8 RGB; truth is None where there is none."""

    row: str
    key: str
    instruction: str
    original: np.ndarray
    edit: np.ndarray
    truth: np.ndarray | None


Replies = Mapping[str, tuple[JudgeScores | Gap, ...]]  # call → its scores for each order of pictures


class VlmJudge:
    """Per edit: the scores of each rubric, how far the two orders differ, and the share of answers."""

    def __init__(self, asking: JudgeAsking, rubrics: Sequence[Rubric], config: JudgeConfig) -> None:
        self.asking, self.rubrics = asking, tuple(rubrics)
        self._config = config
        self.columns = tuple(column for rubric in rubrics for column in _columns(rubric))

    @property
    def shows_truth(self) -> bool:
        """Whether a question shows the real last frame: then `score` needs `truths`."""
        return any(rubric.shows_truth for rubric in self.rubrics)

    def parts(self) -> tuple[VlmJudge, ...]:
        """The same judge in at most two parts: rubrics that show the real last frame, and the others."""
        by_truth = ([each for each in self.rubrics if each.shows_truth is shows] for shows in (True, False))
        return tuple(VlmJudge(self.asking, rubrics, self._config) for rubrics in by_truth if rubrics)

    @property
    def note(self) -> str:
        """Which model answered, as it calls itself, and how it was asked."""
        versions = model_versions(self.asking.records)
        named = ", ".join(f"{name} ({count:,} answers)" for name, count in versions.items()) or "no answers yet"
        several = " They are of different versions: do not compare them." if len(versions) > 1 else ""
        rubrics = "; ".join(f"{each.name} (wording: {each.wording}; {each.value_of})" for each in self.rubrics)
        return (
            f"Judge: {self.asking.model.name}, which names itself {named}.{several} Rubrics: {rubrics}. Two "
            "pictures are shown in both orders; the order disagreement is the mean difference of the two answers, "
            "in % of the scale. Everything that was asked and answered is in judge.parquet."
        )

    @property
    def citation(self) -> str:
        """Those of the rubrics."""
        return "; ".join(rubric.citation for rubric in self.rubrics)

    @property
    def digest(self) -> str:
        """Of the model, its settings and the rubrics."""
        return judge_digest(self.asking.model.settings_digest, self.rubrics, self._config)

    def score(self, batch: EditBatch) -> BatchScores:
        """The scores of every edit, NaN for gaps, and what the judge says of the first score of each rubric.

        `truths` may be empty if no question shows them.
        """
        truths = batch.truths if len(batch.truths) or self.shows_truth else [None] * len(batch)
        pictures = zip(batch.originals, batch.edits, truths, strict=True)
        edits = [
            JudgedEdit(batch.row, key, instruction, *each)
            for key, instruction, each in zip(batch.keys, batch.instructions, pictures, strict=True)
        ]
        values: dict[str, np.ndarray] = {}
        texts: dict[str, tuple[str, ...]] = {}
        gaps: dict[str, tuple[str, ...]] = {}
        for rubric in self.rubrics:
            replies = self.ask(edits, rubric, rubric.calls)
            for column in _columns(rubric):
                measured = [_measure(rubric, column.name, each) for each in replies]
                values[column.name] = numbers(measured)
                if any(isinstance(value, Gap) for value in measured):
                    gaps[column.name] = tuple(map(_reason, measured))
                if column.text:
                    texts[column.name] = tuple(_text(rubric, each) for each in replies)
        return BatchScores(values, texts, gaps)

    def ask(self, edits: Sequence[JudgedEdit], rubric: Rubric, calls: Sequence[RubricCall]) -> list[Replies]:
        """The answers to these calls of a rubric for each edit."""
        questions = [question for edit in edits for question in self._questions(edit, rubric, calls)]
        replies = iter(self.asking.ask(questions))
        return [{call.name: tuple(next(replies) for _ in call.orders) for call in calls} for _ in edits]

    def _questions(self, edit: JudgedEdit, rubric: Rubric, calls: Sequence[RubricCall]) -> Iterable[JudgeQuestion]:
        needed = {name for call in calls for name in call.pictures}
        encoded = {name: encode(getattr(edit, name), self._config) for name in needed}
        for call in calls:
            for order in call.orders:
                place = QuestionPlace(edit.row, edit.key, rubric.name, call.name, order)
                pictures = tuple(encoded[name] for name in order)
                yield JudgeQuestion(place, call, call.text(edit.instruction, order), pictures)


def judge_digest(settings_digest: str, rubrics: Sequence[Rubric], config: JudgeConfig) -> str:
    """Name a judge by its model, its settings and what it is asked."""
    content = [settings_digest, [each.digest() for each in rubrics], config.digest()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def value_of(rubric: Rubric, column: RubricColumn, replies: Replies) -> float | Gap:
    """A column's value for one edit, or the first gap that it needs an answer of."""
    calls = {call.name: call for call in rubric.calls_of([column])}
    orders = 1 if rubric.value_of == "first order" else max(len(call.orders) for call in calls.values())
    values = []
    for order in range(orders):
        parts = []
        for name in column.of:
            call_name, _, key = name.partition(".")
            reply = replies[call_name][min(order, len(calls[call_name].orders) - 1)]
            if isinstance(reply, Gap):
                return reply
            parts.append(reply.values[[score.key for score in calls[call_name].scores].index(key)])
        values.append(FORMULAS[column.formula](parts))
    return sum(values) / len(values)


def _columns(rubric: Rubric) -> tuple[MetricColumn, ...]:
    scores = [
        MetricColumn(
            column.name,
            "higher",
            column.about,
            column.unit,
            text="" if number else "what the judge says",
            without_truth=True,
        )
        for number, column in enumerate(rubric.columns)
    ]
    return (
        *scores,
        MetricColumn(_disagreement_name(rubric), "lower", "picture", "%", without_truth=True),
        MetricColumn(_answered_name(rubric), "higher", "picture", "%", without_truth=True),
    )


def _disagreement_name(rubric: Rubric) -> str:
    return f"order disagreement ({rubric.name})"


def _answered_name(rubric: Rubric) -> str:
    return f"answered by the judge ({rubric.name})"


def _measure(rubric: Rubric, name: str, replies: Replies) -> float | Gap:
    """The value of any column of a rubric for one edit."""
    if name == _disagreement_name(rubric):
        return _disagreement(rubric, replies)
    if name == _answered_name(rubric):
        every = [reply for of_call in replies.values() for reply in of_call]
        return 100 * sum(isinstance(reply, JudgeScores) for reply in every) / len(every)
    return value_of(rubric, next(column for column in rubric.columns if column.name == name), replies)


def _disagreement(rubric: Rubric, replies: Replies) -> float | Gap:
    """The mean difference between the two orders over all scores of two pictures, in % of each scale."""
    differences = []
    for call in rubric.calls:
        if len(call.orders) == 2:
            one, other = replies[call.name]
            if isinstance(one, Gap) or isinstance(other, Gap):
                return one if isinstance(one, Gap) else other  # type: ignore[return-value]
            for score, first, second in zip(call.scores, one.values, other.values, strict=True):
                differences.append(100 * abs(first - second) / (score.most - score.least))
    return sum(differences) / len(differences) if differences else math.nan


def numbers(measured: Iterable[float | Gap]) -> np.ndarray:
    """N float64, NaN for gaps."""
    return np.array([math.nan if isinstance(each, Gap) else each for each in measured], np.float64)


def _reason(measured: float | Gap) -> str:
    """Why there is no value; empty where there is one."""
    return str(measured)[:_LONGEST_REASON] if isinstance(measured, Gap) else ""


def _text(rubric: Rubric, replies: Replies) -> str:
    """What the judge says of the first column, the pictures in the rubric's order."""
    reply = replies[rubric.columns[0].of[0].partition(".")[0]][0]
    return f"no answer: {_reason(reply)}" if isinstance(reply, Gap) else reply.reason


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    return () if inputs.vlm_judge is None else (inputs.vlm_judge,)


LOADER: MetricLoader = MetricLoader(_load)
