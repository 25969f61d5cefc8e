"""MPII Cooking Activities (2012): `subject,file,start_frame,end_frame,category_id,category_name`, no header.

Public readers disagree whether frames count from 0 or 1, and whether the end is included. The smallest start in
the file is 1, so 1 is the default; the recipe can change both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip
from actionpairs.annotations.rows import Row, load_text, map_rows, parse_rows
from actionpairs.annotations.times import Times
from actionpairs.formats import Mpii2012Format
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_COLUMNS = ("subject", "file", "start", "end", "category", "name")


def read(urls: Sequence[str], mpii: Mpii2012Format) -> Iterator[Clip | Rejection]:
    """Read MPII Cooking Activities files; the label is the category's name."""
    times = Times("frames", parse_rate(mpii.rate), mpii.first_frame, mpii.end_included)
    for url in urls:
        rows = parse_rows(url, load_text(url), needs=_COLUMNS, header=_COLUMNS, delimiter=",")
        yield from map_rows(rows, lambda row: _clip(row, times))


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
