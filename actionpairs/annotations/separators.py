"""Which character separates the cells of a delimited text.

csv.Sniffer goes by the characters beside quotes and takes the comma in `['112', '112']` of a file with semicolons
(cpython issue 119123). Here every candidate splits the first rows, and the one that gives the columns that are
needed, then the most rows of one length, is taken.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

from actionpairs.annotations.times import quoted
from actionpairs.errors import AnnotationError

CANDIDATES = (",", ";", "\t", "|")
_EXCEL_LINE = re.compile(r"\ufeff?\"?sep=(.)\"?[ ,;]*(?:\r\n|\r|\n)", re.IGNORECASE)
_SAMPLE_CHARACTERS = 1 << 16
_SAMPLE_ROWS = 100
_CELL_LIMIT_CHARACTERS = 1 << 20


def split_excel_line(text: str) -> tuple[str | None, str]:
    """The separator that a first line such as `sep=;` states, as Excel reads it, and the text after that line."""
    match = _EXCEL_LINE.match(text)
    return (match[1], text[match.end() :]) if match else (None, text)


def find_separator(text: str, *, needs: Sequence[str] = (), cells: int | None = None) -> str:
    """The separator of a text; a comma if nothing speaks for another.

    needs: columns that must be in the header. cells: the number of cells in a row, for a text without a header.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    if len(sample) < len(text):  # without the row that is cut off
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    return max(CANDIDATES, key=lambda separator: _merit(sample, separator, needs, cells))


def csv_rows(text: str, separator: str, *, strict: bool = False) -> Any:
    """The csv module's reader of a text. Spaces before a quoted cell (`1, "cut, stir"`) do not belong to it.

    strict: whether a quote that is never closed, or that text follows, raises csv.Error.
    """
    csv.field_size_limit(_CELL_LIMIT_CHARACTERS)
    is_spaced = separator != " " and re.search(f'{re.escape(separator)} +"', text[:_SAMPLE_CHARACTERS]) is not None
    source = io.StringIO(text, newline="")
    return csv.reader(source, delimiter=separator, strict=strict, skipinitialspace=is_spaced)


def check_separator(url: str, separator: str) -> None:
    """Raise AnnotationError if the csv module cannot use it."""
    if separator in '"\r\n':
        raise AnnotationError(
            f"{url}: {quoted(separator)} cannot separate cells.", cure="Correct the first line, or remove it."
        )


def _merit(sample: str, separator: str, needs: Sequence[str], cells: int | None) -> tuple[int, bool, float, int]:
    """How well a separator fits: needed columns, several cells, share of rows of the header's length, cells."""
    lines = csv_rows(sample, separator)
    try:
        rows = [row for row in islice(lines, _SAMPLE_ROWS) if any(cell.strip() for cell in row)]
    except csv.Error:  # an endless cell, or a bare carriage return
        return 0, False, 0.0, 0
    if not rows:
        return 0, False, 0.0, 0
    header = [name.strip() for name in rows[0]]
    length = cells or len(header)
    share = sum(len(row) == length for row in rows) / len(rows)
    return sum(name in header for name in needs), length > 1 and share > 0, share, length
