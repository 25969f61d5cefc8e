"""Load text files, and parse delimited text into rows; a malformed row becomes a Rejection."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actionpairs.annotations.clips import Clip, malformed
from actionpairs.errors import AnnotationError, without_secrets
from actionpairs.records import Rejection
from actionpairs.storage import located

_CELL_LIMIT_CHARACTERS = 1 << 20
_MARKS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip file",
    b"\x80": "a pickle",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row or entry of a file: its cells by column name, and its location."""

    where: str
    cells: Mapping[str, object]

    def __getitem__(self, name: str) -> object:
        return self.cells.get(name)


def map_rows(
    rows: Iterable[Row | Rejection], make: Callable[[Row], Clip | Rejection]
) -> Iterator[Clip | Rejection]:
    """Apply `make` to every row; rejections pass through."""
    for row in rows:
        yield row if isinstance(row, Rejection) else make(row)


def file_name(url: str) -> str:
    """The last part of a path or URL; rows and rejections use it, so that they do not depend on the folder."""
    return without_secrets(url).rpartition("/")[2]


def load_bytes(url: str) -> bytes:
    """The bytes of an annotation file."""
    folder, name = located(url)
    return folder.read_bytes(name)


def load_text(url: str) -> str:
    """The text of an annotation file in UTF-8, with or without a BOM; else raises AnnotationError."""
    data = load_bytes(url)
    for mark, kind in _MARKS.items():
        if data.startswith(mark):
            raise AnnotationError(f"{url}: this is {kind}, not UTF-8 text.", cure="Give it as plain UTF-8 text.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{url}: not UTF-8 text (byte {error.start}).", cure="Save the file as UTF-8."
        ) from None


def column_names(text: str) -> list[str]:
    """The column names in the first line of a delimited text."""
    return [name.strip().strip('"') for name in text.partition("\n")[0].split(_delimiter(text))]


def parse_rows(
    url: str, text: str, *, needs: Sequence[str], header: Sequence[str] | None = None, delimiter: str | None = None
) -> Iterator[Row | Rejection]:
    """The rows of a delimited text; a row with more or fewer cells than the header becomes a Rejection.

    header: the column names of a text without a header line. Raises AnnotationError if a needed column is missing
    or occurs twice, and if a quote is not closed: then all later rows are uncertain.
    """
    csv.field_size_limit(_CELL_LIMIT_CHARACTERS)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text), strict=True)
    try:
        names = [name.strip() for name in (next(lines, []) if header is None else header)]
        _check_header(url, names, needs)
        for cells in lines:
            where = f"{file_name(url)}, line {lines.line_num}"
            if len(cells) == len(names):
                yield Row(where, dict(zip(names, cells, strict=True)))
            elif any(cell.strip() for cell in cells):
                yield malformed(where, f"{len(cells)} cells instead of {len(names)}")
    except csv.Error as error:
        raise AnnotationError(
            f"{url}, line {lines.line_num}: {error}.", cure="Mend the line, or save the file as plain CSV."
        ) from None


def _delimiter(text: str) -> str:
    return "\t" if "\t" in text.partition("\n")[0] else ","


def _check_header(url: str, names: Sequence[str], needs: Sequence[str]) -> None:
    for column in needs:
        if names.count(column) != 1:
            what = "two columns" if column in names else "no column"
            raise AnnotationError(
                f"{url}, line 1: {what} {column!r}; it has: {', '.join(names)[:200] or 'nothing'}.",
                cure="Check `extract.annotations` in the recipe (format, columns), or give another file.",
            )
