"""A report's numbers as columns and cells, ready for a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from actionpairs.evaluation.human_eval import QUESTIONS
from actionpairs.evaluation.records import (
    Difference,
    HumanRating,
    Recognition,
    Report,
    ReportRow,
    Score,
    ScoreTrust,
)
from actionpairs.metrics.action_accuracy import TOP_1
from actionpairs.metrics.metric import About, Better


@dataclass(frozen=True, slots=True)
class Column:
    """One score, and with how many decimals all of its cells are written."""

    name: str
    about: About
    better: Better
    unit: str
    statistic: str
    decimals: int

    @property
    def heading(self) -> str:
        """The score with its unit and an arrow towards the better."""
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name}{unit} {'↑' if self.better == 'higher' else '↓'}"

    def text(self, value: float) -> str:
        """A value as this column writes it."""
        return f"{value:.{self.decimals}f}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Cell:
    """A score as text; the three percentages place its interval between the column's ends."""

    text: str
    range_text: str
    is_best: bool
    from_percent: float
    wide_percent: float
    at_percent: float


def columns(report: Report) -> tuple[Column, ...]:
    """Every score that some row has, action scores first, else in the order in which rows name them."""
    scores_of: dict[str, list[Score]] = {}
    for row in report.rows:
        for score in row.scores:
            scores_of.setdefault(score.name, []).append(score)
    made = [
        Column(name, one.about, one.better, one.unit, one.statistic, _decimals(scores))
        for name, scores in scores_of.items()
        for one in scores[:1]
    ]
    return tuple(sorted(made, key=lambda column: column.about != "action"))


def cells(report: Report, columns: Sequence[Column]) -> tuple[tuple[Cell | None, ...], ...]:
    """One tuple for each row, one cell for each column, None where the row has no such score."""
    by_column = [_cells(report.rows, column) for column in columns]
    return tuple(zip(*by_column, strict=True)) if columns else ((),) * len(report.rows)


def marks_best(rows: Sequence[ReportRow]) -> bool:
    """Whether the best of each column is marked: a model alone is best of nothing."""
    return sum(row.kind == "model" for row in rows) > 1


def label(report: Report, row: ReportRow) -> str:
    """A row's name, and of how many samples its scores are where it lacks some."""
    count, total = len(row.edits), len(report.samples)
    return row.name if count == total else f"{row.name} ({count:,} of {total:,} samples)"


def by_action(report: Report, score: str) -> tuple[tuple[str | int, ...], ...]:
    """The mean of a per-sample score for each action, most frequent first: action, samples, a text per row."""
    keys: dict[str, set[str]] = {}
    for sample in report.samples:
        keys.setdefault(sample.action, set()).add(sample.key)
    order = sorted(keys, key=lambda action: (-len(keys[action]), action))
    return tuple(
        (action, len(keys[action]), *(_mean_text(row, keys[action], score) for row in report.rows))
        for action in order
    )


_TRUST_HEAD = "score", "about", "ρ over edits", "95 %", "edits", "ρ over rows", "95 %", "rows"
_SHARE_HEAD = "row", "score", "% of the real last frame's", "95 % interval", "samples"
Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]  # heading, head, body


def comparisons(report: Report) -> tuple[Table, ...]:
    """Human ratings, paired differences, and the scores of every part, each where the report has some."""
    column_of = {column.name: column for column in columns(report)}
    made: list[Table] = []
    if report.human_ratings:
        head = ("row", "question", "% yes", "95 % interval", "edits", "answers", "Fleiss' κ")
        raters = f"{report.raters} {'rater' if report.raters == 1 else 'raters'}"
        made.append((f"Human evaluation: {raters}", head, tuple(map(_rating, report.human_ratings))))
    if report.trust:
        lines = tuple(map(_trust, report.trust))
        made.append(("How far each score follows the raters: Spearman's ρ", _TRUST_HEAD, lines))
    if report.recognition:
        made.append(("Action accuracy against real last frames", _SHARE_HEAD, _shares(report.recognition)))
    if report.differences:
        head = ("model", "minus", "score", "difference", "95 % interval", "samples", "McNemar p")
        lines = tuple(_difference(item, column_of[item.score]) for item in report.differences)
        made.append(("Differences on the same samples", head, lines))
    for part in report.parts:
        body = tuple(
            (row, score.name, column_of[score.name].text(score.value), _range(score, column_of[score.name]))
            for row, scores in part.scores.items()
            for score in scores
        )
        heading = f"{part.name.capitalize()}: {part.count} {'sample' if part.count == 1 else 'samples'}"
        made.append((heading, ("row", "score", "value", "95 % interval"), body))
    return tuple(made)


