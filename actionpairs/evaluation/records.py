"""A report as it is stored: rows of scores, samples, comparisons, human ratings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from actionpairs.metrics.metric import About, Better

Kind = Literal["model", "copy", "truth"]
Question = Literal["action", "environment", "objects"]
COPY, TRUTH = "copy of the input", "the real last frame"  # the names of the rows of these kinds


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a report, with its 95 % interval where one can be given.

    `about` is "action" (is it done?) or "picture" (does it look right?). `unit` is "%", "dB" … or empty.
    `statistic` says how the number is made of `count` samples: "mean", "share" (of hits), or a distance of sets.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    count: int
    better: Better
    about: About
    unit: str = ""
    statistic: str = "mean"


@dataclass(frozen=True, slots=True)
class EditScores:
    """What one row of a report did with one sample. A score that does not apply to it is left out.

    `values` and `texts` are by score name; the text of "Acc top-1" is the action that the recognizer saw.
    """

    key: str
    values: Mapping[str, float]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """The scores of one model, of the copy of the input or of the truth: as a whole and sample by sample."""

    name: str
    kind: Kind
    scores: tuple[Score, ...]
    edits: tuple[EditScores, ...]


@dataclass(frozen=True, slots=True)
class ReportSample:
    """A sample of the split: its instruction and the action that the instruction asks for."""

    key: str
    instruction: str
    action: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One row's score minus another's on the same samples, with its 95 % interval where there is a spread.

    `p` is that of McNemar's exact test for shares of hits, None for other scores.
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
class HumanRating:
    """What raters say of one row in answer to one question: the share of yes over its items, in per cent.

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
class ShapeCount:
    """A width and height in pixels, and how many samples were edited and scored at it."""

    width: int
    height: int
    count: int


@dataclass(frozen=True, slots=True)
class PictureShapes:
    """At which shapes pictures were edited and scored: of about resolution² pixels, or squares of that side.

    `shapes`: the most frequent first.
    """

    resolution: int
    square: bool
    shapes: tuple[ShapeCount, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How well models do the actions of one split. `notes` say what was measured, and with what.

    `samples` and every row's `edits` are sorted by key. `differences` are between models, and from each model
    to the copy. `human_ratings` are those of so many `raters`; there are none before raters have answered.
    `pictures` is None in reports of earlier versions, whose pictures are all squares.
    """

    dataset: str
    split: str
    samples: tuple[ReportSample, ...]
    rows: tuple[ReportRow, ...]
    differences: tuple[Difference, ...]
    parts: tuple[ReportPart, ...]
    notes: tuple[str, ...]
    recipe_digest: str
    human_ratings: tuple[HumanRating, ...] = ()
    raters: int = 0
    pictures: PictureShapes | None = None
