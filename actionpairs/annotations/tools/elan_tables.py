"""ELAN's export as tab-delimited text: a row per annotation without headers, or a column per tier with headers.

From ELAN's Transcription2TabDelimitedText.java and ExportTabdelimited.java: a time is written as `HH:MM:SS.mmm`,
as seconds with a point, or as whole milliseconds; lines with `"#` name the media and their offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from actionpairs.annotations.clips import Clip, malformed, unwanted
from actionpairs.annotations.rows import file_name
from actionpairs.annotations.times import Times, clock_seconds, quoted
from actionpairs.annotations.tools.media import media_name
from actionpairs.errors import AnnotationError
from actionpairs.formats import ElanFormat
from actionpairs.records import Rejection

_BEGIN, _END, _DURATION = "Begin Time - ", "End Time - ", "Duration - "
_FORMATS = ("msec", "ss.msec", "hh:mm:ss.ms")  # the first that both times have is read
_MEDIA = re.compile(r'"?#(.+) -- offset: (-?\d{1,18})"?')
_MILLISECONDS, _CLOCK = Times("milliseconds"), Times("clock")
_Line = tuple[str, list[str]]  # where, cells


def table_clips(url: str, text: str, elan: ElanFormat) -> Iterator[Clip | Rejection]:
    """The annotations of a tab-delimited text; the group is the participant, if there is a column for it."""
    lines = text.split("\n")
    rows = [
        (f"{file_name(url)}, line {number}", line.rstrip("\r").split("\t"))
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith('"#')
    ]
    if not rows or len(rows[0][1]) < 3:
        raise AnnotationError(
            f"{url}: neither an ELAN document nor tab-delimited text.",
            cure="Give the .eaf file, or export it as tab-delimited text.",
        )
    video = _video(url, lines, elan)
    if any(cell.startswith(_BEGIN) for cell in rows[0][1]):
        yield from _of_tier_columns(url, video, rows, elan)
    else:
        yield from _of_rows(url, video, rows, elan)


def chosen_tiers(url: str, names: Sequence[str], elan: ElanFormat) -> list[str]:
    """The tiers that the recipe names, or the only one; raises AnnotationError if there is none, or several."""
    chosen = [name for name in names if any(fnmatchcase(name, pattern) for pattern in elan.tiers)]
    if not elan.tiers and len(names) == 1:
        return list(names)
    if not chosen:
        what = f"none of the tiers {', '.join(elan.tiers)}" if elan.tiers else "not one tier with annotations"
        raise AnnotationError(
            f"{url}: {what}; it has: {', '.join(names)[:200] or 'none'}.",
            cure="Name those whose annotations are instructions: `tiers` in the recipe's `extract.annotations`.",
        )
    return chosen


def _video(url: str, lines: Sequence[str], elan: ElanFormat) -> object:
    notes = [number for number, line in enumerate(lines) if line.startswith('"#')]
    first = next((number for number, line in enumerate(lines) if line.strip() and line[:2] != '"#'), 0)
    if notes and notes[-1] > first:
        raise AnnotationError(f"{url}: several documents in one table.", cure="Export every document by itself.")
    if elan.video_from == "file name":
        return file_name(url).rpartition(".")[0] or file_name(url)
    media = [match for number in notes if (match := _MEDIA.fullmatch(lines[number].strip()))]
    if elan.linked_video > len(media):
        raise AnnotationError(
            f"{url}: it names {len(media)} media files, not {elan.linked_video}.",
            cure="Set `video_from: file name` in the recipe if the video has this file's name, or give the .eaf.",
        )
    linked = media[elan.linked_video - 1]
    if int(linked[2]):
        raise AnnotationError(
            f"{url}: the video has an offset of {linked[2]} ms; a table does not say whether it is in the times.",
            cure="Give the .eaf file.",
        )
    return media_name(linked[1])


def _of_tier_columns(
    url: str, video: object, rows: Sequence[_Line], elan: ElanFormat
) -> Iterator[Clip | Rejection]:
    header = rows[0][1]
    formats = [name for name in _FORMATS if _BEGIN + name in header and _END + name in header]
    if not formats:
        raise AnnotationError(
            f"{url}: no begin and end times of one format; it has: {', '.join(header)[:200]}.",
            cure=f"Export begin and end times, as one of: {', '.join(_FORMATS)}.",
        )
    begin, end = header.index(_BEGIN + formats[0]), header.index(_END + formats[0])
    times = _MILLISECONDS if formats[0] == "msec" else _CLOCK
    tiers = [name for name in header if name.strip() and not name.startswith((_BEGIN, _END, _DURATION))]
    columns = [header.index(name) for name in chosen_tiers(url, tiers, elan)]
    for where, cells in rows[1:]:
        if any(cell.strip() for cell in cells[len(header) :]) or len(cells) <= max(begin, end):
            yield malformed(where, f"{len(cells)} cells instead of {len(header)}", video=video)
            continue
        for value in (cells[column] for column in columns if column < len(cells) and cells[column].strip()):
            yield Clip(where, None, video, cells[begin], cells[end], times, label=value, narration=value)


def _of_rows(url: str, video: object, rows: Sequence[_Line], elan: ElanFormat) -> Iterator[Clip | Rejection]:
    columns = {name: column for column, name in enumerate(elan.columns) if name != "skip"}
    _check_first(url, rows[0][1], elan)
    names = (
        {cells[columns["tier"]]: None for _, cells in rows if len(cells) == len(elan.columns)}
        if "tier" in columns
        else {}
    )
    chosen = chosen_tiers(url, list(names), elan) if names else []
    for where, cells in rows:
        if len(cells) != len(elan.columns):
            yield malformed(where, f"{len(cells)} cells instead of {len(elan.columns)}", video=video)
            continue
        begin, end, value = (cells[columns[name]].strip() for name in ("begin", "end", "annotation"))
        times = _MILLISECONDS if begin.isdecimal() and end.isdecimal() else _CLOCK
        group = cells[columns["participant"]] if "participant" in columns else ""
        clip = Clip(where, None, video, begin, end, times, group=group, label=value, narration=value)
        if not value:
            yield unwanted(clip, "an annotation without text")
        elif names and cells[columns["tier"]] not in chosen:
            yield unwanted(clip, f"tier {quoted(cells[columns['tier']])}")
        else:
            yield clip


def _check_first(url: str, cells: Sequence[str], elan: ElanFormat) -> None:
    """Raise AnnotationError if the first row does not have the columns that the recipe names."""
    try:
        if len(cells) != len(elan.columns):
            raise ValueError(f"{len(cells)} columns, not {len(elan.columns)}")
        clock_seconds(cells[elan.columns.index("begin")])
        clock_seconds(cells[elan.columns.index("end")])
    except ValueError as error:
        raise AnnotationError(
            f"{url}: the first row does not have the recipe's columns: {error}.",
            cure="Write the columns of your export: `columns` under `extract.annotations` in the recipe.",
        ) from None