def _rating(item: HumanRating) -> tuple[str, ...]:
    interval = "–" if item.low is None or item.high is None else f"{item.low:.1f} to {item.high:.1f}"
    kappa = "–" if item.kappa is None else f"{item.kappa:.2f}".replace("-", "−")
    counts = str(item.items), str(item.answers)
    return item.row, QUESTIONS[item.question], f"{item.value:.1f}", interval, *counts, kappa


def _trust(item: ScoreTrust) -> tuple[str, ...]:
    def cells(rho: float | None, low: float | None, high: float | None, count: int) -> tuple[str, str, str]:
        interval = "–" if low is None or high is None else f"{low:.2f} to {high:.2f}"
        text = "–" if rho is None else f"{rho:.2f}"
        return text.replace("-", "−"), interval.replace("-", "−"), str(count or "–")

    edits = cells(item.edits_rho, item.edits_low, item.edits_high, item.edits)
    rows = cells(item.rows_rho, item.rows_low, item.rows_high, item.rows)
    return item.score, {"action": "the action", "rest": "what should stay"}[item.about], *edits, *rows


def _shares(made: Recognition) -> tuple[tuple[str, ...], ...]:
    """One line for each row."""
    lines = []
    for share in made.shares:
        value = "–" if share.value is None else f"{share.value:.1f}"
        interval = "–" if share.low is None or share.high is None else f"{share.low:.1f} to {share.high:.1f}"
        lines.append((share.row, TOP_1.name, value, interval, str(share.count)))
    return tuple(lines)


def _difference(item: Difference, column: Column) -> tuple[str, ...]:
    p = "" if item.p is None else "< 0.001" if item.p < 0.001 else f"{item.p:.3f}"
    value = ("+" if item.value > 0 else "") + column.text(item.value)
    return item.row, item.other, item.score, value, _range(item, column), str(item.count), p


def _range(item: Score | Difference, column: Column) -> str:
    if item.low is None or item.high is None:
        return "–"
    return f"{column.text(item.low)} to {column.text(item.high)}"


def _mean_text(row: ReportRow, keys: set[str], score: str) -> str:
    values = [edit.values[score] for edit in row.edits if edit.key in keys and score in edit.values]
    return f"{sum(values) / len(values):.0f}" if values else "–"


def _decimals(scores: Sequence[Score]) -> int:
    """Three digits that count for the largest value, one decimal at least, four at most."""
    largest = max(abs(score.value) for score in scores)
    return 1 if largest >= 10 else min(4, 2 - math.floor(math.log10(largest))) if largest > 1e-9 else 1


def _cells(rows: Sequence[ReportRow], column: Column) -> list[Cell | None]:
    scores = [next((score for score in row.scores if score.name == column.name), None) for row in rows]
    competing = [score.value for row, score in zip(rows, scores, strict=True) if score and row.kind != "truth"]
    ends = [end for score in scores if score for end in (score.value, score.low, score.high) if end is not None]
    best = (max if column.better == "higher" else min)(competing) if competing and marks_best(rows) else math.nan
    return [
        None
        if score is None
        else _cell(
            score, column, least=min(ends), most=max(ends), is_best=row.kind != "truth" and score.value == best
        )
        for row, score in zip(rows, scores, strict=True)
    ]


def _cell(score: Score, column: Column, *, least: float, most: float, is_best: bool) -> Cell:
    def percent(value: float) -> float:
        return round(100 * (value - least) / (most - least), 1) if most > least else 50.0

    if score.low is None or score.high is None or score.low == score.high:
        at = percent(score.value)
        return Cell(column.text(score.value), "", is_best, at, 0.0, at)
    return Cell(
        text=column.text(score.value),
        range_text=f"{column.text(score.low)} to {column.text(score.high)}",
        is_best=is_best,
        from_percent=percent(score.low),
        wide_percent=round(percent(score.high) - percent(score.low), 1),
        at_percent=percent(score.value),
    )
