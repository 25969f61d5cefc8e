"""MPII Cooking Activities (2012): `subject,file,start_frame,end_frame,category_id,category_name`, no header.

Public readers disagree whether frames count from 0 or 1 and whether the end is included; the smallest start in
the file is 1, so 1 is the default, and the recipe can say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip
from actionpairs.annotations.rows import Row, each, read_rows, read_text
from actionpairs.annotations.times import Times
from actionpairs.formats import Mpii2012Format
from actionpairs.rates import exact
from actionpairs.records import Rejection

_COLUMNS = ("subject", "file", "start", "end", "category", "name")


def read(urls: Sequence[str], mpii: Mpii2012Format) -> Iterator[Clip | Rejection]:
    """Read MPII Cooking Activities files; the label is the category's name."""
    times = Times("frames", exact(mpii.rate), mpii.first_frame, mpii.end_included)
    for url in urls:
        rows = read_rows(url, read_text(url), needs=_COLUMNS, header=_COLUMNS, delimiter=",")
        yield from each(rows, lambda row: _clip(row, times))


def _clip(row: Row, times: Times) -> Clip:
    return Clip(
        where=row.where,
        id=None,
        video=row["file"],
        start=row["start"],
        stop=row["end"],
        times=times,
        group=row["subject"],
        label=row["name"],
    )
