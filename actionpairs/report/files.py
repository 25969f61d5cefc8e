"""A report as files: report.json for programs, report.md and report.tex to paste, index.html to look at."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict

from pydantic import ValidationError

from actionpairs import manifest
from actionpairs.errors import ScoreError
from actionpairs.evaluation.records import Report
from actionpairs.report import latex, report_page, schema, tables
from actionpairs.report.gallery import Exhibit
from actionpairs.storage import Folder

JSON_FILE = "report.json"
FILES = (JSON_FILE, "report.md", "report.tex", "index.html")


def write(folder: Folder, report: Report, exhibits: Sequence[Exhibit]) -> None:
    """Write the four files; their bytes depend on the report and the pictures alone."""
    texts = to_json(report), to_markdown(report), latex.table(report), report_page.of(report, exhibits)
    for name, text in zip(FILES, texts, strict=True):
        folder.write_bytes(name, text.encode())


def read(folder: Folder) -> Report:
    """Read report.json back; raises ScoreError where it is none."""
    if not folder.exists(JSON_FILE):
        raise ScoreError(
            f"{folder}: finished, but its {JSON_FILE} is gone.",
            cure=f"Remove its {manifest.MANIFEST_FILE} and run again: edits that are there are kept.",
        )
    try:
        return schema.REPORT.validate_json(folder.read_bytes(JSON_FILE), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ScoreError(
            f"{folder}/{JSON_FILE}: not a report: {'.'.join(map(str, first['loc']))}: {first['msg']}.",
            cure=f"Remove it and {manifest.MANIFEST_FILE}, and run again: edits that are there are kept.",
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


def _markdown_cell(cell: tables.Cell | None) -> str:
    if cell is None:
        return "–"
    value = f"**{cell.text}**" if cell.is_best else cell.text
    return f"{value} ({cell.range_text})" if cell.range_text else value


def _plain(text: str) -> str:
    """A text that no Markdown table or HTML can take for its own."""
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
