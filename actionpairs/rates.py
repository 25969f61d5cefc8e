"""Frame rates as exact fractions, and the frame of a video that a frame number means."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

_RATE = re.compile(r"(\d{1,9})(?:\.(\d{1,30}))?(?:\s*/\s*(\d{1,9}(?:\.\d{1,30})?))?", re.ASCII)
# Television rates are these times 1000/1001; most files write them as rounded decimals.
_TELEVISION = tuple(Fraction(1000 * rate, 1001) for rate in (12, 15, 24, 30, 48, 60, 72, 90, 96, 120, 144, 240))
_SLOWEST, _FASTEST = Fraction(1, 10_000), 1_000_000  # from time-lapse to high-speed cameras
_LARGEST_DENOMINATOR = 1_000_000


def parse_rate(value: object) -> Fraction:
    """Parse frames per second from a number or a text such as `29.97` or `30000/1001`.

    A decimal that is 30000/1001, rounded or truncated after two or more places, becomes that fraction: 29.97 and
    29.97003, 23.976, 23.98 and 23.97, 59.94 and so on. Any other decimal or fraction is taken exactly. Raises
    ValueError if it is no rate between 0.0001 and a million.
    """
    rate = value if isinstance(value, Fraction) else _parse(value)
    if rate is None or not _SLOWEST <= rate <= _FASTEST:
        raise ValueError(f"not a frame rate (such as 25, 29.97 or 30000/1001): {str(value)[:40]!r}")
    return rate


def format_rate(value: object) -> float | str:
    """The one short form of a rate, a number or `30000/1001`; raises ValueError as `parse_rate` does."""
    rate = parse_rate(value)
    number = float(rate)
    return number if Fraction(str(number)) == rate == parse_rate(number) else str(rate)


def _parse(value: object) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    parts = _RATE.fullmatch(str(value).strip())
    if parts is None:
        return None
    whole, decimals, divisor = parts[1], parts[2] or "", parts[3]
    number = Fraction(f"{whole}.{decimals or 0}")
    if divisor is not None:
        return number / Fraction(divisor) if Fraction(divisor) else None
    places = max(len(decimals.rstrip("0")), min(len(decimals), 2))
    return number if places < 2 else _of_television(number, places)


def _of_television(number: Fraction, places: int) -> Fraction:
    # Floats and other programs have errors in the last decimal places.
    unit = Fraction(1, 10 ** min(places, 6))
    for rate in _TELEVISION:
        if -unit < number - rate <= unit / 2:
            return rate
    return number


def rate_from_tolerance(tolerance_seconds: float) -> Fraction | None:
    """The rate by which a segment's frame numbers became times; None if its times were not frame numbers."""
    if not tolerance_seconds:
        return None
    return (1 / (2 * Fraction(tolerance_seconds))).limit_denominator(_LARGEST_DENOMINATOR)


def differ(one: Fraction, other: Fraction, *, seconds: float) -> bool:
    """Whether two rates differ by more than half a frame over a video of this length."""
    return abs(one - other) * Fraction(seconds) > Fraction(1, 2)


def nearest_frame(frame_times: Sequence[int], at: Fraction, *, within: Fraction) -> int:
    """The position of the frame that a frame number means, whose time is `at`.

    It is the frame on screen at that time, or the next frame if that is nearer and less than `within` away. All
    times are in ticks; frame_times: ascending, at least one.
    """
    position = bisect_right(frame_times, at) - 1
    if position < 0 or position + 1 == len(frame_times):
        return max(position, 0)
    until_next = frame_times[position + 1] - at
    return position + 1 if until_next < within and until_next < at - frame_times[position] else position
