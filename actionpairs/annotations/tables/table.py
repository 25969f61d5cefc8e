"""Your own table: text with a header, JSON, Excel, Parquet or Arrow; the recipe names its columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice

from actionpairs.annotations.clips import Clip
from actionpairs.annotations.file_signs import name_format
from actionpairs.annotations.rows import Row, check_columns, file_name, load_bytes, map_rows, name_list
from actionpairs.annotations.tables import absent_columns, column_guess
from actionpairs.annotations.tables.table_files import TableFile, open_table
from actionpairs.annotations.times import Times
from actionpairs.errors import AnnotationError
from actionpairs.formats import TableColumns, TableFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_SAMPLE_ROWS = 200
# What lies beside the tables in a folder of the Hub, or in one that `save_to_disk` wrote.
_BESIDE_TABLES = {"README.md", ".gitattributes", "state.json", "dataset_info.json", "dataset_dict.json"}


def read(urls: Sequence[str], table: TableFormat) -> Iterator[Clip | Rejection]:
    """Read tables of stated columns and unit; without an id column, ids are made from video, times and texts."""
    assert table.unit != "guess"
    for url in _tables(urls):
        opened, columns = _opened(url, table)
        times = Times(
            table.unit,
            parse_rate(table.rate or 1),
            table.first_frame if table.unit == "frames" else 0,
            table.end_included,
            opened.decimal_comma,
        )
        yield from _clips(opened.rows(_names(columns)), columns, times)


def absent_notes(urls: Sequence[str], table: TableFormat) -> tuple[str, ...]:
    """What is used instead of optional columns that tables lack: a note per kind of table."""
    files: dict[str, list[str]] = {}
    for url in _tables(urls):
        absent = absent_columns.describe_absent(table, _opened(url, table)[0].names)
        files.setdefault(absent, []).append(file_name(url))
    return tuple(
        f"{first}{f' and {len(others):,} more' if others else ''}: {absent}"
        for absent, (first, *others) in files.items()
        if absent
    )


def with_columns(urls: Sequence[str], table: TableFormat) -> TableFormat:
    """The table with columns and unit instead of guesses; raises AnnotationError if files differ in them."""
    if table.columns != "guess":
        return table
    guesses = {
        url: _guess(url, open_table(url, table, needs=column_guess.EVERY_NAME), table) for url in _tables(urls)
    }
    first = next(iter(guesses), None)
    for url, one in guesses.items():
        if first is not None and one != guesses[first]:
            raise AnnotationError(
                f"{url}: its columns or times are not those of {file_name(first)}.",
                cure="Extract the two with a recipe each, which states `columns` and `unit`.",
            )
    if first is None:
        raise AnnotationError("there is no table among the annotation files.", cure="Check --annotations.")
    return guesses[first]


def _opened(url: str, table: TableFormat) -> tuple[TableFile, TableColumns]:
    """A table, and the recipe's columns that it has; raises AnnotationError if it lacks one that is required."""
    assert isinstance(table.columns, TableColumns)
    opened = open_table(url, table, needs=_names(table.columns), required=absent_columns.required(table))
    columns = absent_columns.present(table, opened.names)
    _check(url, opened, _names(columns), table)
    return opened, columns


def _names(columns: TableColumns) -> list[str]:
    return [name for name in columns.model_dump().values() if name is not None]


def _clips(rows: Iterator[Row | Rejection], columns: TableColumns, times: Times) -> Iterator[Clip | Rejection]:
    return map_rows(rows, lambda row: _clip(row, columns, times))


def _clip(row: Row, columns: TableColumns, times: Times) -> Clip:
    narration, verb, noun, group = (
        row[name] if name else "" for name in (columns.instruction, columns.verb, columns.noun, columns.group)
    )
    words = " ".join(word.strip() for word in (verb, noun) if isinstance(word, str))
    has_verb = (
        not isinstance(verb, str) or verb.strip()
    )  # without one, a noun alone would name every action with it
    return Clip(
        where=row.where,
        id=row[columns.id] if columns.id else None,
        video=row[columns.video],
        start=row[columns.start],
        stop=row[columns.stop],
        times=times,
        group=group,
        verb=verb,
        noun=noun,
        label=(words.strip() if has_verb else narration) or narration or words.strip(),
        narration=narration,
    )


def _tables(urls: Sequence[str]) -> list[str]:
    """The files that are tables: of a saved data set those that it lists, without what describes it."""
    if not any(url.endswith((".parquet", ".arrow")) for url in urls):
        return list(urls)
    listed = {url.rpartition("/")[0]: _data_files(url) for url in urls if file_name(url) == "state.json"}
    return [
        url
        for url in urls
        if file_name(url) not in _BESIDE_TABLES
        # `map` leaves its results beside the data as cache-….arrow.
        and (not listed.get(url.rpartition("/")[0]) or file_name(url) in listed[url.rpartition("/")[0]])
    ]


def _data_files(url: str) -> set[str]:
    """The files that a saved data set's state.json lists; none if it is not of that form."""
    try:
        return {str(file["filename"]) for file in json.loads(load_bytes(url))["_data_files"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _guess(url: str, opened: TableFile, table: TableFormat) -> TableFormat:
    wanted = column_guess.candidates(opened.names)
    check_columns(opened.header_at, opened.names, wanted)
    rows = list(islice(opened.rows(wanted), _SAMPLE_ROWS))
    readable = [row for row in rows if isinstance(row, Row)]
    if not readable:
        problem = next(
            (f"no row can be read: {row.detail}" for row in rows if isinstance(row, Rejection)), "no row in it"
        )
        raise AnnotationError(
            f"{url}: {problem}; the columns are: {name_list(opened.names)}.",
            cure="Give a table with one line of column names and below it a row per action.",
        )
    return column_guess.guess(url, opened.names, readable, table)


def _check(url: str, opened: TableFile, needs: Sequence[str], table: TableFormat) -> None:
    """Raise one AnnotationError if columns are missing, with the lines for the recipe that would fit the file."""
    if all(opened.names.count(name) == 1 for name in needs):
        return
    if name_format(opened.names):
        check_columns(opened.header_at, opened.names, needs)
    try:
        open_again = table.model_copy(update={"columns": "guess", "unit": "guess"})
        lines = column_guess.recipe_lines(_guess(url, opened, open_again))
        cure = f"Name the file's columns in the recipe. They could be:\n{lines}"
    except AnnotationError as error:
        cure = f"Name the file's columns in the recipe: the recipe table-guess {error.message.partition(': ')[2]}"
    cure = f"{absent_columns.describe_needs(table)} {cure}"
    check_columns(opened.header_at, opened.names, needs, cure=cure)
