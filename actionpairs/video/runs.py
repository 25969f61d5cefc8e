"""The decode plan: which packets must be decoded for the frames that are wanted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from actionpairs.video.index import PacketTable


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of packets to be decoded in one go.

    first, last: places in the table, both included. wanted: the times of the frames to keep, ascending.
    """

    first: int
    last: int
    wanted: tuple[int, ...]


def plan(table: PacketTable, wanted: Sequence[int]) -> list[Run]:
    """Group wanted frames by the entry before them; stretches that touch become one.

    wanted: times of shown frames. A frame's stretch goes from the last entry at which decoding can begin for it to
    the packet that holds it: what lies between two stretches is not decoded at all.
    """
    place_of = {time: place for place, time in enumerate(table.times)}
    timed = [(table.times[place], place) for place in table.entries]
    # Open GOPs: frames that follow an entry in the file but are shown before it need the entry before that.
    entries = sorted((time, place) for time, place in timed if time is not None)
    starts = [time for time, _ in entries]
    runs: list[Run] = []
    for time in sorted(set(wanted)):
        entry = bisect_right(starts, time) - 1
        first = entries[entry][1] if entry >= 0 else 0
        first = min(first, place_of[time])
        if runs and first <= runs[-1].last + 1:
            before = runs.pop()
            runs.append(Run(before.first, max(before.last, place_of[time]), (*before.wanted, time)))
        else:
            runs.append(Run(first, place_of[time], (time,)))
    return runs
