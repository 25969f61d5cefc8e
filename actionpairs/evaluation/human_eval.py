"""Human evaluation: the answers of raters, as the rater page saves them, and the ratings of every row."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from pydantic import Field, StrictBool, ValidationError

from actionpairs.errors import ScoreError
from actionpairs.evaluation import trust
from actionpairs.evaluation.records import HumanRating, Question, Report
from actionpairs.keys import Config
from actionpairs.metrics import intervals
from actionpairs.storage import located

QUESTIONS: dict[Question, str] = {  # as raters read them, and in this order
    "action": "Is the action done?",
    "environment": "Are the surroundings kept?",
    "objects": "Do the objects keep their looks?",
}


class Answer(Config):
    """The answers to one edit. `item` is a number that does not tell a rater which row made the edit."""

    item: str
    action: StrictBool
    environment: StrictBool
    objects: StrictBool


class Answers(Config):
    """A file as the rater page saves it; `report` names the report that the page was made from."""

    report: str
    rater: str = Field(min_length=1)
    answers: tuple[Answer, ...]


def report_id(report: Report) -> str:
    """Name a report by everything that it measured. Human ratings take no part."""
    content = asdict(replace(report, human_ratings=(), raters=0))
    del content["trust"], content["first_to_read"]  # which follow from the ratings too
    for name in ("pictures", "recognition", "calibrated"):
        if not content[name]:
            del content[name]  # so that answers to a report of an earlier version still find it
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def item_id(report: str, key: str, row: str) -> str:
    """The number of one row's edit of one sample on the rater page; sorted by it, edits are shuffled."""
    return hashlib.sha256(repr((report, key, row)).encode()).hexdigest()[:12]


def with_answers(report: Report, paths: Sequence[str]) -> Report:
    """The report with the ratings of these files of answers, instead of those that it had.

    Raises ScoreError where a file is malformed or of another report, or where a rater or an edit comes twice.
    """
    row_of = _rows_by_item(report)
    files = [_load_answers(path, report_id(report), row_of) for path in paths]
    doubled = [rater for rater, count in Counter(answers.rater for answers in files).items() if count > 1]
    if doubled:
        raise ScoreError(
            f"--answers: {len(doubled)} raters answered twice ({', '.join(doubled)}).",
            cure="Give one file of every rater; raters of one name need other names.",
        )
    answers_of = _by_item(row_of, files)
    rated = replace(
        report, human_ratings=tuple(_ratings(report, answers_of, raters=len(files))), raters=len(files)
    )
    shares: dict[tuple[str, str], dict[Question, float]] = defaultdict(dict)
    for (row, question), by_key in answers_of.items():
        for key, votes in by_key.items():
            shares[row, key][question] = sum(votes) / len(votes)
    rated = replace(rated, trust=trust.of_ratings(rated, shares))
    return replace(rated, first_to_read=trust.first_to_read(rated))


def fleiss_kappa(counts: np.ndarray) -> float:
    """How far raters agree beyond chance (Fleiss 1971): 1 entirely, 0 as by chance.

    counts: N K, how many raters put item i into category k; the same number, 2 at least, for every item. NaN
    where there is no item, or all are put into one category.
    """
    if len(counts) == 0:
        return math.nan
    raters = counts[0].sum()
    agreement = ((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))
    by_chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (float(agreement.mean()) - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan


def _rows_by_item(report: Report) -> dict[str, tuple[str, str]]:
    """The row and the key of every item."""
    own = report_id(report)
    places = ((row.name, sample.key) for sample in report.samples for row in report.rows)
    return {item_id(own, key, row): (row, key) for row, key in places}


def _load_answers(path: str, report: str, items: Collection[str]) -> Answers:
    folder, name = located(path)
    try:
        loaded = Answers.model_validate_json(folder.read_bytes(name))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ScoreError(
            f"--answers {path}: not what the rater page saves: {where}: {first['msg']}.",
            cure="Give the file as the page saved it.",
        ) from None
    if loaded.report != report:
        raise ScoreError(
            f"--answers {path}: answers to report {loaded.report}, and this report is {report}.",
            cure="Give answers that were saved on the rater_page.html of this report.",
        )
    counts = Counter(answer.item for answer in loaded.answers)
    doubled, strange = [i for i, n in counts.items() if n > 1], [i for i in counts if i not in items]
    if doubled or strange:
        raise ScoreError(
            f"--answers {path}: {len(doubled)} edits are answered twice, {len(strange)} are none of this "
            f"report's: {', '.join((doubled + strange)[:5])}.",
            cure="Give the file as the page saved it.",
        )
    return loaded


_Votes = Mapping[tuple[str, Question], Mapping[str, list[bool]]]  # row and question → key → what raters said


def _by_item(row_of: Mapping[str, tuple[str, str]], files: Sequence[Answers]) -> _Votes:
    votes: dict[tuple[str, Question], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        for answer in file.answers:
            row, key = row_of[answer.item]
            for question in QUESTIONS:
                votes[row, question][key].append(getattr(answer, question))
    return votes


def _ratings(report: Report, votes: _Votes, *, raters: int) -> Iterator[HumanRating]:
    """One for each row and question; none for a row that no rater saw."""
    for row in report.rows:
        for question in QUESTIONS:
            if by_key := votes.get((row.name, question)):
                yield _rating(row.name, question, list(by_key.values()), raters=raters)


def _rating(row: str, question: Question, answers: Sequence[Sequence[bool]], *, raters: int) -> HumanRating:
    """answers: those to each item. Wilson's interval over items: wide rather than narrow."""
    yes = intervals.share(np.array([np.mean(each) for each in answers]))
    by_all = [(sum(each), raters - sum(each)) for each in answers if len(each) == raters]
    kappa = fleiss_kappa(np.array(by_all)) if raters > 1 else math.nan
    return HumanRating(
        row,
        question,
        value=100 * yes.value,
        low=None if yes.low is None else 100 * yes.low,
        high=None if yes.high is None else 100 * yes.high,
        items=len(answers),
        answers=sum(map(len, answers)),
        kappa=None if math.isnan(kappa) else kappa,
    )
