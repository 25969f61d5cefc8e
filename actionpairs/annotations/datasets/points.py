"""Spans for formats that state one time per text."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from actionpairs.annotations.times import number
from actionpairs.formats import PointTimes


def valid_times(values: Sequence[object]) -> list[float]:
    """The values that are times, in order; files often have them out of order."""
    times: list[float] = []
    for value in values:
        try:
            times.append(number(value))
        except ValueError:
            continue  # its own row is rejected
    return sorted(times)


def point_span(value: object, times: Sequence[float], points: PointTimes) -> tuple[float, float]:
    """Start and stop in seconds around a time; times: all of the annotation, in order.

    Never starts before 0. Raises ValueError if the value is no time.
    """
    time = number(value)
    stop = time + points.after_seconds
    later = bisect_right(times, time)
    if points.until_next and later < len(times):
        stop = min(stop, times[later])
    return max(0.0, round(time - points.before_seconds, 6)), round(stop, 6)
