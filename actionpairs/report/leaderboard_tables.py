"""A leaderboard's numbers as columns and cells, ready for a page, a paper or a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from actionpairs.evaluation import leaderboard
from actionpairs.evaluation.leaderboard import Leaderboard
from actionpairs.evaluation.records import Difference, Report
from actionpairs.evaluation.significance import PairedTest
from actionpairs.report import tables
from actionpairs.report.tables import Cell, Column

AS_GOOD, COPY_WINS = "≈", "▲"
LEGEND = (
    f"Bold: the best model. {AS_GOOD}: no test tells it apart from the best. {COPY_WINS}: a copy of the input "
    "beats every model, so the score does not see whether the action is done."
)
TEST_HEAD = (
    *("split", "row", "minus", "score", "difference", "95 % interval"),
    *("samples", "test", "p", "p (Holm)", "apart"),
)


@dataclass(frozen=True, slots=True)
class MarkedCell:
    """A score as text. marks: AS_GOOD or COPY_WINS, and of how many samples it is where the row lacks some."""

    cell: Cell
    marks: str

    @property
    def text(self) -> str:
        """The value with its marks."""
        return f"{self.cell.text} {self.marks}".rstrip()


@dataclass(frozen=True, slots=True)
class SplitTable:
    """The columns of one split. cells: a tuple for each row of the leaderboard, None where it lacks the score."""

    heading: str
    report: Report
    columns: tuple[Column, ...]
    cells: tuple[tuple[MarkedCell | None, ...], ...]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """What neighboring columns are about, and how many they are."""
        abouts = [column.about for column in self.columns]
        return [(about, abouts.count(about)) for about in dict.fromkeys(abouts)]


def split_tables(board: Leaderboard) -> tuple[SplitTable, ...]:
    """One table for each split, all with the leaderboard's rows."""
    return tuple(_table(board, split) for split in board.splits)


def comparison_lines(board: Leaderboard) -> Iterator[tuple[str, ...]]:
    """Every test as texts, in the columns of TEST_HEAD."""
    several = len({split.dataset for split in board.splits}) > 1
    for split in board.splits:
        column_of = {column.name: column for column in tables.columns(split)}
        for test in board.tests:
            if (test.dataset, test.split) == (split.dataset, split.split):
                where = f"{test.dataset} · {test.split}" if several else test.split
                yield (where, *_test_texts(test, column_of[test.difference.score]))


def _table(board: Leaderboard, split: Report) -> SplitTable:
    columns = tables.columns(split)
    samples = len(split.samples)
    heading = f"{split.dataset} · {split.split}: {samples:,} {'sample' if samples == 1 else 'samples'}"
    cells_of = dict(zip((row.name for row in split.rows), _marked(board, split, columns), strict=True))
    empty = (None,) * len(columns)
    return SplitTable(heading, split, columns, tuple(cells_of.get(row.name, empty) for row in board.rows))


def _marked(
    board: Leaderboard, split: Report, columns: Sequence[Column]
) -> Iterator[tuple[MarkedCell | None, ...]]:
    """The cells of every row of a split. Only models compete for the best."""
    names = [column.name for column in columns]
    best = [leaderboard.best(split, name) for name in names]
    tied = [leaderboard.as_good_as_best(board, split, name) for name in names]
    beaten = [leaderboard.is_beaten_by_copy(split, name) for name in names]
    for row, cells in zip(split.rows, tables.cells(split, columns), strict=True):
        short = f"({len(row.edits):,} of {len(split.samples):,})" if len(row.edits) < len(split.samples) else ""
        made: list[MarkedCell | None] = []
        for number, cell in enumerate(cells):
            if cell is None:
                made.append(None)
                continue
            mark = AS_GOOD if row.name in tied[number] else ""
            mark = COPY_WINS if row.kind == "copy" and beaten[number] else mark
            made.append(MarkedCell(replace(cell, is_best=row.name == best[number]), f"{mark} {short}".strip()))
        yield tuple(made)


def _test_texts(test: PairedTest, column: Column) -> tuple[str, ...]:
    item = test.difference
    value = ("+" if item.value > 0 else "") + column.text(item.value)
    counts = f"{item.count:,}", test.method
    apart = "yes" if test.tells_apart else "no" if test.p is not None else "–"
    texts = item.row, item.other, item.score, value, _range_text(item, column)
    return (*texts, *counts, p_text(test.p), p_text(test.corrected_p), apart)


def _range_text(item: Difference, column: Column) -> str:
    return "–" if item.low is None or item.high is None else f"{column.text(item.low)} to {column.text(item.high)}"


def p_text(p: float | None) -> str:
    """A p to three decimals."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
