"""The decode plan: which packets must be decoded to get the wanted frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from actionpairs.video.packet_table import PacketTable


@dataclass(frozen=True, slots=True)
class Run:
    """A range of packets to decode without a seek in between.

    first, last: packet indexes in the table, both included. wanted: the times of the frames to keep, ascending.
    """

    first: int
    last: int
    wanted: tuple[int, ...]


def plan_runs(table: PacketTable, wanted: Sequence[int]) -> list[Run]:
    """The runs that decode the frames at the `wanted` times.

    A run goes from the last entry from which a frame can be decoded to the packet that holds the frame. Runs that
    touch are merged. Packets between two runs are not decoded.
    """
    index_of = {time: index for index, time in enumerate(table.times)}
    timed = [(table.times[index], index) for index in table.entries]
    # Open GOPs: frames that follow an entry in the file but are shown before it need the previous entry.
    entries = sorted((time, index) for time, index in timed if time is not None)
    starts = [time for time, _ in entries]
    runs: list[Run] = []
    for time in sorted(set(wanted)):
        entry = bisect_right(starts, time) - 1
        first = entries[entry][1] if entry >= 0 else 0
        first = min(first, index_of[time])
        if runs and first <= runs[-1].last + 1:
            before = runs.pop()
            runs.append(Run(before.first, max(before.last, index_of[time]), (*before.wanted, time)))
        else:
            runs.append(Run(first, index_of[time], (time,)))
    return runs
