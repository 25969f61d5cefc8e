"""Load text files, and parse delimited text into rows; a malformed row becomes a Rejection."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actionpairs.annotations.clips import Clip, malformed
from actionpairs.annotations.file_signs import looks_like, name_format
from actionpairs.annotations.separators import (
    check_separator,
    csv_rows,
    find_separator,
    split_excel_line,
)
from actionpairs.annotations.text_encodings import decode
from actionpairs.errors import AnnotationError, without_secrets
from actionpairs.records import Rejection
from actionpairs.storage import located

_LINE_END = re.compile(r"\r\n|\r|\n")
_HEADER_CHARACTERS = 1 << 20  # of which none can be over the csv module's limit


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


def load_text(url: str, *, encoding: str | None = None) -> str:
    """The text of an annotation file, which may be zipped with gzip; raises AnnotationError if it is no text.

    encoding: what the recipe states; without it, the file is UTF-8, or has a byte order mark.
    """
    return decode(url, load_bytes(url), encoding=encoding)


def column_names(text: str, *, delimiter: str | None = None) -> list[str]:
    """The column names in the first line of a delimited text that is not empty."""
    return header_line(text, delimiter=delimiter)[1]


def header_line(text: str, *, delimiter: str | None = None) -> tuple[int, list[str]]:
    """The number of the first line that is not empty, which is that of the column names, and the names."""
    stated, text = split_excel_line(text)
    lines = csv_rows(text[: _HEADER_CHARACTERS - 1], delimiter or stated or find_separator(text))
    names = _names(next(filter(_is_filled, lines), []))
    return (lines.line_num if names else 1) + int(stated is not None), names


def parse_rows(
    url: str, text: str, *, needs: Sequence[str], header: Sequence[str] | None = None, delimiter: str | None = None
) -> Iterator[Row | Rejection]:
    """The rows of a delimited text; one with another number of cells than the header can become a Rejection.

    It does not if what is missing are empty cells at its end, as Excel leaves them out, that are not needed, or if
    what there is too much of is empty. Empty rows are left out.
    header: the column names of a text without a header line. Without a delimiter, the one that fits is found.
    Raises AnnotationError if a needed column is missing or occurs twice, and if a quote is not closed: then all
    later rows are uncertain.
    """
    stated, text = split_excel_line(text)
    delimiter = delimiter or stated or find_separator(text, needs=needs, cells=len(header) if header else None)
    check_separator(url, delimiter)
    lines = csv_rows(text, delimiter, strict=True)
    file, skipped = file_name(url), int(stated is not None)
    try:
        names = _names(next(filter(_is_filled, lines), []) if header is None else header)
        check_columns(f"{url}, line {max(lines.line_num, 1) + skipped}", names, needs)
        open_line = _open_line(text)
        needed = 1 + max((names.index(name) for name in needs), default=-1)
        for cells in filter(_is_filled, lines):
            where = f"{file}, line {lines.line_num + skipped}"
            is_cut = len(cells) < len(names) and lines.line_num == open_line
            if needed <= len(cells) and not is_cut and not _is_filled(cells[len(names) :]):
                yield Row(where, dict(zip(names, cells, strict=False)))
            else:
                yield malformed(where, f"{len(cells)} cells instead of {len(names)}")
    except csv.Error as error:
        raise AnnotationError(
            f"{url}, line {lines.line_num + skipped}: {error}.",
            cure="Mend the line, or save the file as plain CSV.",
        ) from None


def _names(cells: Sequence[str]) -> list[str]:
    return [column_name(name) for name in cells]


def column_name(cell: str) -> str:
    """A column's name as its cell states it; a line break in the cell counts as a space."""
    return _LINE_END.sub(" ", cell.strip().lstrip("\ufeff"))


def _open_line(text: str) -> int:
    """The number of the last line if nothing ends it, so that it may be cut off; else 0."""
    return 0 if text.endswith(("\n", "\r")) else 1 + len(_LINE_END.findall(text))


def _is_filled(cells: Sequence[str]) -> bool:
    return any(cell.strip() for cell in cells)


def name_list(names: Sequence[str]) -> str:
    """The columns of a file, for an error about them."""
    return ", ".join(name if name.isprintable() else ascii(name) for name in names)[:300] or "nothing"


def check_columns(where: str, names: Sequence[str], needs: Sequence[str], *, cure: str = "") -> None:
    """Raise one AnnotationError for a file in which needed columns are missing or occur twice.

    cure: what to do about it, if the caller knows more than that the recipe and the file do not fit.
    """
    missing = [column for column in needs if column not in names]
    twice = [column for column in needs if names.count(column) > 1]
    if not missing and not twice:
        return
    what = "no column" if missing else "two columns"
    columns = ", ".join(repr(column) for column in missing or twice)
    raise AnnotationError(
        f"{where}: {what} {columns}; it has: {name_list(names)}{looks_like(name_format(names))}.",
        cure=cure or "Check `extract.annotations` in the recipe (format, columns), or give another file.",
    )
