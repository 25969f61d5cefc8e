"""A report as it is stored: rows of scores, samples, comparisons. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]
About = Literal["action", "picture"]
Unit = Literal["%", "dB", ""]
Kind = Literal["model", "copy", "truth"]
Question = Literal["action", "environment", "objects"]


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a report, with its 95 % interval where one can be given.

    `about` is "action" (is it done?) or "picture" (does it look like the truth?); `unit` is "%", "dB" or empty;
    `count` is the number of samples behind the value.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    count: int
    better: Better
    about: About
    unit: Unit = ""


@dataclass(frozen=True, slots=True)
class EditScores:
    """What one row of a report did with one sample; a score that does not apply to it is left out.

    `recognized` is the action that the recognizer saw, None where there was no recognizer.
    """

    key: str
    recognized: str | None
    values: Mapping[str, float]  # score name → value


@dataclass(frozen=True, slots=True)
class ReportRow:
    """The scores of one model, of the copy of the input or of the truth: as a whole and sample by sample."""

    name: str
    kind: Kind
    scores: tuple[Score, ...]
    edits: tuple[EditScores, ...]


@dataclass(frozen=True, slots=True)
class ReportSample:
    """What a row was asked to do."""

    key: str
    instruction: str
    action: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One row's score minus another's on the same samples, with its 95 % interval where there is a spread.

    `p` is that of McNemar's exact test for scores that are hits or misses, None for others.
    """

    row: str
    other: str
    score: str
    value: float
    low: float | None
    high: float | None
    count: int
    p: float | None


@dataclass(frozen=True, slots=True)
class ReportPart:
    """The per-sample scores over some of the samples alone, such as those of unseen verbs, by row."""

    name: str
    count: int
    scores: Mapping[str, tuple[Score, ...]]  # row name → scores


@dataclass(frozen=True, slots=True)
class Opinion:
    """What people said of one row in answer to one question: the share of yes over its items, in per cent.

    The interval is that of the mean over items, None where there is one item only. `kappa` is Fleiss' κ over the
    items that every rater answered, None where it does not exist.
    """

    row: str
    question: Question
    value: float
    low: float | None
    high: float | None
    items: int
    answers: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """How well models do the actions of one split; `notes` says what was measured with what.

    `samples` and every row's `edits` are sorted by key. `differences` are between models, and from each model
    to the copy. `opinions` are those of so many `raters`, none where nobody was asked.
    """

    dataset: str
    split: str
    samples: tuple[ReportSample, ...]
    rows: tuple[ReportRow, ...]
    differences: tuple[Difference, ...]
    parts: tuple[ReportPart, ...]
    notes: tuple[str, ...]
    recipe_digest: str
    opinions: tuple[Opinion, ...] = ()
    raters: int = 0
