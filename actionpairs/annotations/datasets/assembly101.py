"""Assembly101: fine-grained actions as CSV, coarse actions as one text file per sequence.

Layout: fine-grained-annotations/ and coarse-annotations/ of assembly-101/assembly101-annotations. Frames are
those of a 30 fps copy of the 60 fps videos. The data set's own readers disagree. gen_fine_labels.py (for TSM)
adds 1 to reach JPEGs that count from 1, and includes the end; dataset.py (for segmentation) takes range(start,
end). Here frames count from 0 and the end is not included: of the 15,699 actions of validation.csv, 5,747 end
where the next one starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from actionpairs.annotations.clips import Clip, malformed, unwanted
from actionpairs.annotations.datasets.entries import need_level
from actionpairs.annotations.rows import Row, file_name, load_text, map_rows, parse_rows
from actionpairs.annotations.times import Times, quoted
from actionpairs.formats import Assembly101Format
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_COLUMNS = ("video", "start_frame", "end_frame", "action_cls", "verb_cls", "noun_cls")
_COARSE = re.compile(r"(?:dis)?assembly_(\w.*)\.txt", re.ASCII)
_PARTICIPANT = re.compile(r"_(\d+)_user_id", re.ASCII)


def read(urls: Sequence[str], assembly: Assembly101Format) -> Iterator[Clip | Rejection]:
    """Read Assembly101 files; the group is the participant's number in the sequence's name."""
    levels = {url: "coarse" if _COARSE.fullmatch(file_name(url)) else "fine" for url in urls}
    level = need_level(assembly.level, set(levels.values()), ("fine", "coarse"), urls)
    times = Times("frames", parse_rate(assembly.rate), assembly.first_frame, assembly.end_included)
    for url, of_file in levels.items():
        clips = _fine(url, times) if of_file == "fine" else _coarse(url, times)
        for clip in clips:
            if isinstance(clip, Rejection):
                yield clip
            elif of_file != level:
                yield unwanted(clip, f"of the level {of_file}, not {level}")
            else:
                yield from _viewed(clip, assembly.views)


def _viewed(clip: Clip, views: Sequence[str]) -> Iterator[Clip | Rejection]:
    """One clip per selected view, or a rejection of a row that is of another view."""
    sequence, _, view = str(clip.video).partition("/")
    view = view.removesuffix(".mp4")
    match = _PARTICIPANT.search(sequence)
    clip = replace(clip, group=match[1] if match else "")
    if not view:
        for wanted in views:
            yield replace(clip, video=f"{sequence}/{wanted}.mp4")
    else:
        yield clip if view in views else unwanted(clip, f"of the view {quoted(view)}")


def _fine(url: str, times: Times) -> Iterator[Clip | Rejection]:
    rows = parse_rows(url, load_text(url), needs=_COLUMNS)
    return map_rows(rows, lambda row: _fine_clip(row, times))


def _fine_clip(row: Row, times: Times) -> Clip:
    return Clip(
        where=row.where,
        id=None,  # the ids of train.csv and validation.csv both count from 0
        video=row["video"],
        start=row["start_frame"],
        stop=row["end_frame"],
        times=times,
        verb=row["verb_cls"],
        noun=row["noun_cls"],
        label=row["action_cls"],
    )


def _coarse(url: str, times: Times) -> Iterator[Clip | Rejection]:
    match = _COARSE.fullmatch(file_name(url))
    sequence = match[1] if match else ""
    for number, line in enumerate(load_text(url).splitlines(), start=1):
        where, cells = f"{file_name(url)}, line {number}", line.strip().split("\t")
        if len(cells) >= 3:
            yield Clip(where, None, sequence, cells[0], cells[1], times, label=cells[2])
        elif line.strip():
            yield malformed(where, f"not `start end action` with tabs: {quoted(line)}", video=sequence)
