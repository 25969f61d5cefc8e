"""The presentation times of a video's frames, and which frame is on screen at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from actionpairs import rates

# What an annotation's time 0 means: where players start counting, or pts 0.
TimeZero = Literal["first frame", "pts"]
# An annotation's time is rounded: a frame this close to it counts as exactly at it.
_SLACK_SECONDS = Fraction(1, 1_000_000)
# Audio that starts this much before the first frame is encoder priming or packet alignment.
_PRIMING_SECONDS = Fraction(50, 1000)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The presentation times of all frames, in ticks of `time_base` seconds.

    frame_times: ascending; a frame's index in it is its position. end: when the last frame ends. origin: the time
    that is second 0.
    """

    time_base: Fraction
    frame_times: tuple[int, ...]
    end: int
    origin: int

    @property
    def end_seconds(self) -> float:
        """When the last frame ends, in seconds from the origin."""
        return float((self.end - self.origin) * self.time_base)

    @property
    def rate(self) -> Fraction | None:
        """Frames per second over the whole video; None if there are fewer than two frame times."""
        span = (self.frame_times[-1] - self.frame_times[0]) * self.time_base
        return (len(self.frame_times) - 1) / span if span else None

    def seconds_of(self, position: int) -> float:
        """When a frame starts, in seconds from the origin."""
        return float((self.frame_times[position] - self.origin) * self.time_base)

    def on_screen_at(self, seconds: float) -> int:
        """The position of the frame on screen at a time."""
        return max(bisect_right(self.frame_times, self._ticks(seconds) + self._slack) - 1, 0)

    def last_before(self, seconds: float) -> int:
        """The position of the last frame that starts before a time."""
        return max(bisect_left(self.frame_times, self._ticks(seconds) - self._slack) - 1, 0)

    def for_frame_number(self, seconds: float, *, half_frame_seconds: float, earlier: int = 0) -> int:
        """The position of the frame that an annotated frame number means.

        seconds: the number's time at the annotation's rate. half_frame_seconds: half a frame at that rate.
        earlier: how many frame numbers before that one.
        """
        half = Fraction(half_frame_seconds)
        at = self._ticks(seconds) - 2 * earlier * half / self.time_base
        return rates.nearest_frame(self.frame_times, at, within=half / self.time_base)

    @property
    def _slack(self) -> Fraction:
        return _SLACK_SECONDS / self.time_base

    def _ticks(self, seconds: float) -> Fraction:
        # Fraction(str(…)) is the decimal number in the file, not its nearest binary float.
        return Fraction(str(seconds)) / self.time_base + self.origin


def origin(first: int, time_base: Fraction, *, sound_seconds: Fraction | None, time_zero: TimeZero) -> int:
    """The time, in ticks, that is second 0.

    first: the time of the first frame. If sound begins earlier, second 0 is where the sound begins, as in players.
    Sound before the file's own zero is encoder priming and is not played.
    """
    if time_zero == "pts":
        return 0
    if sound_seconds is None or first * time_base - max(sound_seconds, Fraction(0)) <= _PRIMING_SECONDS:
        return first
    return round(max(sound_seconds, Fraction(0)) / time_base)
