"""One error for a file of which nothing, or nearly nothing, can be read, instead of a rejection for every row."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from actionpairs.annotations.clips import Clip
from actionpairs.annotations.file_signs import describe_document, looks_like, name_format
from actionpairs.annotations.rows import column_names, file_name, load_text
from actionpairs.annotations.times import quoted, unit_of
from actionpairs.errors import ActionpairsError, AnnotationError
from actionpairs.records import Reason, Rejection, Segment

_ENOUGH_ROWS, _SHARE = 20, 0.95  # with fewer rows, a few good ones may be the rule
_EXAMPLES = 3
# No camera shows two frames of a shorter action; a file that has only such ones is in another unit.
_SHORTEST_SECONDS, _FEW_SEGMENTS = 0.01, 2
_STATED_UNITS = ("seconds", "milliseconds", "microseconds")  # others show what they are
_VALUE = re.compile(
    r"'(?:[^'\\]|\\.)*'…?|\"(?:[^\"\\]|\\.)*\"…?|-?\d+(?:\.\d+)?|\ba list\b|\ban object\b|\bNone\b"
)


@dataclass(slots=True)
class _Rows:
    """The rows of one file: how many, how many of them are unreadable for each reason, and examples of each."""

    count: int = 0
    segments: int = 0
    longest_seconds: float = 0.0
    longest: Clip | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add_segment(self, clip: Clip, seconds: float) -> None:
        """Count a readable row, and keep the longest."""
        self.segments += 1
        if seconds > self.longest_seconds:
            self.longest_seconds, self.longest = seconds, clip

    def check_unit(self, url: str) -> None:
        """Raise AnnotationError if all actions are so short that their times must be in another unit."""
        clip = self.longest
        if clip is None or self.segments < _FEW_SEGMENTS or self.longest_seconds >= _SHORTEST_SECONDS:
            return
        if clip.times.unit in _STATED_UNITS:
            raise _too_short(url, clip, self.longest_seconds)

    def add_reason(self, detail: str) -> None:
        """Count an unreadable row by the reason, which is its detail without the values."""
        reason = _VALUE.sub("…", detail)
        self.reasons[reason] += 1
        examples = self.examples[reason]
        if len(examples) < _EXAMPLES and detail not in examples:
            examples.append(detail)


class FileChecks:
    """Counts the rows of each annotation file. It tells files apart by what `Clip.where` begins with."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = {file_name(url): url for url in urls}
        self._files: dict[str, _Rows] = defaultdict(_Rows)
        self._rows = self._files[""]
        self._beginnings: tuple[str, ...] = ("\0",)

    def add(self, clip: Clip | Rejection, row: Segment | Rejection) -> None:
        """Count one row: what the format read, and what it became."""
        where = clip.where if isinstance(clip, Clip) else clip.detail
        if not where.startswith(self._beginnings):
            self._turn_to(where)
        self._rows.count += 1
        if isinstance(row, Segment) and isinstance(clip, Clip):
            self._rows.add_segment(clip, row.duration_seconds)
        if isinstance(row, Rejection) and row.reason is Reason.UNREADABLE_ROW:
            place = clip.where if isinstance(clip, Clip) else where.partition(": ")[0]
            self._rows.add_reason(row.detail.removeprefix(f"{place}: "))

    def check(self) -> None:
        """Raise AnnotationError if a file is unreadable, or if the files have no rows at all."""
        if not any(rows.count for rows in self._files.values()):
            raise _no_rows(list(self._urls.values()))
        for name, rows in self._files.items():
            rows.check_unit(self._urls.get(name, name))
            if not rows.reasons:
                continue
            reason, count = rows.reasons.most_common(1)[0]
            is_most = rows.count >= _ENOUGH_ROWS and count >= _SHARE * rows.count
            if is_most or rows.reasons.total() == rows.count:
                url = self._urls.get(name) or ", ".join(self._urls)[:200]
                raise _unreadable(url, rows, reason)

    def _turn_to(self, where: str) -> None:
        """Count in the file that a place is in; a format may describe places in its own way."""
        name = re.split(r"[,\[:]", where, maxsplit=1)[0]
        if name not in self._urls:
            name = max((name for name in self._urls if where.startswith(name)), key=len, default="")
        self._rows = self._files[name]
        self._beginnings = tuple(f"{name}{mark}" for mark in (",", "[", ":", " ")) if name else ("\0",)


def _no_rows(urls: Sequence[str]) -> AnnotationError:
    more = f" (and {len(urls) - 1:,} more)" if len(urls) > 1 else ""
    return AnnotationError(
        f"{urls[0] if urls else 'nothing'}{more}: no row in it{_contents(urls[0]) if urls else ''}.",
        cure="Check `extract.annotations.format` in the recipe, or give another file.",
    )


def _unreadable(url: str, rows: _Rows, reason: str) -> AnnotationError:
    unreadable, examples = rows.reasons[reason], rows.examples[reason]
    every = "no row can be read" if rows.reasons.total() == rows.count else "nearly no row can be read"
    return AnnotationError(
        f"{url}: {every}: {unreadable:,} of {rows.count:,} for one reason: {'; '.join(examples)}{_contents(url)}.",
        cure=_cure(examples),
    )


def _too_short(url: str, clip: Clip, seconds: float) -> AnnotationError:
    days = " A spreadsheet stores times as shares of a day: format such cells as [h]:mm:ss.000 there."
    return AnnotationError(
        f"{url}: no action in it lasts {_SHORTEST_SECONDS} s: the longest is {seconds:.1g} s, from "
        f"{quoted(clip.start)} to {quoted(clip.stop)} as {clip.times.unit}.",
        cure=f"Is this another unit? State it in the recipe: `unit` under `extract.annotations`."
        f"{days if clip.times.unit == 'seconds' else ''}",
    )


def _cure(examples: Sequence[str]) -> str:
    values = tuple(match[0].strip("'\"") for match in map(_VALUE.search, examples) if match)
    if all(example.startswith("not a") for example in examples):
        unit = unit_of(values)
        if unit:
            rate = " and a `rate`" if unit == "timecode" else ""
            return f"Are these clock times? State `unit: {unit}`{rate} in the recipe."
        if all(re.fullmatch(r"-?\d{1,3}(,\d{3})+", value) for value in values):
            return "Are these thousands? Write no commas. If they are decimals, state `decimal_comma: true`."
        if all(re.fullmatch(r"-?\d+,\d+", value) for value in values):
            return "Are these decimals? State `decimal_comma: true` in the recipe."
        if all("frame number" in example for example in examples):
            return "Are these seconds? State `unit: seconds` in the recipe, without `rate`."
    return "Check `extract.annotations` in the recipe (format, columns, unit), or give another file."


def _contents(url: str) -> str:
    """The end of a sentence about a file: its columns and first row, or its keys."""
    try:
        text = load_text(url)
    except ActionpairsError:
        return ""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return f"; it is {describe_document(json.loads(text))}"
        except (ValueError, RecursionError):
            pass
    lines = [line[:200] for line in _first_lines(text)]
    names = column_names(text) if lines else []
    return f"; it begins {' / '.join(map(quoted, lines)) or 'with nothing'}{looks_like(name_format(names))}"


def _first_lines(text: str) -> Iterator[str]:
    yield from (line.strip() for line in text[:2000].split("\n")[:2] if line.strip())
