"""A leaderboard as one page, with its files for programs and papers, and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from actionpairs import templates
from actionpairs.evaluation.comparability import MODEL_INPUT, ScoredReport
from actionpairs.evaluation.leaderboard import Leaderboard
from actionpairs.evaluation.row_identity import LeaderboardRow
from actionpairs.report import terminal
from actionpairs.report.leaderboard_files import comparisons_csv, scores_csv, to_latex
from actionpairs.report.leaderboard_tables import (
    LEGEND,
    TEST_HEAD,
    MarkedCell,
    SplitTable,
    comparison_lines,
    split_tables,
)
from actionpairs.storage import Folder

FILES = ("index.html", "leaderboard.csv", "tests.csv", "leaderboard.tex")
_MODELS_HEAD = "row", "made by", "splits"
_REPORTS_HEAD = "report", "split", "rows", "scored with"


def write(folder: Folder, board: Leaderboard, reports: Sequence[ScoredReport]) -> None:
    """Write the four files; their bytes depend on the reports alone, not on where they lie."""
    texts = render(board, reports), scores_csv(board), comparisons_csv(board), to_latex(board)
    for name, text in zip(FILES, texts, strict=True):
        folder.write_bytes(name, text.encode())


def render(board: Leaderboard, reports: Sequence[ScoredReport]) -> str:
    """One HTML file that needs no other."""
    parts = split_tables(board)
    return templates.render(
        "compare.html",
        stats=_stats(board),
        legend=LEGEND,
        parts=parts,
        rows=[(row, [part.cells[number] for part in parts]) for number, row in enumerate(board.rows)],
        test_head=TEST_HEAD,
        tests=list(comparison_lines(board)),
        notes=board.notes,
        models_head=_MODELS_HEAD,
        models=[_model_line(board, row) for row in board.rows if row.kind == "model"],
        reports_head=_REPORTS_HEAD,
        reports=[_report_line(one) for one in reports],
    )


def print_tables(board: Leaderboard, console: Console | None = None) -> None:
    """Print a table for each split as `eval` does: a line per score, a column per row that stands in the split."""
    console = console or terminal.new_console()
    for part in split_tables(board):
        console.print(_table(board, part, with_ranges=terminal.has_room(console)))
    console.print(Text(LEGEND, style="dim"))
    console.print(Text(board.notes[0], style="dim"))


def _table(board: Leaderboard, part: SplitTable, *, with_ranges: bool) -> Table:
    table = terminal.new_table(part.heading)
    inside = {row.name for row in part.report.rows}
    standing = [number for number, row in enumerate(board.rows) if row.name in inside]
    for number in standing:
        table.add_column(Text(board.rows[number].name), justify="right", overflow="fold")
    for place, column in enumerate(part.columns):
        cells = (part.cells[number][place] for number in standing)
        table.add_row(column.heading, *(_text(cell, with_ranges=with_ranges) for cell in cells))
    return table


def _text(marked: MarkedCell | None, *, with_ranges: bool) -> Text:
    if marked is None:
        return terminal.cell_text(None, with_ranges=with_ranges)
    text = terminal.cell_text(marked.cell, with_ranges=with_ranges)
    return text.append(f" {marked.marks}", style="not bold") if marked.marks else text


def _stats(board: Leaderboard) -> list[tuple[str, str]]:
    models = sum(row.kind == "model" for row in board.rows)
    samples = sum(len(split.samples) for split in board.splits)
    tests = [test for test in board.tests if test.p is not None]
    apart = sum(test.tells_apart for test in tests)
    return [
        (f"{models:,}", "model" if models == 1 else "models"),
        (f"{len(board.splits):,}", "split" if len(board.splits) == 1 else "splits"),
        (f"{samples:,}", "sample" if samples == 1 else "samples"),
        (f"{apart:,} of {len(tests):,}", "tests tell two rows apart"),
    ]


def _model_line(board: Leaderboard, row: LeaderboardRow) -> tuple[str, str, str]:
    kind = "edits from a folder" if row.is_folder else "a model"
    splits = [split.split for split in board.splits if row.name in {one.name for one in split.rows}]
    return row.name, f"{kind}, digest {row.digest}" if row.digest else kind, ", ".join(splits)


def _report_line(one: ScoredReport) -> tuple[str, str, str, str]:
    names = [row.name for row in one.report.rows if row.kind == "model"]
    inputs = [
        f"{name} {digest[:16]}" for name, digest in sorted(one.inputs.items()) if not name.startswith(MODEL_INPUT)
    ]
    return one.digest, " · ".join(one.benchmark), ", ".join(names), ", ".join(inputs)
