"""Open a table, whatever kind of file it is in: the names of its columns, and its rows.

Delimited text, JSON in the forms that people and pandas write, Excel, Parquet, and Arrow as `datasets` saves it.
The content decides, not the suffix. A pickle is refused: to open one is to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from actionpairs.annotations.rows import Row, header_line, load_bytes, parse_rows
from actionpairs.annotations.separators import find_separator, split_excel_line
from actionpairs.annotations.tables import arrow_tables, json_tables, spreadsheets
from actionpairs.annotations.text_encodings import decode, gunzip, refuse_pickle
from actionpairs.formats import TableFormat
from actionpairs.records import Rejection


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table in a file.

    header_at: the place of the names. rows: reads the rows, with at least these columns if the table has them.
    decimal_comma: whether `1,5` is a number in it.
    """

    header_at: str
    names: Sequence[str]
    rows: Callable[[Sequence[str]], Iterator[Row | Rejection]]
    decimal_comma: bool = False


def open_table(
    url: str, table: TableFormat, *, needs: Sequence[str] = (), required: Sequence[str] = ()
) -> TableFile:
    """Open a file as a table; raises AnnotationError if it is none.

    needs: the columns that are wanted, which decide where a file can be read in several ways. required: those of
    them that must be there.
    """
    data = gunzip(url, load_bytes(url))
    refuse_pickle(url, data)
    if arrow_tables.is_arrow(data):
        names, read_rows = arrow_tables.open_arrow(url, data)
        return TableFile(url, names, read_rows)
    if spreadsheets.is_spreadsheet(data):
        names, rows = spreadsheets.open_sheet(url, data, sheet=table.sheet, needs=needs, required=required)
        return TableFile(url, names, lambda _: iter(rows))
    text = decode(url, data, encoding=table.encoding)
    if text.lstrip()[:1] in ("{", "["):
        names, rows = json_tables.open_json(url, text, needs=needs)
        return TableFile(url, names, lambda _: iter(rows))
    return _delimited(url, text, table, needs)


def _delimited(url: str, text: str, table: TableFormat, needs: Sequence[str]) -> TableFile:
    stated, body = split_excel_line(text)
    separator = table.separator or stated or find_separator(body, needs=needs)
    comma = table.decimal_comma
    line, names = header_line(text, delimiter=separator)
    return TableFile(
        f"{url}, line {line}",
        names,
        lambda columns: parse_rows(url, text, needs=columns, delimiter=separator),
        # A program that separates cells by semicolons does so because its decimals have commas.
        separator == ";" if comma is None else comma,
    )
