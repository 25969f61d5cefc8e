"""Charades and Charades-Ego: one CSV row per video, whose `actions` is `c092 11.90 21.20;c147 0.00 12.60`.

The class names are in a separate file, Charades_v1_classes.txt: `c000 Holding some clothes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from actionpairs.annotations.clips import Clip, unreadable
from actionpairs.annotations.rows import Row, load_text, parse_rows
from actionpairs.formats import CharadesFormat
from actionpairs.records import Rejection

_CLASS = re.compile(r"(c\d{3}) (.+)", re.ASCII)


def read(urls: Sequence[str], charades: CharadesFormat) -> Iterator[Clip | Rejection]:
    """Read Charades files; without the class names, the label is the class code. The group is the subject."""
    texts = {url: load_text(url) for url in urls}
    names = {code: name.strip() for text in texts.values() if _is_class_table(text) for code, name in _named(text)}
    for url, text in texts.items():
        if not _is_class_table(text):
            for row in parse_rows(url, text, needs=("id", "subject", "actions", "length")):
                if isinstance(row, Rejection):
                    yield row
                else:
                    yield from _clips(row, names, charades.past_length_seconds)


def missing_names(urls: Sequence[str]) -> tuple[str, ...]:
    """The class names, if their table is not among the files."""
    if any(_is_class_table(load_text(url)) for url in urls):
        return ()
    return ("the names of the classes, which stand in Charades_v1_classes.txt",)


def _clips(row: Row, names: Mapping[str, str], past_length: float) -> Iterator[Clip | Rejection]:
    """One clip per action of a video's row."""
    actions = [action.strip() for action in str(row["actions"]).split(";")]
    for action in filter(None, actions):
        parts = action.split()
        code, start, stop = parts if len(parts) == 3 else ("", "", "")
        clip = Clip(
            where=row.where,
            id=f"{row['id']}_{'_'.join(parts)}",
            video=row["id"],
            start=start,
            stop=stop,
            group=row["subject"],
            label=names.get(code, code),
            narration=names.get(code, code),
            length=row["length"],
            past_length=past_length,
        )
        if names and code not in names:
            yield unreadable(clip, f"{action[:60]!r} is not a known class and two times")
        else:
            yield clip


def _is_class_table(text: str) -> bool:
    return _CLASS.match(text) is not None


def _named(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for line in text.splitlines() if (match := _CLASS.fullmatch(line.strip()))]
