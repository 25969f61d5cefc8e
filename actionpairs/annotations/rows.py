"""What the formats share: rows of a delimited file, times in seconds, a segment or the reason why not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from actionpairs.errors import AnnotationError
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.storage import Folder

_CELL_LIMIT_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a delimited file: its cells by column name, and where it stands."""

    where: str
    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "").strip()


def read_text(url: str) -> str:
    """The text of an annotation file, UTF-8 with or without a mark; raises AnnotationError for anything else."""
    parent, _, name = url.rpartition("/")
    data = Folder(parent or ".").read_bytes(name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{url}: not UTF-8 text (byte {error.start}).", cure="Save the file as UTF-8."
        ) from None


def read_rows(url: str, text: str, *, needs: tuple[str, ...]) -> Iterator[Row]:
    """The rows of a CSV or TSV text with a header; raises AnnotationError where a needed column is missing."""
    csv.field_size_limit(_CELL_LIMIT_CHARACTERS)
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",")
    try:
        header = [name.strip() for name in next(lines, [])]
        missing = [column for column in needs if column not in header]
        if missing:
            raise AnnotationError(
                f"{url}: no column {missing[0]!r}; it has: {', '.join(header)[:200] or 'nothing'}.",
                cure="Name the file's columns under `extract.annotations` in the recipe, or give another file.",
            )
        for cells in lines:
            if any(cells):
                yield Row(url, lines.line_num, dict(zip(header, cells, strict=False)))
    except csv.Error as error:
        raise AnnotationError(
            f"{url}: line {lines.line_num}: {error}.", cure="Mend the line, or save the file as plain CSV."
        ) from None


def clock_seconds(text: str) -> float:
    """Read `HH:MM:SS.ss`, `MM:SS` or plain seconds; raises ValueError for anything else."""
    parts = text.strip().split(":")
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"not a time: {text!r}")
    try:
        seconds = Decimal(0)
        for part in parts:
            seconds = seconds * 60 + Decimal(part)
    except InvalidOperation:
        raise ValueError(f"not a time: {text!r}") from None
    return float(seconds)


def segment_or_rejection(
    row: Row, *, segment_id: str, video: str, start: str, stop: str, instruction: str, **names: str
) -> Segment | Rejection:
    """Make a segment of a row's texts, or say why that cannot be.

    names: verb, noun, action and group, as a Segment has them.
    """
    segment_id = segment_id or f"row-{row.number}"
    try:
        start_seconds, stop_seconds = clock_seconds(start), clock_seconds(stop)
        if 0 <= stop_seconds <= start_seconds:
            detail = f"{row.where}, line {row.number}: start {start}, stop {stop}"
            return Rejection(segment_id, video, "extract", Reason.STOP_NOT_AFTER_START, detail)
        return Segment(
            id=segment_id,
            video=video,
            start_seconds=start_seconds,
            stop_seconds=stop_seconds,
            instruction=" ".join(instruction.split()),
            **names,
        )
    except ValueError as error:
        detail = f"{row.where}, line {row.number}: {error}"
        return Rejection(segment_id, video, "extract", Reason.UNREADABLE_ROW, detail)
