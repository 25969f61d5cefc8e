"""A table of one's own: CSV or TSV with a header, its columns named in the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from actionpairs.annotations.rows import Row, read_rows, read_text, segment_or_rejection
from actionpairs.configs import TableColumns
from actionpairs.records import Rejection, Segment


def read(
    urls: Sequence[str], *, columns: TableColumns, unit: Literal["seconds", "clock"]
) -> Iterator[Segment | Rejection]:
    """Read tables; a table without an id column gets ids made of video and times.

    unit: `seconds` takes numbers, `clock` also takes `HH:MM:SS.ss`.
    """
    needs = tuple(name for name in columns.model_dump().values() if name is not None)
    for url in urls:
        for row in read_rows(url, read_text(url), needs=needs):
            yield _segment(row, columns, unit)


def _segment(row: Row, columns: TableColumns, unit: str) -> Segment | Rejection:
    start, stop = row[columns.start], row[columns.stop]
    if unit == "seconds" and ":" in start + stop:
        start = f"{start} (a clock time, but the recipe says seconds)"
    verb = row[columns.verb] if columns.verb else ""
    noun = row[columns.noun] if columns.noun else ""
    instruction = row[columns.instruction]
    return segment_or_rejection(
        row,
        segment_id=row[columns.id] if columns.id else f"{row[columns.video]}_{start}_{stop}",
        video=row[columns.video],
        start=start,
        stop=stop,
        instruction=instruction,
        verb=verb,
        noun=noun,
        action=f"{verb} {noun}".strip() or instruction,
        group=row[columns.group] if columns.group else "",
    )
