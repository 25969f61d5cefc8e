"""Times are parsed exactly, or refused."""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpairs.annotations.times import Times, Unit, clock_seconds, clock_text, number, timecode_frame


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
        ("00:01:02,500", 62.5),
        ("1:02.5", 62.5),
        ("0 days 00:01:02.500000", 62.5),
        ("62.5", 62.5),
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
        "1:02,5,0",
        "1 days 00:01:02",
        "00:00:01:05",
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
    assert Times("timecode", Fraction(30000, 1001)).tolerance_seconds == 1001 / 60000
    units: tuple[Unit, ...] = ("seconds", "clock", "milliseconds", "microseconds", "whole clip")
    assert {Times(unit).tolerance_seconds for unit in units} == {0.0}


@pytest.mark.parametrize(
    ("timecode", "rate", "frame"),
    [
        ("00:00:01:05", Fraction(25), 30),
        ("01:00:00:00", Fraction(24000, 1001), 86400),
        ("00:01:00:00", Fraction(30000, 1001), 1800),
        ("00:00:59;29", Fraction(30000, 1001), 1799),
        ("00:01:00;02", Fraction(30000, 1001), 1800),
        ("00:10:00;00", Fraction(30000, 1001), 17982),
        ("01:00:00;00", Fraction(30000, 1001), 107892),
        ("01:00:00;00", Fraction(60000, 1001), 215784),
    ],
)
def test_a_timecode_counts_whole_frames_per_second(timecode: str, rate: Fraction, frame: int) -> None:
    assert timecode_frame(timecode, rate) == frame
    assert Times("timecode", rate).span("00:00:00:00", timecode)[1] == pytest.approx(float(frame / rate))


def _timecodes_without_drops(frames: int) -> list[str]:
    """The labels of drop-frame timecode, by its definition: counted on, without the numbers that are left out."""
    labels: list[str] = []
    second = 0
    while len(labels) < frames:
        is_short = second % 60 == 0 and (second // 60) % 10
        first = 2 if is_short else 0
        labels += [f"00:{second // 60:02}:{second % 60:02};{number:02}" for number in range(first, 30)]
        second += 1
    return labels[:frames]


def test_drop_frame_timecode_leaves_out_no_frame() -> None:
    labels = _timecodes_without_drops(40_000)
    assert [timecode_frame(label, Fraction(30000, 1001)) for label in labels] == list(range(40_000))


@pytest.mark.parametrize(
    ("timecode", "rate"),
    [
        ("00:00:01:25", Fraction(25)),
        ("00:01:00;00", Fraction(30000, 1001)),
        ("00:00:01;05", Fraction(25)),
        ("00:00:01;05", Fraction(30)),
        ("00:60:01:05", Fraction(25)),
        ("00:00:60:05", Fraction(25)),
        ("00:00:01", Fraction(25)),
        ("00:00:01.05", Fraction(25)),
        (5, Fraction(25)),
        (None, Fraction(25)),
    ],
)
def test_what_is_no_timecode_at_this_rate_is_refused(timecode: object, rate: Fraction) -> None:
    with pytest.raises(ValueError, match=r"timecode"):
        timecode_frame(timecode, rate)


@given(st.timedeltas(timedelta(), timedelta(hours=99)))
def test_a_time_difference_becomes_the_clock_time_that_is_read_as_it(difference: timedelta) -> None:
    assert clock_seconds(clock_text(difference)) == pytest.approx(difference.total_seconds(), abs=1e-6)


def test_a_time_of_the_day_becomes_a_clock_time_and_nothing_else_changes() -> None:
    assert clock_text(time(0, 1, 2, 500_000)) == "00:01:02.5"
    assert clock_text(timedelta(seconds=-1)) == "-00:00:01"
    values: list[object] = [1.5, "1:02", None, datetime(2026, 1, 1)]
    assert [clock_text(value) for value in values] == values
