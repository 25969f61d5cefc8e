"""A report as it is stored: rows of scores, samples, comparisons, human ratings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from actionpairs.metrics.metric import About, Better

Kind = Literal["model", "copy", "truth"]
Question = Literal["action", "environment", "objects"]
TruthKind = Literal["action", "rest"]
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
class ScoreTrust:
    """How far a score follows what raters say of the action, or of the rest that should stay.

    Spearman's ρ with its 95 % interval, 1 where they agree entirely: over single edits, and over the means of
    rows. None where there are too few; `edits` and `rows` are how many there were.
    """

    score: str
    about: TruthKind
    edits_rho: float | None
    edits_low: float | None
    edits_high: float | None
    edits: int
    rows_rho: float | None
    rows_low: float | None
    rows_high: float | None
    rows: int


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
class RecognitionShare:
    """A row's Acc top-1 in per cent of the real last frame's on the same samples, with its bootstrap interval.

    `value` is None where the recognizer is never right on these real last frames.
    """

    row: str
    value: float | None
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the recognizer behind action accuracy does on the real last frames, which are the row `row`.

    `calibration_error` (with its temperature) and `raw_calibration_error` (without) are in [0, 1]. `temperature`
    is None, and `fitted_on` 0 samples, if none was fitted. `shares` are those of all other rows.
    """

    row: str
    top_1: Score
    top_5: Score | None
    calibration_error: float
    raw_calibration_error: float
    temperature: float | None
    fitted_on: int
    shares: tuple[RecognitionShare, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """How well models do the actions of one split. `notes` say what was measured, and with what.

    `samples` and every row's `edits` are sorted by key. `differences` are between models, and from each model
    to the copy. `human_ratings` are those of so many `raters`; there are none before raters have answered.
    `trust` is how far scores follow them. `first_to_read`: which score to read first, and why. `calibrated`: the
    columns of a judge that told right from wrong about known pairs.
    `pictures` is None in reports of earlier versions, whose pictures are all squares. `recognition` is None
    without a recognizer, and in reports of earlier versions.
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
    recognition: Recognition | None = None
    trust: tuple[ScoreTrust, ...] = ()
    first_to_read: str = ""
    calibrated: tuple[str, ...] = ()
