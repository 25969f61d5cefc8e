"""EGTEA Gaze+: the data set's action_labels.csv, in milliseconds, or the CSV of RULSTM, in frames.

action_labels.csv has the delimiter `;`: clip prefix, session, start, end, action. RULSTM's CSV has no header:
row, session, first and last frame of a 30 fps copy, verb, noun, action; its actions.csv names the actions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from actionpairs.annotations.clips import Clip, unreadable
from actionpairs.annotations.rows import Row, load_text, map_rows, parse_rows
from actionpairs.annotations.times import Times
from actionpairs.formats import EgteaFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_RULSTM = ("row", "session", "start", "stop", "verb", "noun", "action")
_CLASS = re.compile(r"\d+, *\d+_\d+, *\S", re.ASCII)
_PREFIX, _START, _STOP, _ACTION = "Clip Prefix (Unique)", "Starting Time (ms)", "Ending Time (ms)", "Action Label"
_MILLISECONDS = Times("milliseconds")


def read(urls: Sequence[str], egtea: EgteaFormat) -> Iterator[Clip | Rejection]:
    """Read EGTEA files; the group is the subject, the first part of a session's name."""
    texts = {url: load_text(url) for url in urls}
    names: dict[str, str] = {}
    for url, text in texts.items():
        if _CLASS.match(text):
            rows = parse_rows(url, text, needs=("id", "name"), header=("id", "classes", "name"))
            names |= {str(row["id"]).strip(): str(row["name"]).strip() for row in rows if isinstance(row, Row)}
    times = Times("frames", parse_rate(egtea.rate), egtea.first_frame, egtea.end_included)
    for url, text in texts.items():
        if _is_original(text):
            rows = parse_rows(url, text.lstrip("# "), needs=(_PREFIX, _START, _STOP, _ACTION), delimiter=";")
            yield from map_rows(rows, _original_clip)
        elif not _CLASS.match(text):
            rows = parse_rows(url, text, needs=_RULSTM, header=_RULSTM)
            yield from map_rows(rows, lambda row: _rulstm_clip(row, names, times))


def missing_names(urls: Sequence[str]) -> tuple[str, ...]:
    """The action names, if RULSTM's table is not among the files."""
    texts = [load_text(url) for url in urls]
    if all(_is_original(text) for text in texts) or any(_CLASS.match(text) for text in texts):
        return ()
    return ("the names of the actions, which stand in actions.csv",)


def _is_original(text: str) -> bool:
    return _PREFIX in text.partition("\n")[0]


def _original_clip(row: Row) -> Clip:
    prefix = str(row[_PREFIX]).strip()
    session = "-".join(prefix.split("-")[:3])
    return _clip(
        Clip(row.where, prefix, session, row[_START], row[_STOP], _MILLISECONDS), str(row[_ACTION]).strip()
    )


def _rulstm_clip(row: Row, names: Mapping[str, str], times: Times) -> Clip | Rejection:
    action = str(row["action"]).strip()
    clip = Clip(row.where, None, row["session"], row["start"], row["stop"], times)
    if names and action not in names:
        return unreadable(clip, f"{action[:60]!r} is not an action in actions.csv")
    return _clip(clip, names.get(action, f"action {action}").replace("_", " ").replace(":", "_"))


def _clip(timed: Clip, action: str) -> Clip:
    """Add verb and noun; an action's last word is its noun, with `_` between the noun's own words."""
    verb, _, noun = action.rpartition(" ")
    return replace(timed, group=str(timed.video).partition("-")[0], verb=verb, noun=noun, label=action)
