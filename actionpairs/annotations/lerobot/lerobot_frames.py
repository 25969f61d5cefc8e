"""The tables of a LeRobot data set's frames: which values of a column hold in an episode, and from when.

Columns as lerobot writes them: `subtask_index` with meta/subtasks.parquet (its commit b18cef2e2), which
`language_persistent` replaced (datasets/language.py at 7427f3180): a list that is the same on every frame of an
episode; an entry holds from its timestamp until the next one of its style (language_render.py, active_at).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from actionpairs.annotations.lerobot.lerobot_files import LerobotDataset, batches
from actionpairs.annotations.times import number, quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import LerobotFormat

_LANGUAGE, _SUBTASK = "language_persistent", "subtask_index"
_DOWNLOAD = "Download the file again."


@dataclass(frozen=True, slots=True)
class Run:
    """What an episode shows in [start, stop), in seconds from its first frame. text: None if it has none."""

    start_seconds: float
    stop_seconds: float
    text: object


@dataclass(slots=True)
class EpisodeFrames:
    """The frames of an episode: each change of the column's value with its time, and the time of the last frame.

    language: the rows of `language_persistent`, if that is the column. problem: why the frames cannot be used.
    """

    group: object = ""
    changes: list[tuple[float, object]] = field(default_factory=list)
    language: object = None
    last_seconds: float = -1.0
    problem: str = ""


def runs_column(dataset: LerobotDataset, lerobot: LerobotFormat) -> str | None:
    """The column of the frames that divides the episodes; None for whole episodes."""
    if lerobot.segments != "subtasks":
        return lerobot.column
    for column in (_SUBTASK, _LANGUAGE):
        if column in dataset.columns:
            return column
    raise AnnotationError(
        f"{dataset.info_url}: no subtasks: neither {_SUBTASK!r} nor {_LANGUAGE!r} among its features: "
        f"{', '.join(dataset.columns)[:300]}.",
        cure="Use `segments: episodes`, or name the column of texts with `segments: column`; or annotate the data "
        "set with lerobot-annotate.",
    )


def load_frames(dataset: LerobotDataset, column: str | None, group: str | None) -> dict[int, EpisodeFrames]:
    """The frames of every episode, by its index. group: a column whose first value is that of the episode."""
    needs = ["episode_index", "timestamp", *(name for name in (column, group) if name)]
    episodes: dict[int, EpisodeFrames] = {}
    tables = dataset.names("data/", ".parquet")
    if not tables:
        raise AnnotationError(
            f"{dataset.info_url}: no tables of frames (data/*.parquet) beside it.",
            cure="Download them too: subtasks, columns and groups are in them.",
        )
    current = None
    for url in tables:
        for batch in batches(url, needs):
            for index, part in _by_episode(url, batch):
                if index not in episodes:
                    episodes[index] = EpisodeFrames(part.column(group)[0].as_py() if group else "")
                elif index != current:
                    episodes[index].problem = "its frames are in several places"
                current = index
                _extend(episodes[index], part, column)
    return episodes


def _by_episode(url: str, batch: Any) -> Iterator[tuple[int, Any]]:
    """The parts of a batch whose rows are of one episode."""
    start = 0
    for index, rows in groupby(batch.column("episode_index").to_pylist()):
        if not isinstance(index, int):
            raise AnnotationError(f"{url}: `episode_index` is {quoted(index)}, not a number.", cure=_DOWNLOAD)
        length = len(list(rows))
        yield index, batch.slice(start, length)
        start += length


def _extend(frames: EpisodeFrames, part: Any, column: str | None) -> None:
    """Add rows to an episode's frames; the language rows of the first are those of all."""
    times = part.column("timestamp").to_pylist()
    values = [None] * len(times)
    if column == _LANGUAGE:
        frames.language = part.column(column)[0].as_py() if frames.language is None else frames.language
    elif column:
        values = part.column(column).to_pylist()
    for seconds, value in zip(times, values, strict=True):
        if not isinstance(seconds, int | float) or not frames.last_seconds < seconds < math.inf:
            frames.problem = (
                frames.problem or f"its frame at {quoted(seconds)} follows that at {frames.last_seconds}"
            )
            return
        if not frames.changes or value != frames.changes[-1][1]:
            frames.changes.append((seconds, value))
        frames.last_seconds = seconds


def runs(frames: EpisodeFrames, *, frame_seconds: float, texts: Mapping[int, str], style: str) -> Iterator[Run]:
    """What an episode shows, in order. frame_seconds: how long its last frame lasts. texts: those of numbers."""
    end = frames.last_seconds + frame_seconds
    changes = frames.changes
    if frames.language is not None:
        changes = sorted(_entries(frames.language, style), key=lambda change: change[0])
    stops = [seconds for seconds, _ in changes[1:]] + [end]
    for (start, value), stop in zip(changes, stops, strict=True):
        text = texts.get(value) if isinstance(value, int) else value or None
        yield Run(start, stop, text)


def _entries(rows: object, style: str) -> Iterator[tuple[float, object]]:
    """Time and content of the entries of a style; raises ValueError if a time is not a number."""
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("style") == style:
            yield number(row.get("timestamp")), row.get("content")
