"""A report as one page to look at: the tables, then a gallery that sorts and filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from actionpairs import templates
from actionpairs.evaluation.records import EditScores, Report, ReportRow, ReportSample
from actionpairs.evaluation.scorecard import TOP_1
from actionpairs.report import tables
from actionpairs.report.gallery import Exhibit, Thumbnails, thumbnails
from actionpairs.report.tables import Column

_ABOUT = {"action": "Is the action done?", "picture": "Does it look like the truth?"}


def of(report: Report, exhibits: Sequence[Exhibit]) -> str:
    """One HTML file with every picture in it."""
    shown = tables.columns(report)
    sortable = [
        (row, column)
        for row in report.rows
        if row.kind == "model"
        for column in shown
        if any(column.name in edit.values for edit in row.edits)
    ]
    edits_of = [(row, {edit.key: edit for edit in row.edits}) for row in report.rows]
    sample_of = {sample.key: sample for sample in report.samples}
    cases = [
        _case(sample_of[each.key], [(row, of[each.key]) for row, of in edits_of], shown, sortable, each)
        for each in thumbnails(exhibits)
    ]
    has_actions = any(score.name == TOP_1 for row in report.rows for score in row.scores)
    return templates.render(
        "report.html",
        report=report,
        stats=_stats(report),
        groups=[(_ABOUT[about], len(list(group))) for about, group in groupby(shown, lambda c: c.about)],
        columns=shown,
        rows=list(zip(report.rows, tables.cells(report, shown), strict=True)),
        actions=tables.by_action(report, TOP_1) if has_actions else (),
        comparisons=tables.comparisons(report),
        sort_labels=[f"{row.name} · {column.name}" for row, column in sortable],
        shown_actions=sorted({case.action for case in cases}),
        cases=cases,
    )


@dataclass(frozen=True, slots=True)
class _Figure:
    name: str
    picture: str
    motion: str
    recognized: str | None
    is_right: bool
    scores: str


@dataclass(frozen=True, slots=True)
class _Case:
    key: str
    instruction: str
    action: str
    figures: tuple[_Figure, ...]
    sort_values: tuple[float | None, ...]  # larger is better; None where a score does not apply


def _case(
    sample: ReportSample,
    rows: Sequence[tuple[ReportRow, EditScores]],
    shown: Sequence[Column],
    sortable: Sequence[tuple[ReportRow, Column]],
    pictures: Thumbnails,
) -> _Case:
    """rows: with what each did with this sample."""
    edits = {row.name: edit for row, edit in rows}
    picture_of = {"copy": pictures.original, "truth": pictures.truth}
    figures = [
        _Figure(
            "input" if row.kind == "copy" else row.name,
            picture_of.get(row.kind) or pictures.edits[row.name],
            pictures.edit_motion[row.name] if row.kind == "model" else pictures.true_motion,
            None if row.kind == "copy" else edit.recognized,
            edit.recognized == sample.action,
            "" if row.kind != "model" else _scores_text(edit, shown),
        )
        for row, edit in sorted(rows, key=lambda each: ("copy", "model", "truth").index(each[0].kind))
    ]
    values = tuple(_larger_is_better(edits[row.name], column) for row, column in sortable)
    return _Case(sample.key, sample.instruction, sample.action, tuple(figures), values)


def _larger_is_better(edit: EditScores, column: Column) -> float | None:
    value = edit.values.get(column.name)
    return value if value is None or column.better == "higher" else -value


def _scores_text(edit: EditScores, shown: Sequence[Column]) -> str:
    values = [(column, edit.values[column.name]) for column in shown if column.name in edit.values]
    return " · ".join(f"{column.name} {column.text(value)}" for column, value in values if column.unit != "%")


def _stats(report: Report) -> list[tuple[str, str]]:
    models = [row for row in report.rows if row.kind == "model"]
    stats = [
        (str(len(report.samples)), "samples"),
        (str(len({sample.action for sample in report.samples})), "actions"),
        (str(len(models)), "model" if len(models) == 1 else "models"),
    ]
    if models and models[0].scores:
        best, column = models[0].scores[0], tables.columns(report)[0]
        stats.append((f"{column.text(best.value)} {best.unit}".strip(), f"{best.name}, {models[0].name}"))
    return stats
