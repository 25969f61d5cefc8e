"""What people say of edits: their answers as the study page saves them, and what follows for every row."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
from pydantic import Field, StrictBool, ValidationError

from actionpairs.errors import ScoreError
from actionpairs.evaluation.records import Opinion, Question, Report
from actionpairs.keys import Config
from actionpairs.metrics import formulas
from actionpairs.storage import located

QUESTIONS: dict[Question, str] = {  # as raters are asked, and in this order
    "action": "Is the action done?",
    "environment": "Are the surroundings kept?",
    "objects": "Do the objects keep their looks?",
}


class Answer(Config):
    """What a rater said of one edit, which is known to the page by a number that does not tell whose it is."""

    item: str
    action: StrictBool
    environment: StrictBool
    objects: StrictBool


class Answers(Config):
    """A file as the study page saves it; `study` names the report that the page was made from."""

    study: str
    rater: str = Field(min_length=1)
    answers: tuple[Answer, ...]


def study_of(report: Report) -> str:
    """Name a report by all that it measured; what people said of it takes no part."""
    text = json.dumps(asdict(replace(report, opinions=(), raters=0)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def item_of(study: str, key: str, row: str) -> str:
    """The number under which raters see one row's edit of one sample; sorted by it, edits are shuffled."""
    return hashlib.sha256(repr((study, key, row)).encode()).hexdigest()[:12]


def added(report: Report, paths: Sequence[str]) -> Report:
    """The report with what these files of answers say, and nothing of what others said before.

    Raises ScoreError where one is malformed, of another report, or of a rater or an edit that comes twice.
    """
    row_of = _rows_by_item(report)
    given = [_read(path, study_of(report), row_of) for path in paths]
    doubled = [rater for rater, count in Counter(answers.rater for answers in given).items() if count > 1]
    if doubled:
        raise ScoreError(
            f"--answers: {len(doubled)} raters answered twice ({', '.join(doubled)}).",
            cure="Give one file of every rater; raters of one name need other names.",
        )
    return replace(report, opinions=tuple(_opinions(report, row_of, given)), raters=len(given))


def fleiss_kappa(counts: np.ndarray) -> float:
    """How far raters agree beyond chance (Fleiss 1971): 1 entirely, 0 as chance would have it.

    counts: N K, how many raters put item i into category k; the same number, 2 at least, for every item. NaN
    where there is no item, or all are put into one category.
    """
    if len(counts) == 0:
        return math.nan
    raters = counts[0].sum()
    agreement = ((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))
    by_chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (float(agreement.mean()) - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan


def _rows_by_item(report: Report) -> dict[str, str]:
    study = study_of(report)
    return {item_of(study, sample.key, row.name): row.name for sample in report.samples for row in report.rows}


def _read(path: str, study: str, items: Mapping[str, str]) -> Answers:
    folder, name = located(path)
    try:
        found = Answers.model_validate_json(folder.read_bytes(name))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ScoreError(
            f"--answers {path}: not what the study page saves: {where}: {first['msg']}.",
            cure="Give the file as the page saved it.",
        ) from None
    if found.study != study:
        raise ScoreError(
            f"--answers {path}: given to study {found.study}, and this report's is {study}.",
            cure="Give answers to the study.html of this very report.",
        )
    counts = Counter(answer.item for answer in found.answers)
    doubled, strange = [i for i, n in counts.items() if n > 1], [i for i in counts if i not in items]
    if doubled or strange:
        raise ScoreError(
            f"--answers {path}: {len(doubled)} edits are answered twice, {len(strange)} are none of this "
            f"report's: {', '.join((doubled + strange)[:5])}.",
            cure="Give the file as the page saved it.",
        )
    return found


def _opinions(report: Report, row_of: Mapping[str, str], given: Sequence[Answers]) -> Iterator[Opinion]:
    """One for each row and question; nothing of a row that nobody was shown."""
    said: dict[tuple[str, str], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for answers in given:
        for answer in answers.answers:
            for question in QUESTIONS:
                said[row_of[answer.item], question][answer.item].append(getattr(answer, question))
    for row in report.rows:
        for question in QUESTIONS:
            if found := said.get((row.name, question)):
                yield _opinion(row.name, question, list(found.values()), raters=len(given))


def _opinion(row: str, question: Question, said: Sequence[Sequence[bool]], *, raters: int) -> Opinion:
    """said: for each item what those said who answered. Wilson's interval over items: wide rather than narrow."""
    found = formulas.share(np.array([np.mean(answers) for answers in said]))
    by_all = [(sum(answers), raters - sum(answers)) for answers in said if len(answers) == raters]
    kappa = fleiss_kappa(np.array(by_all)) if raters > 1 else math.nan
    return Opinion(
        row,
        question,
        value=100 * found.value,
        low=None if found.low is None else 100 * found.low,
        high=None if found.high is None else 100 * found.high,
        items=len(said),
        answers=sum(map(len, said)),
        kappa=None if math.isnan(kappa) else kappa,
    )
