"""Times as annotation files write them, and what they are in seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

# float() and int() by themselves take `1_000`, `١٢` and `infinity`: none of these is a time.
_NUMBER = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_MOST_FRAMES = 10**12
_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,2})(?:\.(\d{0,30}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Times:
    """How a row's start and stop are to be read.

    rate: frames per second of the clock that frames were counted by, which need not be the video's own: frame n
    stands for the time n / rate. first_frame: the number of the video's first frame. end_included: whether the
    last frame named belongs to the action. A `whole clip` lasts from 0 to infinity, whatever the row says.
    """

    unit: Literal["seconds", "clock", "milliseconds", "frames", "whole clip"] = "seconds"
    rate: Fraction = Fraction(1)
    first_frame: int = 0
    end_included: bool = False

    def span(self, start: object, stop: object) -> tuple[float, float]:
        """Start and stop in seconds, in any order; raises ValueError where one of them is no time."""
        match self.unit:
            case "whole clip":
                return 0.0, math.inf
            case "clock":
                return clock_seconds(start), clock_seconds(stop)
            case "seconds":
                return number(start), number(stop)
            case "milliseconds":
                return number(start) / 1000, number(stop) / 1000
            case "frames":
                first, end = _whole(start) - self.first_frame, _whole(stop) - self.first_frame + self.end_included
                return float(first / self.rate), float(end / self.rate)

    @property
    def tolerance_seconds(self) -> float:
        """How far off a video's frame may be and still be the one meant: half a frame, for frame numbers."""
        return float(1 / (2 * self.rate)) if self.unit == "frames" else 0.0


def clock_seconds(value: object) -> float:
    """Read `HH:MM:SS.ss`, `MM:SS` or plain seconds; raises ValueError for anything else."""
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return number(value)
    hours, minutes, seconds, decimals = found.groups(default="0")
    if int(seconds) > 60 or (found[1] is not None and int(minutes) > 60):
        raise ValueError(f"not a time: {shown(value)}")
    # Summed in binary, as EPIC's frame columns were made: so each of them comes back from our seconds.
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{decimals}")


def number(value: object) -> float:
    """Read a finite number; raises ValueError for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if math.isfinite(found):
            return found
    raise ValueError(f"not a number: {shown(value)}")


def _whole(value: object) -> int:
    found = number(value)
    if not found.is_integer() or abs(found) > _MOST_FRAMES:
        raise ValueError(f"not a frame number: {shown(value)}")
    return int(found)


def shown(value: object) -> str:
    """A value as a message can hold it."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "an integer of more than 128 bits"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
