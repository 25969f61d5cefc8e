"""Convert the times of annotation files to seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import time, timedelta
from fractions import Fraction
from typing import Literal

# float() and int() accept `1_000`, `١٢` and `infinity`; none of these is a time.
_NUMBER = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_MOST_FRAMES = 10**12
# `0 days` is how pandas writes a Timedelta; a comma is how subtitles and half of Europe write the decimal point.
_CLOCK = re.compile(r"(?:0 days )?(?:(\d{1,6}):)?(\d{1,6}):(\d{1,2})(?:[.,](\d{0,30}))?", re.ASCII)
_TIMECODE = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})([:;])(\d{1,3})", re.ASCII)
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*", re.ASCII)
_PER_SECOND = {"milliseconds": 1000, "microseconds": 1_000_000}

Unit = Literal["seconds", "clock", "milliseconds", "microseconds", "frames", "timecode", "whole clip"]


@dataclass(frozen=True, slots=True)
class Times:
    """How a row's start and stop are written.

    rate: frames per second of the annotation's clock, which can differ from the video's: frame n means the time
    n / rate. first_frame: the number of the video's first frame. end_included: whether the stop frame belongs to
    the action. A `whole clip` lasts from 0 to infinity, whatever the row says. decimal_comma: `1,5` is 1.5.
    """

    unit: Unit = "seconds"
    rate: Fraction = Fraction(1)
    first_frame: int = 0
    end_included: bool = False
    decimal_comma: bool = False

    def span(self, start: object, stop: object) -> tuple[float, float]:
        """Start and stop in seconds, not checked for order; raises ValueError if one of them is no time."""
        if self.decimal_comma:
            start, stop = _with_point(start), _with_point(stop)
        match self.unit:
            case "seconds":
                return number(start), number(stop)
            case "whole clip":
                return 0.0, math.inf
            case "clock":
                return clock_seconds(start), clock_seconds(stop)
            case "frames":
                return self._seconds(_whole(start), _whole(stop))
            case "timecode":
                return self._seconds(timecode_frame(start, self.rate), timecode_frame(stop, self.rate))
            case _:
                per_second = _PER_SECOND[self.unit]
                return number(start) / per_second, number(stop) / per_second

    def _seconds(self, start_frame: int, stop_frame: int) -> tuple[float, float]:
        first, end = start_frame - self.first_frame, stop_frame - self.first_frame + self.end_included
        return float(first / self.rate), float(end / self.rate)

    @property
    def tolerance_seconds(self) -> float:
        """How far a video's frame may be from the annotated time: half a frame for frame numbers, else 0."""
        return float(1 / (2 * self.rate)) if self.unit in ("frames", "timecode") else 0.0


def clock_seconds(value: object) -> float:
    """Parse `HH:MM:SS.ss`, `HH:MM:SS,ss`, `MM:SS` or plain seconds; raises ValueError for anything else."""
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return number(value)
    hours, minutes, seconds, decimals = match.groups(default="0")
    if int(seconds) > 60 or (match[1] is not None and int(minutes) > 60):
        raise ValueError(f"not a time: {quoted(value)}")
    # Added as binary floats, as EPIC did for its frame columns: so they can be computed from our seconds.
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{decimals}")


def timecode_frame(value: object, rate: Fraction) -> int:
    """The frame that an SMPTE timecode `HH:MM:SS:FF` means, from 0; raises ValueError for anything else.

    A timecode counts whole frames per second: 30 at a rate of 29.97. `HH:MM:SS;FF` is drop-frame timecode, for
    29.97 and 59.94: it leaves out the first 2 or 4 numbers of each minute that is no multiple of 10 (SMPTE 12-1).
    """
    match = _TIMECODE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"not a timecode HH:MM:SS:FF: {quoted(value)}")
    hours, minutes, seconds, frame = (int(match[place]) for place in (1, 2, 3, 5))
    per_second = math.ceil(rate)
    if minutes > 59 or seconds > 59 or frame >= per_second:
        raise ValueError(f"not a timecode at {per_second} frames per second: {quoted(value)}")
    number_of_frames = ((hours * 60 + minutes) * 60 + seconds) * per_second + frame
    if match[4] == ":":
        return number_of_frames
    if per_second % 30 or rate.denominator != 1001:
        raise ValueError(f"drop-frame timecode {quoted(value)}, but the rate is {float(rate):g}")
    dropped = per_second // 15
    if minutes % 10 and seconds == 0 and frame < dropped:
        raise ValueError(f"a number that drop-frame timecode leaves out: {quoted(value)}")
    all_minutes = hours * 60 + minutes
    return number_of_frames - dropped * (all_minutes - all_minutes // 10)


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


def _with_point(value: object) -> object:
    """`1,5` as `1.5`; everything else unchanged."""
    return value.replace(",", ".") if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value) else value


def _whole(value: object) -> int:
    result = number(value)
    if not result.is_integer() or abs(result) > _MOST_FRAMES:
        raise ValueError(f"not a frame number: {quoted(value)}")
    return int(result)


def unit_of(values: tuple[object, ...]) -> str:
    """The unit that no other could be, of values that are all written in one form; empty if it cannot be told."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    if not texts or len(texts) < len(values):
        return ""
    if all(_TIMECODE.fullmatch(text) for text in texts):
        return "timecode"
    return "clock" if all(_CLOCK.fullmatch(text) for text in texts) else ""


def clock_text(value: object) -> object:
    """A time or a time difference as `HH:MM:SS.ss`; every other value unchanged."""
    if isinstance(value, time):
        value = timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    if not isinstance(value, timedelta):
        return value
    sign = "-" if value < timedelta() else ""
    seconds, rest = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    clock = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}.{rest:06}".rstrip("0") if rest else clock


def quoted(value: object) -> str:
    """A value for an error message: its repr, shortened."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "an integer of more than 128 bits"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
