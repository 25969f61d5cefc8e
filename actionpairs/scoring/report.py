"""A report as files: report.json for programs, report.md and report.tex to paste, index.html to look at."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from actionpairs import pages
from actionpairs.errors import ScoreError
from actionpairs.manifest import FileDigest
from actionpairs.records import Difference, EditScores, Report, ReportPart, ReportRow, ReportSample, Score
from actionpairs.scoring import latex, tables
from actionpairs.scoring.gallery import Exhibit, Thumbnails, thumbnails
from actionpairs.scoring.scorecard import TOP_1
from actionpairs.scoring.tables import Column
from actionpairs.storage import Folder

JSON_FILE, MARKDOWN_FILE, LATEX_FILE, PAGE_FILE = "report.json", "report.md", "report.tex", "index.html"
_ABOUT = {"action": "Is the action done?", "picture": "Does it look like the truth?"}


def write(folder: Folder, report: Report, exhibits: Sequence[Exhibit]) -> dict[str, FileDigest]:
    """Write the four files; their bytes depend on the report and the pictures alone."""
    files = {
        JSON_FILE: to_json(report),
        MARKDOWN_FILE: to_markdown(report),
        LATEX_FILE: latex.table(report),
        PAGE_FILE: to_page(report, exhibits),
    }
    for name, text in files.items():
        folder.write_bytes(name, text.encode())
    return {name: FileDigest.of(text.encode()) for name, text in files.items()}


def read(folder: Folder) -> Report:
    """Read report.json back; raises ScoreError where it is none."""
    try:
        data = json.loads(folder.read_bytes(JSON_FILE))
        return Report(
            dataset=data["dataset"],
            split=data["split"],
            samples=tuple(ReportSample(**sample) for sample in data["samples"]),
            rows=tuple(_row(row) for row in data["rows"]),
            differences=tuple(Difference(**difference) for difference in data["differences"]),
            parts=tuple(_part(part) for part in data["parts"]),
            notes=tuple(data["notes"]),
            recipe_digest=data["recipe_digest"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ScoreError(
            f"{folder}/{JSON_FILE}: not a report: {error}.", cure="Run `actionpairs eval` again."
        ) from None


def to_json(report: Report) -> str:
    """The whole report; sorted keys and no clock, so that the same results are the same bytes."""
    return json.dumps(asdict(report), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(report: Report) -> str:
    """The table and the notes."""
    shown = tables.columns(report)
    lines = [
        f"# {_plain(report.dataset)} · {_plain(report.split)} · {len(report.samples)} samples",
        "",
        f"| | {' | '.join(column.heading for column in shown)} |",
        f"|---|{'---:|' * len(shown)}",
    ]
    for row, cells in zip(report.rows, tables.cells(report, shown), strict=True):
        lines.append(f"| {_plain(row.name)} | {' | '.join(map(_markdown_cell, cells))} |")
    lines += ["", "Intervals of 95 % in brackets; the best is bold, the real last frame apart.", ""]
    for heading, head, body in tables.comparisons(report):
        lines += [f"## {heading}", "", f"| {' | '.join(map(_plain, head))} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(map(_plain, line))} |" for line in body] + [""]
    lines += [f"- {_plain(note)}" for note in report.notes]
    return "\n".join(lines) + "\n"


def to_page(report: Report, exhibits: Sequence[Exhibit]) -> str:
    """One HTML file with every picture in it."""
    shown = tables.columns(report)
    sortable = [
        (row, column)
        for row in report.rows
        if row.kind == "model"
        for column in shown
        if any(column.name in edit.values for edit in row.edits)
    ]
    cases = [_case(report, shown, sortable, pictures) for pictures in thumbnails(exhibits)]
    has_actions = any(score.name == TOP_1 for row in report.rows for score in row.scores)
    return pages.render(
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
    recognised: str | None
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
    report: Report, shown: Sequence[Column], sortable: Sequence[tuple[ReportRow, Column]], pictures: Thumbnails
) -> _Case:
    sample = next(sample for sample in report.samples if sample.key == pictures.key)
    edits = {row.name: _edit(row, sample.key) for row in report.rows}
    picture_of = {"copy": pictures.original, "truth": pictures.truth}
    figures = [
        _Figure(
            "input" if row.kind == "copy" else row.name,
            picture_of.get(row.kind) or pictures.edits[row.name],
            None if row.kind == "copy" else edits[row.name].recognised,
            edits[row.name].recognised == sample.action,
            "" if row.kind != "model" else _scores_text(edits[row.name], shown),
        )
        for row in sorted(report.rows, key=lambda row: ("copy", "model", "truth").index(row.kind))
    ]
    values = (edits[row.name].values.get(column.name) for row, column in sortable)
    return _Case(sample.key, sample.instruction, sample.action, tuple(figures), tuple(values))


def _edit(row: ReportRow, key: str) -> EditScores:
    return next(edit for edit in row.edits if edit.key == key)


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


def _markdown_cell(cell: tables.Cell | None) -> str:
    if cell is None:
        return "–"
    value = f"**{cell.text}**" if cell.is_best else cell.text
    return f"{value} ({cell.range_text})" if cell.range_text else value


def _plain(text: str) -> str:
    """A text that no Markdown table or HTML can take for its own."""
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")


def _part(data: dict[str, Any]) -> ReportPart:
    scores = {row: tuple(Score(**score) for score in found) for row, found in data["scores"].items()}
    return ReportPart(data["name"], data["count"], scores)


def _row(data: dict[str, object]) -> ReportRow:
    scores = tuple(Score(**score) for score in data["scores"])  # type: ignore[attr-defined]
    edits = tuple(EditScores(**edit) for edit in data["edits"])  # type: ignore[attr-defined]
    return ReportRow(str(data["name"]), str(data["kind"]), scores, edits)
