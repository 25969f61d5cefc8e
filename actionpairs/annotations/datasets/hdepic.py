"""HD-EPIC: narrations, recipe steps and high-level activities, in seconds.

Layout: README.md and high-level/ of hd-epic/hd-epic-annotations. HD_EPIC_Narrations.pkl is a pickle, which can
run code when it is opened, so it is never opened here: write it as Parquet once. In complete_recipes.json,
`step_times` are read; `prep_times` are what happens before a step, and are left out. In
PXX_recipe_timestamps.csv, `end` means the end of the video.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from actionpairs.annotations.clips import Clip, malformed, unwanted
from actionpairs.annotations.datasets.entries import any_has, entry_name, need_level, need_object
from actionpairs.annotations.documents import load_object, objects
from actionpairs.annotations.rows import Row, check_columns, load_bytes, load_text, map_rows, parse_rows
from actionpairs.annotations.tables.arrow_tables import is_arrow, open_arrow
from actionpairs.annotations.text_encodings import refuse_pickle
from actionpairs.annotations.times import Times, number
from actionpairs.formats import HdEpicFormat
from actionpairs.records import Rejection

_NARRATION = (
    "unique_narration_id",
    "participant_id",
    "video_id",
    "narration",
    "start_timestamp",
    "end_timestamp",
    "main_actions",
)
_ACTIVITY = ("video_id", "recipe_id", "high_level_activity_label", "start_time", "end_time")
_FINEST_FIRST = ("narration", "step", "activity")


@dataclass(frozen=True, slots=True)
class _ToTheEnd(Times):
    """The times of an activity that lasts until its video ends."""

    def span(self, start: object, stop: object) -> tuple[float, float]:
        return number(start), math.inf


_TO_THE_END = _ToTheEnd()


def read(urls: Sequence[str], hdepic: HdEpicFormat) -> Iterator[Clip | Rejection]:
    """Read HD-EPIC files; the group is the participant, the first part of a video's name."""
    levels = {url: _level(url) for url in urls}
    level = need_level(hdepic.level, set(levels.values()), _FINEST_FIRST, urls)
    for url, of_file in levels.items():
        for clip in _CLIPS[of_file](url):
            if isinstance(clip, Clip) and of_file != level:
                yield unwanted(clip, f"of the level {of_file}, not {level}")
            else:
                yield clip


def _level(url: str) -> str:
    data = load_bytes(url)
    refuse_pickle(url, data)
    if is_arrow(data):
        return "narration"
    return "step" if load_text(url).lstrip().startswith("{") else "activity"


def _narrations(url: str) -> Iterator[Clip | Rejection]:
    names, rows = open_arrow(url, load_bytes(url))
    check_columns(url, names, _NARRATION)
    return map_rows(rows(_NARRATION), _narration)


def _narration(row: Row) -> Clip:
    actions = row["main_actions"]
    main = actions[0] if isinstance(actions, list) and actions else None
    verb, noun = main if isinstance(main, list) and len(main) == 2 else ("", "")
    return Clip(
        where=row.where,
        id=row["unique_narration_id"],
        video=row["video_id"],
        start=row["start_timestamp"],
        stop=row["end_timestamp"],
        group=row["participant_id"],
        verb=verb,
        noun=noun,
        label=f"{verb} {noun}".strip(),
        narration=row["narration"],
    )


def _steps(url: str) -> Iterator[Clip | Rejection]:
    document = load_object(url)
    is_recipes = any_has(document.values(), "steps", "captures")
    need_object(url, document, format_name="HD-EPIC's recipes", is_of_format=is_recipes)
    for recipe, entry in document.items():
        where = entry_name(url, recipe)
        if not isinstance(entry, dict):
            yield malformed(where, "not an object")
            continue
        names = entry.get("steps")
        for capture in objects(entry.get("captures"), where=where):
            if isinstance(capture, Rejection):
                yield capture
            else:
                yield from _step_clips(capture, names if isinstance(names, dict) else {})


def _step_clips(capture: Row, names: Mapping[str, object]) -> Iterator[Clip | Rejection]:
    for kind in ("step_times", "prep_times"):
        times = capture[kind]
        if not isinstance(times, dict):
            yield malformed(capture.where, f"{kind} is no object")
            continue
        for step, spans in times.items():
            for span in objects(spans, where=capture.where):
                if isinstance(span, Rejection):
                    yield span
                    continue
                name, video = names.get(step), span["video"]
                clip = Clip(span.where, None, video, span["start"], span["end"], label=name, narration=name)
                clip = _of_participant(clip)
                yield clip if kind == "step_times" else unwanted(clip, "what happens before a step")


def _activities(url: str) -> Iterator[Clip | Rejection]:
    return map_rows(parse_rows(url, load_text(url), needs=_ACTIVITY), _activity)


def _activity(row: Row) -> Clip:
    label, stop = row["high_level_activity_label"], row["end_time"]
    times = _TO_THE_END if str(stop).strip() == "end" else Times()
    return _of_participant(
        Clip(row.where, None, row["video_id"], row["start_time"], stop, times, label=label, narration=label)
    )


def _of_participant(clip: Clip) -> Clip:
    return replace(clip, group=clip.video.partition("-")[0] if isinstance(clip.video, str) else "")


_CLIPS = {"narration": _narrations, "step": _steps, "activity": _activities}
