"""When a video's frames are shown, and which of them is on screen at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from actionpairs import rates

# What an annotation's time 0 means: where players begin to count, or the file's own clock.
TimeZero = Literal["first frame", "pts"]
# An annotation's time is a rounded number; a frame this near to it counts as shown at it.
_SLACK_SECONDS = Fraction(1, 1_000_000)
# Sound that begins this much before the pictures is an encoder's priming or the grid of its packets.
_PRIMING_SECONDS = Fraction(50, 1000)


@dataclass(frozen=True, slots=True)
class Timeline:
    """When every frame is shown; times are in units of `time_base` seconds.

    shown: the times of the frames, ascending; a frame's place in it is its position. end: when the last one leaves
    the screen. origin: the time that seconds count from.
    """

    time_base: Fraction
    shown: tuple[int, ...]
    end: int
    origin: int

    @property
    def end_seconds(self) -> float:
        """When the last frame leaves the screen."""
        return float((self.end - self.origin) * self.time_base)

    @property
    def rate(self) -> Fraction | None:
        """Frames per second over the whole video; None where there are not two."""
        span = (self.shown[-1] - self.shown[0]) * self.time_base
        return (len(self.shown) - 1) / span if span else None

    def seconds_of(self, position: int) -> float:
        """When a frame comes on screen, in seconds from the origin."""
        return float((self.shown[position] - self.origin) * self.time_base)

    def on_screen_at(self, seconds: float) -> int:
        """The position of the frame on screen at a time."""
        return max(bisect_right(self.shown, self._ticks(seconds) + self._slack) - 1, 0)

    def last_before(self, seconds: float) -> int:
        """The position of the last frame that comes on screen before a time."""
        return max(bisect_left(self.shown, self._ticks(seconds) - self._slack) - 1, 0)

    def numbered(self, seconds: float, *, half_frame_seconds: float, earlier: int = 0) -> int:
        """The position of the frame that a frame number means, by the time on which it falls by its own rate.

        half_frame_seconds: half a frame at that rate. earlier: how many numbers before it the frame is wanted.
        """
        half = Fraction(half_frame_seconds)
        at = self._ticks(seconds) - 2 * earlier * half / self.time_base
        return rates.meant(self.shown, at, within=half / self.time_base)

    @property
    def _slack(self) -> Fraction:
        return _SLACK_SECONDS / self.time_base

    def _ticks(self, seconds: float) -> Fraction:
        # Fraction(str(…)) is the decimal number that the annotator wrote, not its binary neighbor.
        return Fraction(str(seconds)) / self.time_base + self.origin


def origin(first: int, time_base: Fraction, *, sound_seconds: Fraction | None, time_zero: TimeZero) -> int:
    """The time, in ticks, that seconds count from.

    first: the time of the first frame shown. Where sound begins before it, it is the sound's time, as in players,
    which show nothing till then. Sound before the file's own zero is an encoder's priming and is not heard.
    """
    if time_zero == "pts":
        return 0
    if sound_seconds is None or first * time_base - max(sound_seconds, Fraction(0)) <= _PRIMING_SECONDS:
        return first
    return round(max(sound_seconds, Fraction(0)) / time_base)
