"""Breakfast: one text file per video, `P03_cam01_P03_cereals.txt`, with lines such as `31-150 take_bowl`.

Its video is P03/cam01/P03_cereals.avi, at 15 frames per second. Of the stereo camera's two videos, channel 1 is
used: channel 0 is not always there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from actionpairs.annotations.clips import Clip, unreadable
from actionpairs.annotations.rows import file_name, load_text
from actionpairs.annotations.times import Times, quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import BreakfastFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_FILE = re.compile(r"(P\d+)_(\w+?)_(P\d+_\w+)\.\w+", re.ASCII)
_LINE = re.compile(r"(\d+)-(\d+)\s+(\S+)", re.ASCII)


def read(urls: Sequence[str], breakfast: BreakfastFormat) -> Iterator[Clip | Rejection]:
    """Read Breakfast files; the group is the participant in the file's name."""
    times = Times("frames", parse_rate(breakfast.rate), breakfast.first_frame, breakfast.end_included)
    for url in urls:
        name = _FILE.fullmatch(file_name(url))
        if name is None:
            raise AnnotationError(
                f"{url}: the name does not say which video it is of.",
                cure="Keep the data set's own file names, such as P03_cam01_P03_cereals.txt.",
            )
        video = f"{name[1]}/{name[2]}/{name[3]}.avi"
        if name[2].startswith("stereo"):
            video = f"{name[1]}/stereo/{name[3]}_ch1.avi"
        for number, line in enumerate(load_text(url).splitlines(), start=1):
            if line.strip():
                clip = Clip(f"{file_name(url)}, line {number}", None, video, "", "", times, group=name[1])
                yield _filled(clip, line)


def _filled(clip: Clip, line: str) -> Clip | Rejection:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return unreadable(clip, f"not `first-last label`: {quoted(line)}")
    return replace(clip, start=match[1], stop=match[2], label=match[3])
