"""A report's table for the terminal: a line per score, a column per row of the report."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from actionpairs.evaluation import recognizer_accuracy
from actionpairs.evaluation.records import Report
from actionpairs.report import tables

_FIRST_TO_HIDE = 100  # columns of the terminal below which intervals are left out


def print_table(report: Report, console: Console | None = None) -> None:
    """Print every score with its interval. In a terminal the best is bold; `NO_COLOR` and pipes get plain text."""
    console = console or new_console()
    columns, with_ranges = tables.columns(report), has_room(console)
    table = new_table(_title(report))
    for row in report.rows:
        table.add_column(Text(tables.label(report, row)), justify="right", overflow="fold")
    by_row = tables.cells(report, columns)
    for number, column in enumerate(columns):
        table.add_row(column.heading, *(cell_text(cells[number], with_ranges=with_ranges) for cells in by_row))
    console.print(table)
    for line in recognizer_accuracy.sentences(report.recognition):
        console.print(Text(line, style="dim"))
    if report.first_to_read:
        console.print(Text(report.first_to_read, style="dim"))


def new_console() -> Console:
    """Where tables are printed."""
    return Console(width=_piped_width(), soft_wrap=False, highlight=False)


def has_room(console: Console) -> bool:
    """Whether intervals fit."""
    return console.width >= _FIRST_TO_HIDE


def new_table(title: str) -> Table:
    """A table with its first column, which names the score of each line."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("score", no_wrap=True)
    return table


def _title(report: Report) -> str:
    count = len(report.samples)
    return f"{report.dataset}, {report.split}: {count:,} {'sample' if count == 1 else 'samples'}"


def cell_text(cell: tables.Cell | None, *, with_ranges: bool) -> Text:
    """A score, with its interval where there is room; a dash where there is none."""
    if cell is None:
        return Text("–")
    text = Text(cell.text, style="bold" if cell.is_best else "")
    if with_ranges and cell.range_text:
        text.append(f" ({cell.range_text})", style="not bold dim")
    return text


def _piped_width() -> int | None:
    """Wide enough for every column where a pipe or a file reads along; a terminal states its own width."""
    return None if sys.stdout.isatty() else 400
