"""A report as files: report.json and scores.parquet for programs, report.md and report.tex to paste, a page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from actionpairs import manifest
from actionpairs.errors import ScoreError
from actionpairs.evaluation.records import Report
from actionpairs.report import latex, report_page, schema, tables
from actionpairs.report.gallery import GallerySample
from actionpairs.storage import Folder

JSON_FILE, SCORES_FILE = "report.json", "scores.parquet"
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)|^>")  # a tag, an entity, a quotation
FILES = (JSON_FILE, SCORES_FILE, "report.md", "report.tex", "index.html")


def write(folder: Folder, report: Report, samples: Sequence[GallerySample]) -> None:
    """Write the five files; their bytes depend on the report and the pictures alone."""
    texts = {
        JSON_FILE: to_json(report),
        "report.md": to_markdown(report),
        "report.tex": latex.table(report),
        "index.html": report_page.render(report, samples),
    }
    for name, text in texts.items():
        folder.write_bytes(name, text.encode())
    with folder.create(SCORES_FILE) as file:
        pq.write_table(to_table(report), file)


def load(folder: Folder) -> Report:
    """Read report.json back; raises ScoreError where it is missing or not a report."""
    if not folder.exists(JSON_FILE):
        raise ScoreError(
            f"{folder}: finished, but its {JSON_FILE} is gone.",
            cure=f"Remove its {manifest.MANIFEST_FILE} and run again: predictions that are there are kept.",
        )
    try:
        return schema.REPORT.validate_json(folder.read_bytes(JSON_FILE), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ScoreError(
            f"{folder}/{JSON_FILE}: not a report: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            cure=f"Remove it and {manifest.MANIFEST_FILE}, and run again: predictions that are there are kept.",
        ) from None


def to_json(report: Report) -> str:
    """The whole report; sorted keys and no clock, so that the same results are the same bytes."""
    return json.dumps(asdict(report), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def to_table(report: Report) -> pa.Table:
    """The per-sample scores: a line for each row of the report and each sample.

    Columns: `key` and `row` (strings); each per-sample score by its name (float64, null where it does not apply);
    for scores that come with a text, `NAME text` (string).
    """
    lines = [(row.name, edit) for row in report.rows for edit in row.edits]
    scored = {name for _, edit in lines for name in edit.values}
    worded = {name for _, edit in lines for name in edit.texts}
    names = [column.name for column in tables.columns(report)]
    columns = {
        "key": pa.array([edit.key for _, edit in lines], pa.string()),
        "row": pa.array([row for row, _ in lines], pa.string()),
    }
    for name in (name for name in names if name in scored):
        columns[name] = pa.array([edit.values.get(name) for _, edit in lines], pa.float64())
    for name in (name for name in names if name in worded):
        columns[f"{name} text"] = pa.array([edit.texts.get(name) for _, edit in lines], pa.string())
    return pa.table(columns)


def to_markdown(report: Report) -> str:
    """The table and the notes."""
    columns = tables.columns(report)
    lines = [
        f"# {_plain(report.dataset)} · {_plain(report.split)} · {len(report.samples)} samples",
        "",
        *((_plain(report.first_to_read), "") if report.first_to_read else ()),
        f"| | {' | '.join(column.heading for column in columns)} |",
        f"|---|{'---:|' * len(columns)}",
    ]
    for row, cells in zip(report.rows, tables.cells(report, columns), strict=True):
        lines.append(f"| {_plain(tables.label(report, row))} | {' | '.join(map(_markdown_cell, cells))} |")
    best = "; the best is bold, the real last frame apart" if tables.marks_best(report.rows) else ""
    lines += ["", f"Intervals of 95 % in brackets{best}.", ""]
    for heading, head, body in tables.comparisons(report):
        lines += [f"## {heading}", "", f"| {' | '.join(map(_plain, head))} |", f"|{'---|' * len(head)}"]
        lines += [f"| {' | '.join(map(_plain, line))} |" for line in body] + [""]
    lines += [f"- {_plain(note)}" for note in report.notes]
    return "\n".join(lines) + "\n"


def _markdown_cell(cell: tables.Cell | None) -> str:
    if cell is None:
        return "–"
    value = f"**{cell.text}**" if cell.is_best else cell.text
    return f"{value} ({cell.range_text})" if cell.range_text else value


def _plain(text: str) -> str:
    """A text that no Markdown table or HTML can take for its own; `< 30` stays readable."""
    return _MARKUP.sub(lambda match: html.escape(match[0]), text).replace("|", "\\|").replace("\n", " ")
