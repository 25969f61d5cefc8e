"""Guess which columns of a table are the video, the times and the words, and the unit of the times.

Names decide which columns are candidates; values decide the unit. Whole numbers without a unit in their name could
be seconds, milliseconds or frames, and frames need a rate that no table states: where more than one reading is
possible, there is no guess but an error that lists them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from actionpairs.annotations.rows import Row, name_list
from actionpairs.annotations.times import number, quoted, unit_of
from actionpairs.errors import AnnotationError
from actionpairs.formats import TableColumns, TableFormat

_NAMES: Mapping[str, tuple[str, ...]] = {  # the better name first
    "id": ("segment_id", "narration_id", "unique_narration_id", "annotation_id"),
    "video": (
        "video", "video_id", "video_name", "video_file", "video_path", "video_uid", "videoname", "videoid", "vid",
        "video_filename", "file_name", "filename", "file", "media", "media_file", "clip", "clip_name", "clip_id",
        "path", "recording", "youtube_id",
    ),
    "instruction": (
        "instruction", "narration", "caption", "sentence", "description", "text", "prompt", "annotation", "query",
        "narration_text", "step", "step_name", "step_description", "action", "action_name", "action_label",
        "action_description", "activity", "activity_label", "label", "label_name", "class", "class_name",
        "behavior", "behaviour", "event", "task", "what", "what_happens", "what_is_done",
    ),
    "verb": ("verb",),
    "noun": ("noun",),
    "group": ("participant", "participant_id", "subject", "subject_id", "person", "person_id", "group"),
}  # fmt: skip
_STARTS = ("start", "begin", "onset", "from", "in")
_STOPS = {"start": ("stop", "end"), "begin": ("end",), "onset": ("offset",), "from": ("to",), "in": ("out",)}
_UNITS = {
    "seconds": {"s", "sec", "secs", "second", "seconds"},
    "milliseconds": {"ms", "msec", "msecs", "millisecond", "milliseconds", "millis"},
    "microseconds": {"us", "usec", "microsecond", "microseconds"},
    "frames": {"frame", "frames"},
    "timecode": {"timecode", "tc"},
}
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.04, 600.0  # the median of actions that anybody annotates
_NUMERIC_SHARE = 0.95  # of the rows; the few others are mistyped, and are rejected later
_MISSING = {"", "-", "?", "na", "n/a", "nan", "nat", "null", "none"}
_EXCEL_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_GLUED = re.compile(r"(start|stop|end|begin)(time|timestamp|frame|seconds?|sec|ms|s)")

EVERY_NAME = tuple(dict.fromkeys(name for names in _NAMES.values() for name in names))


@dataclass(frozen=True, slots=True)
class _Span:
    """A pair of columns that could be start and stop, and the unit that it is in; empty if that is open."""

    start: str
    stop: str
    unit: str


def candidates(names: Sequence[str]) -> list[str]:
    """The columns that could be any of these, of which a guess needs the first values."""
    times = [name for span in _spans(names) for name in (span.start, span.stop)]
    return list(dict.fromkeys([*times, *(name for name in names if "_".join(_parts(name)) in EVERY_NAME)]))


def names_of(role: str, names: Sequence[str]) -> list[str]:
    """The columns whose names are understood as a role, such as `group`, however they are written."""
    return [name for name in names if "_".join(_parts(name)) in _NAMES[role]]


def guess(where: str, names: Sequence[str], rows: Sequence[Row], table: TableFormat) -> TableFormat:
    """The recipe's table with columns and unit instead of guesses. rows: the first ones of the file.

    Raises AnnotationError, which lists the candidates, if a column or the unit can be guessed in no way or in two.
    """
    columns = {role: _named(names, rows, role) for role in _NAMES}
    if columns["video"] is None:
        raise _no_guess(where, f"which column is the video ({_such_as('video')})", names)
    if not (columns["instruction"] or columns["verb"] or columns["noun"]):
        raise _no_guess(where, f"which column says what is done ({_such_as('instruction')})", names)
    span = _span(where, names, rows, table)
    if table.rate is None and span.unit in ("frames", "timecode"):
        raise _no_guess(where, f"which `rate` the {span.unit} {span.start!r} and {span.stop!r} have", names)
    instruction = table.instruction
    if columns["instruction"] is None:
        instruction = instruction.replace("{narration}", "{label}")
    for field, role in (("narration", "instruction"), ("verb", "verb"), ("noun", "noun")):
        if columns[role] is None and f"{{{field}}}" in instruction + table.action:
            raise _no_guess(where, f"which column is the {{{field}}} of the recipe's texts", names)
    chosen = TableColumns.model_validate({**columns, "start": span.start, "stop": span.stop})
    content = {**table.model_dump(), "columns": chosen, "unit": span.unit, "instruction": instruction}
    if span.unit not in ("frames", "timecode"):
        content["rate"] = None
    return TableFormat.model_validate(content)


def recipe_lines(table: TableFormat) -> str:
    """The lines of a recipe that state what was guessed."""
    assert isinstance(table.columns, TableColumns)
    columns = "".join(f"\n      {role}: {_yaml(name)}" for role, name in table.columns.model_dump().items())
    words = "" if table.instruction == "{narration}" else f'\n    instruction: "{table.instruction}"'
    rate = "" if table.rate is None else f"\n    rate: {table.rate}"
    return (
        f"extract:\n  annotations:\n    format: table\n    unit: {table.unit}{rate}{words}\n    columns:{columns}"
    )


def _span(where: str, names: Sequence[str], rows: Sequence[Row], table: TableFormat) -> _Span:
    """The one pair of columns that can be the times."""
    every = [_Span(span.start, span.stop, _unit(span, rows)) for span in _spans(names)]
    if table.unit != "guess":
        every = [_Span(span.start, span.stop, table.unit) for span in every if span.unit in ("", table.unit)]
    certain = [span for span in every if span.unit]
    # Frame numbers beside times are those of resampled pictures more often than of the video (EPIC's are).
    timed = [span for span in certain if span.unit not in ("frames", "timecode")] or certain
    if len(timed) == 1:
        return timed[0]
    if not every:
        raise _no_guess(where, "which columns are start and stop", names)
    lines = [f"{span.start!r} to {span.stop!r} ({span.unit or _values(span, rows)})" for span in timed or every]
    what = "which columns are the times" if len(lines) > 1 else "the unit of the times"
    raise _no_guess(where, f"{what}: {'; '.join(lines)}", names)


def _spans(names: Iterable[str]) -> Iterator[_Span]:
    """Every pair of columns whose names differ only in start and stop; unit: the one in the names."""
    by_parts = {_parts(name): name for name in names}
    for parts, name in by_parts.items():
        for start in set(parts).intersection(_STARTS):
            for stop in _STOPS[start]:
                other = by_parts.get(tuple(stop if part == start else part for part in parts))
                if other is not None and parts.count(start) == 1:
                    yield _Span(name, other, _unit_of_name(parts))


def _unit_of_name(parts: tuple[str, ...]) -> str:
    words = {*parts, "_".join(parts[-2:])}
    return next((unit for unit, marks in _UNITS.items() if words & marks), "")


def _unit(span: _Span, rows: Sequence[Row]) -> str:
    """The unit of a pair of columns; empty if it is open."""
    pairs = [(row[span.start], row[span.stop]) for row in rows]
    pairs = [pair for pair in pairs if not any(map(_is_missing, pair))]
    written = unit_of(tuple(value for pair in pairs for value in pair))
    if written:
        return written if span.unit in ("", written, "seconds") else ""
    numbers = [value for pair in map(_numbers, pairs) for value in pair]
    if len(numbers) < 2 * _NUMERIC_SHARE * len(pairs):
        return ""
    if span.unit and span.unit != "timecode":
        return span.unit
    lengths = [stop - start for start, stop in zip(numbers[::2], numbers[1::2], strict=True) if stop > start]
    has_decimals = any(not value.is_integer() for value in numbers)
    is_likely = lengths and _SHORTEST_SECONDS <= median(lengths) <= _LONGEST_SECONDS
    return "seconds" if has_decimals and is_likely else ""


def _numbers(pair: tuple[object, ...]) -> tuple[float, ...]:
    """A row's times as numbers; none if one of them is mistyped."""
    try:
        return tuple(number(value.replace(",", ".") if isinstance(value, str) else value) for value in pair)
    except ValueError:
        return ()


