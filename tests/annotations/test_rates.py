"""Frame numbers mean the same frames however a rate is written and a container rounds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actionpairs.annotations import stated_rate
from actionpairs.annotations.times import Times
from actionpairs.rates import differ, format_rate, nearest_frame, parse_rate, rate_from_tolerance
from tests.annotations.conftest import config, segments_of
from tests.annotations.examples import EXAMPLES, Example

NTSC = {rate: Fraction(rate * 1000, 1001) for rate in (15, 24, 30, 48, 60, 120, 240)}


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        (29.97, NTSC[30]),
        ("29.97", NTSC[30]),
        ("29.970000", NTSC[30]),
        ("29.97003", NTSC[30]),
        (30000 / 1001, NTSC[30]),
        ("30000/1001", NTSC[30]),
        ("30 / 1.001", NTSC[30]),
        (Fraction(30000, 1001), NTSC[30]),
        (23.976, NTSC[24]),
        (23.98, NTSC[24]),
        (23.97, NTSC[24]),
        (24000 / 1001, NTSC[24]),
        (59.94, NTSC[60]),
        (59.9400599400599, NTSC[60]),  # EPIC_video_info.csv
        (119.88, NTSC[120]),
        (14.985, NTSC[15]),
        (47.952, NTSC[48]),
        (239.76, NTSC[240]),
        (29.4, Fraction(147, 5)),  # MPII Cooking
        (29.41, Fraction(2941, 100)),
        (29.98, Fraction(2998, 100)),
        (29.96, Fraction(2996, 100)),
        ("2997/100", Fraction(2997, 100)),
        (24, Fraction(24)),
        ("24.00", Fraction(24)),
        (30.0, Fraction(30)),
        (23.9, Fraction(239, 10)),
        (59.9, Fraction(599, 10)),
        (0.5, Fraction(1, 2)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_a_rate_is_parsed_as_its_exact_fraction(value: object, rate: Fraction) -> None:
    assert parse_rate(value) == rate
    assert parse_rate(format_rate(value)) == rate
    assert format_rate(format_rate(value)) == format_rate(value)


@pytest.mark.parametrize(
    "value",
    [0, -30, 0.0, "0/1", "1/0", "30/0.0", float("nan"), float("inf"), 1e9, 1e-9, "", "fast", "29,97", "1_0", "٣٠",
     "-1/2", "1/2/3", "30fps", "1e2", None, True, [30], {}, 10**400, "9" * 5000],
)  # fmt: skip
def test_an_invalid_rate_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"not a frame rate|integer string conversion"):
        parse_rate(value)
    if value is not None:
        with pytest.raises(ValueError, match="rate"):
            config(format="table", unit="frames", rate=value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(29.97, "30000/1001"), ("29.97", "30000/1001"), ("60000/2002", "30000/1001"), (25, 25.0), ("25", 25.0),
     ("50/2", 25.0), (29.4, 29.4), ("2997/100", "2997/100"), ("1/3", "1/3")],
)  # fmt: skip
def test_a_recipe_keeps_a_rate_in_one_form(value: object, kept: object) -> None:
    recipe = config(format="table", unit="frames", rate=value)
    assert recipe.model_dump(mode="json")["rate"] == kept
    assert recipe == type(recipe).model_validate_json(recipe.model_dump_json())
    assert recipe.digest() == config(format="table", unit="frames", rate=kept).digest()


def test_whole_rates_in_a_recipe_stay_numbers() -> None:
    assert config(format="mpii2012").model_dump(mode="json")["rate"] == 29.4
    assert type(config(format="breakfast").model_dump()["rate"]) is float


@pytest.mark.parametrize(
    ("keys", "rate"),
    [
        ({"format": "table", "unit": "frames", "rate": 29.97}, NTSC[30]),
        ({"format": "table"}, None),
        ({"format": "mpii2012"}, Fraction(147, 5)),
        ({"format": "meccano"}, Fraction(12)),
        ({"format": "salads50"}, Fraction(30)),
        ({"format": "ego4d"}, Fraction(30)),
        ({"format": "ego4d", "span": "action"}, None),
        ({"format": "tacos"}, None),
        ({"format": "egtea"}, None),
        ({"format": "epic100"}, None),
        ({"format": "cvat", "rate": 29.97}, NTSC[30]),
        ({"format": "label-studio"}, None),
    ],
)
def test_stated_rate_is_the_rate_of_the_recipe(keys: dict[str, Any], rate: Fraction | None) -> None:
    assert stated_rate(config(**keys)) == rate


RATES = {
    "tsv in frames": 10, "mpii2012": Fraction(147, 5), "tacos": Fraction(147, 5), "mpii2": Fraction(147, 5),
    "ego4d": 30, "breakfast": 15, "salads50": 10, "egtea of rulstm": 30, "meccano": 12,
    "label studio": 24, "label studio min": 12, "cvat": 10, "cvat tags": 10, "timecode": 10,
    **dict.fromkeys(("assembly101", "assembly101 coarse"), 30),
    **dict.fromkeys(("lerobot v3.0", "lerobot v2.1", "lerobot subtasks", "lerobot language"), 30),
}  # fmt: skip


def test_segments_in_frames_have_a_tolerance_and_no_others(example: Example, tmp_path: Path) -> None:
    name = next(name for name in EXAMPLES if EXAMPLES[name] is example)
    tolerances = {segment.tolerance_seconds for segment in segments_of(example.write(tmp_path), **example.keys)}
    assert {rate_from_tolerance(tolerance) for tolerance in tolerances} == {RATES.get(name)}


WRITTEN = [12, 14.985, 15, 23.976, "23.98", 24, 25, 29.4, 29.97, "30000/1001", 30, 47.952, 48, 50, 59.94, 60,
           119.88, 120, 239.76, 240, "19001/317", 12.5]  # fmt: skip
NUMBERS = st.integers(0, 10_000_000)


@settings(max_examples=500, deadline=None)
@given(rate=st.sampled_from(WRITTEN), first=NUMBERS, length=st.integers(0, 1000))
def test_rate_and_frame_numbers_can_be_computed_from_the_segment(rate: object, first: int, length: int) -> None:
    per_second = parse_rate(rate)
    times = Times("frames", per_second, end_included=True)
    assert rate_from_tolerance(times.tolerance_seconds) == per_second
    start, stop = times.span(first, first + length)
    assert round(Fraction(start) * per_second) == first
    assert round(Fraction(stop - 2 * times.tolerance_seconds) * per_second) == first + length


@settings(max_examples=1500, deadline=None)
@given(
    rate=st.sampled_from(WRITTEN),
    number=NUMBERS,
    tick=st.sampled_from([1000, 90_000, 600, 30_000, None]),
    first_pts=st.fractions(0, 3, max_denominator=90_000),
    more=st.sampled_from([1, 2, 3, 4, 8]),
)
@example(rate=29.97, number=10_000_000, tick=1000, first_pts=Fraction(0), more=1)
@example(rate=29.97, number=150, tick=None, first_pts=Fraction(0), more=1)
@example(rate=30, number=150, tick=None, first_pts=Fraction(0), more=2)  # re-encoded at 60: a tie at half a frame
def test_a_frame_number_means_the_nearest_frame_in_any_time_base(
    rate: object, number: int, tick: int | None, first_pts: Fraction, more: int
) -> None:
    """A file of the stated rate, or of a multiple of it, whose times its container rounds."""
    own = parse_rate(rate) * more
    if tick is None or own > tick // 4:
        tick = 90_000 * own.numerator  # exact
    first, number_in_file = round(first_pts * tick), number * more
    places = range(max(number_in_file - 9, 0), number_in_file + 9)
    frame_times = [round((first_pts + place / own) * tick) for place in places]

    times = Times("frames", parse_rate(rate), end_included=True)
    start, stop = times.span(str(number), number)
    wanted = [Fraction(str(start)), Fraction(str(stop)) - 2 * Fraction(times.tolerance_seconds)]
    half_frame = Fraction(times.tolerance_seconds) * tick
    for at in wanted:
        nearest = frame_times[nearest_frame(frame_times, at * tick + first, within=half_frame)]
        assert places[frame_times.index(nearest)] == number_in_file


@pytest.mark.parametrize(
    ("frame_times", "at", "frame"),
    [
        ([0, 10, 20], Fraction(10), 10),
        ([0, 10, 20], Fraction(99, 10), 10),
        ([0, 10, 20], Fraction(101, 10), 10),
        ([0, 10, 20], Fraction(15), 10),  # a tie: the one on screen
        ([0, 10, 60], Fraction(54), 10),  # frames are missing: the one on screen, for the next is far
        ([0, 10, 60], Fraction(57), 60),
        ([0, 5, 10, 15], Fraction(10), 10),  # twice the rate
        ([0, 20, 40], Fraction(10), 0),  # half the rate
        ([7], Fraction(0), 7),
        ([7], Fraction(99), 7),
        ([0, 10], Fraction(16), 10),
    ],
)
def test_nearest_frame(frame_times: list[int], at: Fraction, frame: int) -> None:
    assert frame_times[nearest_frame(frame_times, at, within=Fraction(5))] == frame


@pytest.mark.parametrize(
    ("one", "other", "seconds", "apart"),
    [
        (29.97, "30000/1001", 1e7, False),
        (30, "30000/1001", 60, True),
        (30, "30000/1001", 10, False),  # a third of a frame
        (29.4, 29.41, 40, False),
        (29.4, 29.41, 60, True),
        (29.97, "2997/100", 3600, False),
        (29.97, "2997/100", 36_000, True),
        (60, 30, 1, True),
        (23.976, 24, 3600, True),
        (23.976, "23976/1000", 1243.7, False),  # MediaInfoLib#71: an episode of 29,821 frames
        (25, 25.0, 1e6, False),
    ],
)
def test_rates_differ_where_their_frames_part(one: object, other: object, seconds: float, apart: bool) -> None:
    assert differ(parse_rate(one), parse_rate(other), seconds=seconds) is apart
    assert differ(parse_rate(other), parse_rate(one), seconds=seconds) is apart
