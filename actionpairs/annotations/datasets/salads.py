"""50 Salads: `01-1-activityAnnotation.txt`, with lines `start stop label`, in timestamps of the recording's clock.

`timestamps-01-1.txt` lists the timestamp of every frame, so a timestamp's line number is a frame number. A label
ends in prep, core or post; other labels are phases, which contain several actions.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence

from actionpairs.annotations.clips import Clip, malformed, unreadable, unwanted
from actionpairs.annotations.rows import file_name, load_text
from actionpairs.annotations.times import Times, quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import SaladsFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_ANNOTATION = re.compile(r"(\d+-\d+)-activityAnnotation\.txt", re.ASCII)
_STAMPS = re.compile(r"timestamps-(\d+-\d+)\.txt", re.ASCII)
_LINE = re.compile(r"(\d{1,18})\s+(\d{1,18})\s+(\S+)", re.ASCII)


def read(urls: Sequence[str], salads: SaladsFormat) -> Iterator[Clip | Rejection]:
    """Read 50 Salads files; the group is the person, the first number in the file's name."""
    stamps: dict[str, list[int]] = {}
    for url in urls:
        if match := _STAMPS.fullmatch(file_name(url)):
            stamps[match[1]] = _load_stamps(url)
    for url in urls:
        if _STAMPS.fullmatch(file_name(url)):
            continue
        name = _ANNOTATION.fullmatch(file_name(url))
        if name is None or name[1] not in stamps:
            what = "the name does not say its video" if name is None else f"no timestamps-{name[1]}.txt is given"
            raise AnnotationError(
                f"{url}: {what}.",
                cure="Give NN-N-activityAnnotation.txt together with timestamps-NN-N.txt: only these say when.",
            )
        for number, line in enumerate(load_text(url).splitlines(), start=1):
            if line.strip():
                yield _clip(f"{file_name(url)}, line {number}", line, name[1], stamps, salads)


def _clip(
    where: str, line: str, video: str, stamps: Mapping[str, list[int]], salads: SaladsFormat
) -> Clip | Rejection:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return malformed(where, f"not `start stop label`: {quoted(line)}", video=video)
    label, _, part = match[3].rpartition("_")
    frames = stamps[video]
    clip = Clip(
        where=where,
        id=None,
        video=video,
        # The frame that is on screen at the start, and the first frame after the stop.
        start=bisect_right(frames, int(match[1])) - 1,
        stop=bisect_right(frames, int(match[2])),
        times=Times("frames", parse_rate(salads.rate)),
        group=video.partition("-")[0],
        label=label,
    )
    if part not in salads.parts:
        return unwanted(clip, f"{quoted(match[3])} is a phase, or a part that the recipe leaves out")
    if not frames[0] <= int(match[1]) or bisect_left(frames, int(match[2])) == len(frames):
        return unreadable(clip, "outside the video's timestamps")
    return clip


def _load_stamps(url: str) -> list[int]:
    stamps: list[int] = []
    for number, line in enumerate(load_text(url).rstrip().splitlines(), start=1):
        first = line.partition(" ")[0].strip()
        if not re.fullmatch(r"\d{1,18}", first, re.ASCII) or (stamps and int(first) < stamps[-1]):
            raise AnnotationError(
                f"{url}, line {number}: no stamp, or earlier than the one before: {quoted(line)}.",
                cure="Download the file again.",
            )
        stamps.append(int(first))
    if not stamps:
        raise AnnotationError(f"{url}: no stamp in it.", cure="Download the file again.")
    return stamps
