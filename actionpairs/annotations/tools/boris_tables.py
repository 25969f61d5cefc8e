"""Tables that BORIS exports: tabular events (a row per event) and aggregated events (a row per state), TSV or CSV.

Version 7 writes the observation's facts above the header of tabular events, and `Media file path` or `Media file`;
versions 8 and 9 write all facts in every row, and `Source`, all media of all players. From BORIS's
boris/export_observation.py (9.12), and the tables in its tests (7).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence

from actionpairs.annotations.clips import Clip, unwanted
from actionpairs.annotations.rows import Row, parse_rows
from actionpairs.annotations.tools.boris_media import Event, Playlist, pair_events, placed, words_of
from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection

_AGGREGATED, _TABULAR = ("Start (s)", "Stop (s)", "Behavior type"), ("Time",)
_MEDIA = ("Media file path", "Media file", "Media file name")
_SECOND_PLAYER = re.compile(r"[| ]player #\d+:", re.IGNORECASE)
_FIRST_PLAYER = re.compile(r"player #1: ?", re.IGNORECASE)
_NO_SUBJECT = "No focal subject"
_MOST_FACTS = 1000  # lines above the header


def table_clips(url: str, text: str) -> Iterator[Clip | Rejection]:
    """The state events of a table that BORIS exported; the group is the subject."""
    lines = text.split("\n")
    delimiter = "\t" if "\t" in text else ","
    number, names, facts = _header(url, lines, delimiter)
    body = "\n" * number + "\n".join(lines[number:])
    is_aggregated = _AGGREGATED[0] in names
    needs = ("Subject", "Behavior", *(_AGGREGATED if is_aggregated else _TABULAR))
    rows = list(parse_rows(url, body, needs=needs, header=names, delimiter=delimiter))
    observations = _Observations([row for row in rows if isinstance(row, Row)], facts)
    if is_aggregated:
        for row in rows:
            yield row if isinstance(row, Rejection) else _state(row, observations)
    else:
        yield from pair_events(row if isinstance(row, Rejection) else _event(row, observations) for row in rows)


def _header(url: str, lines: Sequence[str], delimiter: str) -> tuple[int, list[str], dict[str, str]]:
    """How many lines come before the first row, the column names, and the facts above them."""
    facts: dict[str, str] = {}
    for number, line in enumerate(lines[:_MOST_FACTS], start=1):
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if "Behavior" in cells and (_TABULAR[0] in cells or _AGGREGATED[0] in cells):
            return number, cells, facts
        if len(cells) > 1:
            facts[cells[0]] = cells[1]
    raise AnnotationError(
        f"{url}: no line with the column names of BORIS: Behavior, and Time or Start (s).",
        cure="Export tabular or aggregated events as TSV or CSV, or give the .boris file.",
    )


class _Observations:
    """The playlists of a table's observations."""

    def __init__(self, rows: Sequence[Row], facts: Mapping[str, str]) -> None:
        self._facts = facts
        self._media: dict[str, dict[str, None]] = {}  # of version 7: which files the events of an observation name
        for row in rows:
            self._media.setdefault(self.name(row), {})[self._file(row)] = None

    def name(self, row: Row) -> str:
        """The id of the row's observation."""
        return str(row["Observation id"] or self._facts.get("Observation id", ""))

    def playlist(self, row: Row) -> Playlist:
        """The media files of the row's observation."""
        offset = row["Time offset (s)"] or self._facts.get("Time offset (s)") or 0
        source = row["Source"]
        if not isinstance(source, str):
            return Playlist(tuple(self._media[self.name(row)]), (), offset)
        first = _SECOND_PLAYER.split(_FIRST_PLAYER.sub("", source, count=1))[0].strip()
        lengths = str(row["Media duration (s)"] or "").partition("|")[0].split(";")
        files = first.split(";") if len(lengths) > 1 else [first]
        return Playlist(tuple(files), tuple(lengths), offset)

    @staticmethod
    def _file(row: Row) -> str:
        return next((str(row[name]) for name in _MEDIA if row[name]), "")


def _clip(row: Row, observations: _Observations) -> Clip:
    columns = [name for name in row.cells if name == "Modifiers" or name.startswith("Modifier #")]
    modifiers = [part for name in columns for part in str(row[name] or "").split("|")]
    return Clip(
        where=row.where,
        id=None,
        video=observations.playlist(row).files[0],
        start=row["Time"] or row["Start (s)"],
        stop=row["Stop (s)"],
        group="" if row["Subject"] == _NO_SUBJECT else row["Subject"],
        verb=row["Behavior"],
        noun=words_of(modifiers),
        label=row["Behavior"],
        narration=row["Comment"] or row["Comment start"],
    )


def _unfilmed(row: Row) -> str:
    """Why a row's observation has no video; empty if it has one."""
    kind = str(row["Observation type"] or "")
    return f"an observation of type {kind[:40]!r}: it has no video" if kind.startswith(("Live", "From")) else ""


def _state(row: Row, observations: _Observations) -> Clip | Rejection:
    clip = _clip(row, observations)
    if problem := _unfilmed(row):
        return unwanted(clip, problem)
    if str(row["Behavior type"]).strip() == "POINT":
        return unwanted(clip, "a point event: it has no duration")
    return placed(clip, observations.playlist(row))


def _event(row: Row, observations: _Observations) -> Event | Rejection:
    clip = _clip(row, observations)
    if problem := _unfilmed(row):
        return unwanted(clip, problem)
    status = str(row["Behavior type"] or row["Status"] or "").strip()
    key = (observations.name(row), clip.group, clip.verb, clip.noun)
    return Event(key, status, clip, observations.playlist(row))
