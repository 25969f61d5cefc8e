"""Frame rates as exact fractions, and which frame of a video a frame number means."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

_RATE = re.compile(r"(\d{1,9})(?:\.(\d{1,30}))?(?:\s*/\s*(\d{1,9}(?:\.\d{1,30})?))?", re.ASCII)
# Television's rates are these times 1000/1001, and hardly anybody writes them so.
_TELEVISION = tuple(Fraction(1000 * rate, 1001) for rate in (12, 15, 24, 30, 48, 60, 72, 90, 96, 120, 144, 240))
_SLOWEST, _FASTEST = Fraction(1, 10_000), 1_000_000  # what cameras take, by the hour or of a shock wave
_LARGEST_DENOMINATOR = 1_000_000


def exact(value: object) -> Fraction:
    """The frames per second that a number or a text such as `29.97` or `30000/1001` means.

    A decimal that is 30000/1001, rounded or cut after two places or more, is that fraction: 29.97 and 29.97003,
    23.976, 23.98 and 23.97, 59.94 and so on. Any other decimal, and any fraction, is what it says. Raises
    ValueError where it is no rate between 0.0001 and a million.
    """
    found = value if isinstance(value, Fraction) else _read(value)
    if found is None or not _SLOWEST <= found <= _FASTEST:
        raise ValueError(f"not a frame rate (such as 25, 29.97 or 30000/1001): {str(value)[:40]!r}")
    return found


def written(value: object) -> float | str:
    """A rate in its one short form, a number or `30000/1001`; raises ValueError as `exact` does."""
    rate = exact(value)
    number = float(rate)
    return number if Fraction(str(number)) == rate == exact(number) else str(rate)


def _read(value: object) -> Fraction | None:
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
    # Binary numbers and other people's programs get the far places wrong.
    unit = Fraction(1, 10 ** min(places, 6))
    for rate in _TELEVISION:
        if -unit < number - rate <= unit / 2:
            return rate
    return number


def stated(tolerance_seconds: float) -> Fraction | None:
    """The rate by which a segment's frame numbers became times, from its tolerance; None where there were none."""
    if not tolerance_seconds:
        return None
    return (1 / (2 * Fraction(tolerance_seconds))).limit_denominator(_LARGEST_DENOMINATOR)


def differ(one: Fraction, other: Fraction, *, seconds: float) -> bool:
    """Whether two rates are not the same for a video of that length: they part by more than half a frame."""
    return abs(one - other) * Fraction(seconds) > Fraction(1, 2)


def meant(shown: Sequence[int], at: Fraction, *, within: Fraction) -> int:
    """The position of the frame that a frame number means which falls on the time `at`: on screen then, or next.

    The next one is meant where it is the nearer of the two and less than `within` away. All times are in ticks;
    `shown` are those of a video's frames, ascending, at least one.
    """
    place = bisect_right(shown, at) - 1
    if place < 0 or place + 1 == len(shown):
        return max(place, 0)
    ahead = shown[place + 1] - at
    return place + 1 if ahead < within and ahead < at - shown[place] else place
