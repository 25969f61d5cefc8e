"""MECCANO: `video_id,action_id,action_name,start_frame,end_frame`, with frames such as `07931.jpg`.

The released frames are those of the 12 fps videos, numbered from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip
from actionpairs.annotations.rows import Row, load_text, map_rows, parse_rows
from actionpairs.annotations.times import Times
from actionpairs.formats import MeccanoFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_COLUMNS = ("video_id", "action_id", "action_name", "start_frame", "end_frame")


def read(urls: Sequence[str], meccano: MeccanoFormat) -> Iterator[Clip | Rejection]:
    """Read MECCANO files; every video has a different participant, so the group is the video."""
    times = Times("frames", parse_rate(meccano.rate), meccano.first_frame, meccano.end_included)
    for url in urls:
        yield from map_rows(parse_rows(url, load_text(url), needs=_COLUMNS), lambda row: _clip(row, times))


def _clip(row: Row, times: Times) -> Clip:
    action = str(row["action_name"]).strip()
    verb, _, noun = action.partition("_")
    return Clip(
        where=row.where,
        id=None,
        video=row["video_id"],
        start=str(row["start_frame"]).strip().removesuffix(".jpg"),
        stop=str(row["end_frame"]).strip().removesuffix(".jpg"),
        times=times,
        group=row["video_id"],
        verb=verb,
        noun=noun,
        label=action,
    )
