"""A leaderboard for programs and papers: scores and tests as CSV, the table as LaTeX with booktabs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from actionpairs.evaluation import leaderboard
from actionpairs.evaluation.leaderboard import Leaderboard
from actionpairs.report import latex
from actionpairs.report.leaderboard_tables import AS_GOOD, COPY_WINS, MarkedCell, split_tables

_SCORES_HEAD = (
    *("dataset", "split", "row", "kind", "digest", "score", "unit", "better", "value", "low", "high", "count"),
    *("samples", "edits", "best", "as_good_as_best"),
)
_TESTS_HEAD = (
    *("dataset", "split", "row", "minus", "score", "difference", "low", "high", "count", "test", "p", "p_holm"),
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # spreadsheets run texts that begin with one of these
_MARKS = {AS_GOOD: r"$\approx$", COPY_WINS: r"$\blacktriangle$"}


def scores_csv(board: Leaderboard) -> str:
    """A line for each score of each row and split, with every digit."""
    lines = []
    digest_of = {row.name: row.digest for row in board.rows}
    for split in board.splits:
        names = dict.fromkeys(score.name for row in split.rows for score in row.scores)
        best = {name: leaderboard.best(split, name) for name in names}
        tied = {name: leaderboard.as_good_as_best(board, split, name) for name in names}
        for row in split.rows:
            for score in row.scores:
                names_of_it = row.name, row.kind, digest_of[row.name], score.name, score.unit, score.better
                numbers = score.value, score.low, score.high, score.count, len(split.samples), len(row.edits)
                flags = int(best[score.name] == row.name), int(row.name in tied[score.name])
                lines.append((split.dataset, split.split, *names_of_it, *numbers, *flags))
    return _csv(_SCORES_HEAD, lines)


def comparisons_csv(board: Leaderboard) -> str:
    """A line for each test; empty fields where there is no interval or no p."""
    return _csv(
        _TESTS_HEAD,
        (
            (
                *(test.dataset, test.split, test.difference.row, test.difference.other, test.difference.score),
                *(test.difference.value, test.difference.low, test.difference.high, test.difference.count),
                *(test.method, test.p, test.corrected_p),
            )
            for test in board.tests
        ),
    )


def to_latex(board: Leaderboard) -> str:
    """A tabular: a row per model, then the copy and the truth below a rule; a group of columns for each split."""
    parts = split_tables(board)
    groups, rules, start = [""], [], 2
    for part in parts:
        stop = start + len(part.columns) - 1
        groups.append(rf"\multicolumn{{{len(part.columns)}}}{{c}}{{{latex.escape(part.heading)}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{stop}}}")
        start = stop + 1
    headings = [latex.escape(column.heading) for part in parts for column in part.columns]
    lines = [
        r"\begin{tabular}{l" + "r" * len(headings) + "}",
        r"\toprule",
        " & ".join(groups) + r" \\",
        "".join(rules),
        " & ".join(["", *headings]) + r" \\",
        r"\midrule",
    ]
    for number, row in enumerate(board.rows):
        if row.kind == "copy":
            lines.append(r"\midrule")
        cells = [_latex_cell(cell) for part in parts for cell in part.cells[number]]
        lines.append(" & ".join([latex.escape(row.name), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_cell(cell: MarkedCell | None) -> str:
    if cell is None:
        return "--"
    value = latex.escape(cell.cell.text)
    value = rf"\textbf{{{value}}}" if cell.cell.is_best else value
    marks = cell.marks
    for mark, command in _MARKS.items():
        marks = marks.replace(mark, command)
    ends = rf"{{\scriptsize ({latex.escape(cell.cell.range_text)})}}" if cell.cell.range_text else ""
    return " ".join(filter(None, (value, marks, ends)))


def _csv(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_field(value) for value in line] for line in lines)
    return sink.getvalue()


def _field(value: object) -> object:
    """A text that a spreadsheet takes for nothing but text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