def _values(span: _Span, rows: Sequence[Row]) -> str:
    """The times of the first rows, and the first one that is written in another way than most."""
    pairs = [f"{quoted(row[span.start])} to {quoted(row[span.stop])}" for row in rows[:2]]
    values = [(row, row[name]) for row in rows for name in (span.start, span.stop) if not _is_missing(row[name])]
    forms = Counter(_form(value) for _, value in values)
    usual = max(forms, key=lambda form: forms[form], default="")
    odd = next(((row, value) for row, value in values if _form(value) != usual), None)
    unlike = f"; {quoted(odd[1])} in {odd[0].where.rpartition(', ')[2]} is written otherwise" if odd else ""
    return f"such as {' and '.join(pairs)}{unlike}" if pairs else "no values"


def _form(value: object) -> str:
    """How a time is written: as a number, as a clock time or a timecode, or in another way."""
    return "number" if _numbers((value,)) else unit_of((value,)) or "other"


def _named(names: Sequence[str], rows: Sequence[Row], role: str) -> str | None:
    """The column with the best of a role's names, however it is written; None if its values do not suit."""
    by_name = {"_".join(_parts(name)): name for name in reversed(names)}
    for wanted in _NAMES[role]:
        if wanted in by_name and _suits([row[by_name[wanted]] for row in rows], role):
            return by_name[wanted]
    return None


def _suits(values: Sequence[object], role: str) -> bool:
    """Whether ids differ, and words are not the numbers of classes."""
    if role == "id":
        texts = [str(value).strip() for value in values if value is not None]
        return "" not in texts and len(set(texts)) == len(values)
    words = [str(value).strip() for value in values if not _is_missing(value)]
    return role not in ("instruction", "verb", "noun") or not all(word.isdecimal() for word in words)


def _is_missing(value: object) -> bool:
    """Whether a cell says that it has no value; such rows are rejected later, and say nothing of the unit."""
    if isinstance(value, str):
        return value.strip().lower() in _MISSING or _EXCEL_ERROR.match(value.strip()) is not None
    return value is None or value != value


def _parts(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: `startTime (s)` and `starttime_s` are start, time, s."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    return tuple(word for part in parts for word in _GLUED.sub(r"\1 \2", part).split())


def _yaml(name: str | None) -> str:
    """A name as YAML: plain if it is a word, else in quotes."""
    if name is None:
        return "null"
    is_plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and name.lower() not in {"true", "false", "null"}
    return name if is_plain else "'" + name.replace("'", "''") + "'"


def _such_as(role: str) -> str:
    """Names that are understood."""
    return f"understood are names such as {', '.join(_NAMES[role][:5])}"


def _no_guess(where: str, what: str, names: Sequence[str]) -> AnnotationError:
    return AnnotationError(
        f"{where}: cannot tell {what}; the columns are: {name_list(names)}.",
        cure="State it in the recipe, under `extract.annotations`: `columns`, `unit`, and `rate` for frames; or "
        "as an option, such as `--set extract.annotations.unit=seconds`. "
        "The first line must have the names of the columns.",
    )
