"""Annotation files in, segments out: one format per file, read by one function each.

Every row of a file becomes a Segment or a Rejection. A format converts frames and clock times to seconds
once, here; nothing after this room knows what a row looked like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations import epic, table
from actionpairs.configs import AnnotationFormat, TableFormat
from actionpairs.records import Reason, Rejection, Segment

__all__ = ["read"]


def read(urls: Sequence[str], annotations: AnnotationFormat) -> Iterator[Segment | Rejection]:
    """Read annotation files of one format; of rows with the same id the first counts, the others are rejected.

    Raises AnnotationError where a file as a whole cannot be read.
    """
    if isinstance(annotations, TableFormat):
        rows = table.read(urls, columns=annotations.columns, unit=annotations.unit)
    else:
        rows = epic.read(urls, instruction=annotations.instruction)
    seen: set[str] = set()
    for row in rows:
        if isinstance(row, Rejection):
            yield row
        elif row.id in seen:
            yield Rejection(row.id, row.video, "extract", Reason.DUPLICATE_ID, "an earlier row has this id")
        else:
            seen.add(row.id)
            yield row
