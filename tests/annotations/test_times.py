"""Times are parsed exactly, or refused."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from actionpairs.annotations.times import Times, clock_seconds, number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:00.14", 0.14),
        ("00:07:57.75", 477.75),
        ("10:00:00", 36000.0),
        ("01:02", 62.0),
        ("75:10", 4510.0),
        ("3.5", 3.5),
        (" 00:00:60.00 ", 60.0),
        (12, 12.0),
    ],
)
def test_a_clock_time_is_read_in_seconds(text: Any, seconds: float) -> None:
    assert clock_seconds(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "1:2:3:4",
        "00:61:00",
        "00:00:61",
        "-00:01",
        "1,5",
        "1_0",
        "٣",
        "nan",
        "inf",
        None,
        True,
        [],
        {},
        "\0",
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        clock_seconds(value)


@pytest.mark.parametrize("value", [10**400, "1e999", math.inf, math.nan, "9" * 99])
def test_numbers_that_no_video_has_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a number"):
        number(value)


@pytest.mark.parametrize(
    ("first_frame", "end_included", "seconds"),
    [(1, True, (1.0, 2.5)), (1, False, (1.0, 2.4)), (0, True, (1.1, 2.6)), (0, False, (1.1, 2.5))],
)
def test_frames_count_from_the_first_and_to_the_last(
    first_frame: int, end_included: bool, seconds: tuple[float, float]
) -> None:
    times = Times("frames", Fraction(10), first_frame, end_included)
    assert times.span("11", 25.0) == pytest.approx(seconds)


def test_half_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a frame number: 1\.5"):
        Times("frames", Fraction(10)).span(1.5, 2)


@pytest.mark.parametrize("value", [1e300, "9" * 20, -1e15])
def test_frame_numbers_that_no_video_has_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a frame number"):
        Times("frames", Fraction(1, 10_000)).span(0, value)


def test_only_frame_numbers_are_tolerant() -> None:
    assert Times("frames", Fraction(30000, 1001)).tolerance_seconds == 1001 / 60000
    assert {Times(unit).tolerance_seconds for unit in ("seconds", "clock", "milliseconds", "whole clip")} == {0.0}
