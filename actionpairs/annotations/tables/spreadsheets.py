"""Rows of an Excel workbook (.xlsx).

Excel stores a time as a share of a day and shows it by the cell's format; openpyxl gives it as a time or a time
difference. Both become clock times here, so `unit: clock` reads a sheet as it reads its CSV.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

from actionpairs.annotations.rows import Row, column_name, file_name
from actionpairs.annotations.times import clock_text
from actionpairs.errors import ActionpairsError, AnnotationError, MissingExtraError, one_line
from actionpairs.records import Rejection

_MOST_BYTES = 2 << 30  # of the unzipped workbook; a few kilobytes of zip can hold terabytes
_ZIP = b"PK\x03\x04"
_Cells = tuple[int, tuple[Any, ...]]  # the number of a row, and its cells


def is_spreadsheet(data: bytes) -> bool:
    """Whether these are the bytes of a workbook, in the form of Excel 2007 and later."""
    if not data.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return "xl/workbook.xml" in file.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False


def open_sheet(
    url: str, data: bytes, *, sheet: str | None, needs: Sequence[str], required: Sequence[str] = ()
) -> tuple[list[str], list[Row | Rejection]]:
    """The column names and rows of a sheet.

    sheet: its name, or None for the only one that has all the needed columns, or else all the required ones.

    Raises AnnotationError if the workbook is damaged, or if it is open which sheet is meant.
    """
    sheets = _load(url, data)
    if sheet is not None and sheet not in sheets:
        raise AnnotationError(
            f"{url}: no sheet {sheet!r}; it has: {_names(sheets)}.",
            cure="Correct `extract.annotations.sheet` in the recipe.",
        )
    candidates = [sheet] if sheet is not None else [name for name, rows in sheets.items() if rows]
    for columns in (needs, required or needs):
        if len(candidates) > 1:
            candidates = [name for name in candidates if set(columns) <= set(_header(sheets[name]))] or candidates
    if len(candidates) > 1:
        raise AnnotationError(
            f"{url}: which of its sheets, {_names(candidates)}?",
            cure="Name one under `extract.annotations` in the recipe: `sheet: NAME`.",
        )
    if not candidates:
        return [], []
    cells = sheets[candidates[0]]
    header = _header(cells)
    where = f"{file_name(url)}, {candidates[0]} row"
    rows: list[Row | Rejection] = [
        Row(f"{where} {number}", dict(zip(header, row, strict=False))) for number, row in cells[1:]
    ]
    return header, rows


def _load(url: str, data: bytes) -> dict[str, list[_Cells]]:
    """The rows of every sheet, by its name, with their numbers, without empty ones: Excel keeps formatted rows."""
    try:
        import openpyxl
    except ImportError:
        raise MissingExtraError.of("excel", needed_for=url) from None
    # openpyxl raises exceptions of many types for a damaged file.
    try:
        _check_size(url, data)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        return {
            sheet.title: [
                (number, tuple(map(clock_text, row)))
                for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)
                if any(cell not in (None, "") for cell in row)
            ]
            for sheet in book.worksheets
            if sheet.sheet_state == "visible"
        }
    except ActionpairsError:
        raise
    except Exception as error:
        raise AnnotationError(
            f"{url}: not a whole workbook: {one_line(error)}.", cure="Save it again, as .xlsx or as CSV UTF-8."
        ) from None


def _check_size(url: str, data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        if sum(entry.file_size for entry in file.infolist()) > _MOST_BYTES:
            raise AnnotationError(
                f"{url}: unzipped, it has more than {_MOST_BYTES >> 30} GiB.", cure="Check the file."
            )


def _header(rows: Sequence[_Cells]) -> list[str]:
    return ["" if cell is None else column_name(str(cell)) for cell in rows[0][1]] if rows else []


def _names(sheets: Any) -> str:
    return ", ".join(repr(name) for name in sheets)
