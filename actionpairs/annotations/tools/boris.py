"""BORIS: a project (.boris), or its tabular or aggregated events (boris_tables.py), of versions 7 to 9.

A project has `observations: {id: {type, file: {player: [paths]}, media_info: {length}, "time offset", events}}`
with events `[time, subject, code, modifier, comment, …]`, and `behaviors_conf`, which says which codes are states.
The first and second event of one subject, code and modifier are START and STOP. An event's time is the player's,
plus the time offset. From BORIS's project_functions.py (events_start_stop), write_event.py, events_snapshots.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from actionpairs.annotations.clips import Clip, malformed, unreadable, unwanted
from actionpairs.annotations.documents import load_object
from actionpairs.annotations.rows import Row, file_name, load_text
from actionpairs.annotations.times import number, quoted
from actionpairs.annotations.tools.boris_media import Event, Playlist, pair_events, words_of
from actionpairs.annotations.tools.boris_tables import table_clips
from actionpairs.annotations.tools.media import media_name
from actionpairs.errors import AnnotationError
from actionpairs.formats import BorisFormat
from actionpairs.records import Rejection

_PLAYER = "1"  # its media make the clock of an observation


def read(urls: Sequence[str], _: BorisFormat) -> Iterator[Clip | Rejection]:
    """Read BORIS files; the group is the subject that was observed."""
    for url in urls:
        text = load_text(url)
        yield from _clips(url) if text.lstrip().startswith("{") else table_clips(url, text)


def _clips(url: str) -> Iterator[Clip | Rejection]:
    project = load_object(url)
    observations, behaviors = project.get("observations"), project.get("behaviors_conf")
    if not isinstance(observations, dict) or not isinstance(behaviors, dict):
        raise AnnotationError(
            f"{url}: no project of BORIS: it needs observations and behaviors_conf.",
            cure="Give a .boris file, or events that BORIS exported, or check the format in the recipe.",
        )
    kinds = {str(item.get("code")): str(item.get("type")) for item in behaviors.values() if isinstance(item, dict)}
    for name, observation in observations.items():
        where = f"{file_name(url)}, observation {name[:60]!r}"
        if isinstance(observation, dict):
            yield from _observation(where, Row(where, observation), kinds)
        else:
            yield malformed(where, "not an object")


def _observation(where: str, observation: Row, kinds: Mapping[str, str]) -> Iterator[Clip | Rejection]:
    files, info = observation["file"], observation["media_info"]
    media = files.get(_PLAYER) if isinstance(files, dict) else None
    lengths = info.get("length") if isinstance(info, dict) else None
    clip = Clip(where, None, "", "", "")
    if observation["type"] != "MEDIA":
        yield unwanted(clip, f"an observation of type {quoted(observation['type'])}: it has no video")
    elif observation["media_creation_date_as_offset"] is True:
        yield unreadable(clip, "coded on the clock of the media's creation dates")
    elif not isinstance(media, list) or not media:
        yield unreadable(clip, f"no media in player {_PLAYER}")
    else:
        seconds = [lengths.get(str(file)) for file in media] if isinstance(lengths, dict) else []
        playlist = Playlist(tuple(media), tuple(seconds), observation["time offset"] or 0)
        yield from pair_events(_events(clip, observation["events"], kinds, playlist))


def _events(
    clip: Clip, events: object, kinds: Mapping[str, str], playlist: Playlist
) -> Iterator[Event | Rejection]:
    """The events in the order of their times, with their status: each second one of a state is its STOP."""
    items = events if isinstance(events, list) else [None]
    rows = [item for item in items if isinstance(item, list) and len(item) >= 5 and _is_number(item[0])]
    if len(rows) < len(items):
        yield malformed(
            clip.where, f"{len(items) - len(rows)} events are not [time, subject, code, modifier, comment]"
        )
    counts: dict[tuple[str, ...], int] = {}
    for time, subject, code, modifiers, comment, *_ in sorted(rows, key=lambda row: number(row[0])):
        event = replace(
            clip,
            where=f"{clip.where}, {quoted(time)} s",
            video=media_name(playlist.files[0]),
            start=time,
            group=subject,
            verb=code,
            noun=words_of(str(modifiers).split("|")),
            label=code,
            narration=comment,
        )
        kind = kinds.get(str(code), "")
        key = (str(subject), str(code), str(modifiers))
        counts[key] = counts.get(key, 0) + 1
        if kind.startswith("State event"):
            yield Event(key, "START" if counts[key] % 2 else "STOP", event, playlist)
        elif kind.startswith("Point event"):
            yield Event(key, "POINT", event, playlist)
        else:
            yield unreadable(event, f"{quoted(code)} is no behavior of the project")


def _is_number(value: object) -> bool:
    try:
        number(value)
    except ValueError:
        return False
    return True
