"""The decode plan: which packets must be decoded for the frames that are wanted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actionpairs.video.index import PacketTable


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of packets to be decoded in one go.

    first, last: places in the table's order, both included. wanted: the pts of the frames to keep, ascending.
    """

    first: int
    last: int
    wanted: tuple[int, ...]


def plan(table: PacketTable, place_of: Mapping[int, int], wanted: Sequence[int]) -> list[Run]:
    """Group wanted frames by the key frame before them; stretches that touch become one.

    place_of: pts → place in the table's order. wanted: pts of shown frames. A frame's stretch goes from the last
    key at which decoding can begin for it to the packet that holds it: what lies between two stretches is not
    decoded at all.
    """
    key_pts = [(table.order[place], place) for place in table.keys]
    # Open GOPs: frames that follow a key in the file but are shown before it need the key before that.
    keys = sorted((pts, place) for pts, place in key_pts if pts is not None)
    starts = [pts for pts, _ in keys]
    runs: list[Run] = []
    for pts in sorted(set(wanted)):
        key = bisect_right(starts, pts) - 1
        first = keys[key][1] if key >= 0 else 0
        first = min(first, place_of[pts])
        if runs and first <= runs[-1].last + 1:
            before = runs.pop()
            runs.append(Run(before.first, max(before.last, place_of[pts]), (*before.wanted, pts)))
        else:
            runs.append(Run(first, place_of[pts], (pts,)))
    return runs
