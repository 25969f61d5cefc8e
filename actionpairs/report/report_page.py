"""A report as one page: the tables, then a gallery that sorts and filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from actionpairs import templates
from actionpairs.evaluation import recognizer_accuracy
from actionpairs.evaluation.records import EditScores, Report, ReportRow, ReportSample
from actionpairs.metrics.action_accuracy import TOP_1
from actionpairs.metrics.intervals import SHARE
from actionpairs.report import tables
from actionpairs.report.gallery import GallerySample, Thumbnails, thumbnails
from actionpairs.report.tables import Column

_ABOUT = {"action": "Is the action done?", "picture": "Does the picture look right?"}


def render(report: Report, samples: Sequence[GallerySample]) -> str:
    """One HTML file with every picture in it."""
    columns = tables.columns(report)
    sortable = [
        (row, column)
        for row in report.rows
        if row.kind == "model"
        for column in columns
        if any(column.name in edit.values for edit in row.edits)
    ]
    edits_of = [(row, {edit.key: edit for edit in row.edits}) for row in report.rows]
    sample_of = {sample.key: sample for sample in report.samples}
    cases = [
        _case(sample_of[each.key], [(row, of[each.key]) for row, of in edits_of], columns, sortable, each)
        for each in thumbnails(samples)
    ]
    has_actions = any(column.name == TOP_1.name for column in columns)
    return templates.render(
        "report.html",
        report=report,
        label=partial(tables.label, report),
        stats=_stats(report),
        groups=[(_ABOUT[about], len(list(group))) for about, group in groupby(columns, lambda c: c.about)],
        columns=columns,
        marks_best=tables.marks_best(report.rows),
        rows=list(zip(report.rows, tables.cells(report, columns), strict=True)),
        actions=tables.by_action(report, TOP_1.name) if has_actions else (),
        accuracy_texts=list(recognizer_accuracy.sentences(report.recognition)),
        comparisons=tables.comparisons(report),
        sort_labels=[f"{row.name} · {column.name}" for row, column in sortable],
        case_actions=sorted({case.action for case in cases}),
        cases=cases,
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """What a metric says of an edit in words. mark: "good" or "bad" for a hit or a miss, else empty."""

    text: str
    mark: str


@dataclass(frozen=True, slots=True)
class _Figure:
    name: str
    picture: str
    motion: str
    texts: tuple[_Text, ...]
    scores: str


@dataclass(frozen=True, slots=True)
class _Case:
    key: str
    instruction: str
    action: str
    pictures: Thumbnails
    figures: tuple[_Figure, ...]
    sort_values: tuple[float | None, ...]  # larger is better; None where a score does not apply


def _case(
    sample: ReportSample,
    rows: Sequence[tuple[ReportRow, EditScores]],
    columns: Sequence[Column],
    sortable: Sequence[tuple[ReportRow, Column]],
    pictures: Thumbnails,
) -> _Case:
    """rows: each with its scores of this sample."""
    edits = {row.name: edit for row, edit in rows}
    picture_of = {"copy": pictures.original, "truth": pictures.truth}
    figures = [
        _Figure(
            "input" if row.kind == "copy" else row.name,
            picture_of.get(row.kind) or pictures.edits[row.name],
            pictures.edit_motion[row.name] if row.kind == "model" else pictures.true_motion,
            () if row.kind == "copy" else _texts(row, edit),
            _scores_text(edit.values, columns) if row.kind == "model" else "",
        )
        for row, edit in sorted(rows, key=lambda each: ("copy", "model", "truth").index(each[0].kind))
    ]
    values = tuple(_larger_is_better(edits[row.name], column) for row, column in sortable)
    return _Case(sample.key, sample.instruction, sample.action, pictures, tuple(figures), values)


def _texts(row: ReportRow, edit: EditScores) -> tuple[_Text, ...]:
    hits = {score.name for score in row.scores if score.statistic == SHARE.name}
    marks = {name: "good" if edit.values.get(name, 0) > 0 else "bad" for name in hits}
    return tuple(_Text(text, marks.get(name, "")) for name, text in edit.texts.items())


def _larger_is_better(edit: EditScores, column: Column) -> float | None:
    value = edit.values.get(column.name)
    return value if value is None or column.better == "higher" else -value


def _scores_text(values: Mapping[str, float], columns: Sequence[Column]) -> str:
    inside = [(column, values[column.name]) for column in columns if column.name in values]
    return " · ".join(
        f"{column.name} {column.text(value)}" for column, value in inside if column.statistic != SHARE.name
    )


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
