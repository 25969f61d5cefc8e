"""TACoS: sentences on MPII Cooking 2 videos.

`{"s17-d69.avi": {"timestamps": [[224, 358], …], "sentences": […], "fps": 29.4, "num_frames": …}}`, in frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from actionpairs.annotations.clips import Clip, malformed
from actionpairs.annotations.documents import load_object, pair, sentences
from actionpairs.annotations.rows import Row, file_name
from actionpairs.annotations.times import Times, number
from actionpairs.formats import TacosFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection


def read(urls: Sequence[str], tacos: TacosFormat) -> Iterator[Clip | Rejection]:
    """Read TACoS files; the group is the subject, taken from the video's name."""
    for url in urls:
        for video, entry in load_object(url).items():
            yield from _clips(f"{file_name(url)}, {video}", video.removesuffix(".avi"), entry, tacos)


def _clips(where: str, video: str, entry: object, tacos: TacosFormat) -> Iterator[Clip | Rejection]:
    if not isinstance(entry, dict):
        yield malformed(where, "not an object", video=video)
        return
    try:
        rate = parse_rate(entry.get("fps"))
        length = float(Fraction(number(entry.get("num_frames"))) / rate)
        times = Times("frames", rate, tacos.first_frame, tacos.end_included)
    except (ValueError, OverflowError):
        yield malformed(where, "fps and num_frames are not two numbers above 0", video=video)
        return
    for row in sentences(entry, where=where, video=video):
        yield row if isinstance(row, Rejection) else _clip(row, video, times, length, tacos.past_length_seconds)


def _clip(row: Row, video: str, times: Times, length: float, past_length: float) -> Clip:
    start, stop = pair(row["segment"])
    return Clip(
        where=row.where,
        id=None,
        video=video,
        start=start,
        stop=stop,
        times=times,
        group=video.partition("-")[0],
        label=row["sentence"],
        narration=row["sentence"],
        length=length,
        past_length=past_length,
    )
