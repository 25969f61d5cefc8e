"""A report's table for a paper, with booktabs."""

from __future__ import annotations

from actionpairs.evaluation.records import Report
from actionpairs.report import tables

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "−": "$-$",
        "Δ": r"$\Delta$",
        "\n": " ",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


def table(report: Report) -> str:
    """A tabular: a row per model, then the copy and the truth below a rule; the best in bold, intervals small."""
    columns = tables.columns(report)
    lines = [
        r"\begin{tabular}{l" + "r" * len(columns) + "}",
        r"\toprule",
        " & ".join(["", *(escape(column.heading) for column in columns)]) + r" \\",
        r"\midrule",
    ]
    for row, cells in zip(report.rows, tables.cells(report, columns), strict=True):
        if row.kind == "copy":
            lines.append(r"\midrule")
        lines.append(" & ".join([escape(tables.label(report, row)), *map(_cell, cells)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def escape(text: str) -> str:
    """A text that LaTeX takes for nothing but text."""
    return text.translate(_ESCAPES)


def _cell(cell: tables.Cell | None) -> str:
    if cell is None:
        return "--"
    value = escape(cell.text)
    value = rf"\textbf{{{value}}}" if cell.is_best else value
    return rf"{value} {{\scriptsize ({escape(cell.range_text)})}}" if cell.range_text else value
