"""Convert the times of annotation files to seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

# float() and int() accept `1_000`, `١٢` and `infinity`; none of these is a time.
_NUMBER = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_MOST_FRAMES = 10**12
_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,2})(?:\.(\d{0,30}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Times:
    """How a row's start and stop are written.

    rate: frames per second of the annotation's clock, which can differ from the video's: frame n means the time
    n / rate. first_frame: the number of the video's first frame. end_included: whether the stop frame belongs to
    the action. A `whole clip` lasts from 0 to infinity, whatever the row says.
    """

    unit: Literal["seconds", "clock", "milliseconds", "frames", "whole clip"] = "seconds"
    rate: Fraction = Fraction(1)
    first_frame: int = 0
    end_included: bool = False

    def span(self, start: object, stop: object) -> tuple[float, float]:
        """Start and stop in seconds, not checked for order; raises ValueError if one of them is no time."""
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
        """How far a video's frame may be from the annotated time: half a frame for frame numbers, else 0."""
        return float(1 / (2 * self.rate)) if self.unit == "frames" else 0.0


def clock_seconds(value: object) -> float:
    """Parse `HH:MM:SS.ss`, `MM:SS` or plain seconds; raises ValueError for anything else."""
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return number(value)
    hours, minutes, seconds, decimals = match.groups(default="0")
    if int(seconds) > 60 or (match[1] is not None and int(minutes) > 60):
        raise ValueError(f"not a time: {quoted(value)}")
    # Added as binary floats, as EPIC did for its frame columns: so they can be computed from our seconds.
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{decimals}")


def number(value: object) -> float:
    """Parse a finite number; raises ValueError for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if math.isfinite(result):
            return result
    raise ValueError(f"not a number: {quoted(value)}")


def _whole(value: object) -> int:
    result = number(value)
    if not result.is_integer() or abs(result) > _MOST_FRAMES:
        raise ValueError(f"not a frame number: {quoted(value)}")
    return int(result)


def quoted(value: object) -> str:
    """A value for an error message: its repr, shortened."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "an integer of more than 128 bits"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
