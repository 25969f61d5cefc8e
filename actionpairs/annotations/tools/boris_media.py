"""Pair the events of BORIS, and find the media file in which an event is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from actionpairs.annotations.clips import Clip, unreadable, unwanted
from actionpairs.annotations.times import clock_seconds, number, quoted
from actionpairs.annotations.tools.media import media_name
from actionpairs.records import Rejection


@dataclass(frozen=True, slots=True)
class Playlist:
    """The media files that an observation plays one after the other.

    lengths: in seconds, as they are in the file; empty if they are not. offset: seconds that were added to the
    player's time.
    """

    files: tuple[object, ...]
    lengths: tuple[object, ...] = ()
    offset: object = 0

    def place(self, start: object, stop: object) -> tuple[object, float, float]:
        """The file of an event, and its start and stop in that file, in seconds.

        Raises ValueError if they are no times, or not in one file.
        """
        offset = _exact(number(self.offset))
        begin, end = _exact(clock_seconds(start)) - offset, _exact(clock_seconds(stop)) - offset
        if len(self.files) == 1:
            return self.files[0], float(begin), float(end)
        if len(self.lengths) != len(self.files):
            raise ValueError(
                "in one of several media files, whose lengths are not known here: give the .boris file"
            )
        first = Fraction(0)
        for file, length in zip(self.files, self.lengths, strict=True):
            after = first + Fraction(math.floor(_exact(number(length)) * 1000), 1000)  # as BORIS rounds them
            if begin < after:
                if end > after:
                    raise ValueError("goes on from one media file into the next")
                return file, float(begin - first), float(end - first)
            first = after
        raise ValueError(f"starts after the last media file ends: {quoted(start)}")


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its status (START, STOP or POINT), and a clip whose start is its time in the observation.

    key: what START and STOP of one state share.
    """

    key: Hashable
    status: str
    clip: Clip
    playlist: Playlist


def pair_events(events: Iterable[Event | Rejection]) -> Iterator[Clip | Rejection]:
    """The states between START and STOP events; an event without its other half is a Rejection."""
    starts: dict[Hashable, Event] = {}
    for event in events:
        if isinstance(event, Rejection):
            yield event
        elif event.status == "POINT":
            yield unwanted(event.clip, "a point event: it has no duration")
        elif event.status == "START":
            if event.key in starts:
                yield unreadable(starts[event.key].clip, "its STOP is missing")
            starts[event.key] = event
        elif event.status == "STOP" and event.key in starts:
            start = starts.pop(event.key)
            yield placed(replace(start.clip, stop=event.clip.start), start.playlist)
        else:
            what = "a STOP without its START" if event.status == "STOP" else f"no status: {quoted(event.status)}"
            yield unreadable(event.clip, what)
    for start in starts.values():
        yield unreadable(start.clip, "its STOP is missing")


def placed(clip: Clip, playlist: Playlist) -> Clip | Rejection:
    """A clip of an observation, as a clip of its media file."""
    try:
        file, start, stop = playlist.place(clip.start, clip.stop)
    except ValueError as error:
        return unreadable(clip, str(error))
    return replace(clip, video=media_name(file), start=start, stop=stop)


def words_of(modifiers: Iterable[object]) -> str:
    """The modifiers that were chosen, in their order; `None` means that none of a set was."""
    return " ".join(word for item in modifiers if (word := str(item).strip()) and word != "None")


def _exact(seconds: float) -> Fraction:
    """The decimal number that is written, so that differences have no binary dust."""
    return Fraction(repr(seconds))
