"""A summary is read by people: counts have commas and sums, numbers are short, yes and no are words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actionpairs.summary_lines import format_lines


@dataclass
class Summary:
    rejected: Mapping[str, int] = field(default_factory=lambda: {"past_end": 1200, "video_missing": 3})
    counts: Mapping[str, int] = field(default_factory=lambda: {"pairs": 127, "steps": 300})
    losses: Mapping[str, float] = field(default_factory=lambda: {"static": 0.2791380623333334})
    finished: bool = True
    pairs: int = 12345


def test_counts_of_one_thing_have_a_sum_and_those_of_unlike_things_have_none() -> None:
    lines = list(format_lines(Summary()))
    assert "  rejected  1,203" in lines
    assert "       1,200  past_end" in lines
    assert "    counts" in lines
    assert "         127  pairs" in lines


def test_numbers_are_short_and_yes_is_a_word() -> None:
    lines = list(format_lines(Summary()))
    assert "            static: 0.2791" in lines
    assert "  finished  yes" in lines
    assert "     pairs  12,345" in lines
