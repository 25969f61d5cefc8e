"""A recipe selects segments; every other one has its reason."""

from __future__ import annotations

from typing import Any

import pytest

from actionpairs.configs import SelectConfig
from actionpairs.curation import selection
from actionpairs.records import Reason, Segment


def segment(name: str, verb: str, noun: str, seconds: float = 2.0, group: str = "P01") -> Segment:
    return Segment(name, "v", 1.0, 1.0 + seconds, f"{verb} {noun}", verb, noun, f"{verb} {noun}", group)


POOL = [
    segment("a", "take", "cup", 1.0),
    segment("b", "take", "cup", 3.0, "P02"),
    segment("c", "put", "cup", 3.1),
    segment("d", "wipe", "table", 0.2, "P02"),
]


@pytest.mark.parametrize(
    ("keys", "ids", "reasons"),
    [
        ({}, "abcd", set()),
        ({"max_seconds": 3.0}, "abd", {Reason.TOO_LONG}),
        ({"min_seconds": 1.0}, "abc", {Reason.TOO_SHORT}),
        ({"groups": ["P02"]}, "bd", {Reason.NOT_SELECTED}),
        ({"drop_groups": ["P02"]}, "ac", {Reason.NOT_SELECTED}),
        ({"verbs": ["take", "wipe"]}, "abd", {Reason.NOT_SELECTED}),
        ({"drop_verbs": ["take"]}, "cd", {Reason.NOT_SELECTED}),
        ({"nouns": ["table"]}, "d", {Reason.NOT_SELECTED}),
        ({"drop_nouns": ["table"]}, "abc", {Reason.NOT_SELECTED}),
        ({"actions": ["put cup"]}, "c", {Reason.NOT_SELECTED}),
        ({"drop_actions": ["put cup"]}, "abd", {Reason.NOT_SELECTED}),
        ({"min_clips_per_action": 2}, "ab", {Reason.RARE_ACTION}),
        ({"min_clips_per_action": 2, "max_seconds": 2.0}, "", {Reason.RARE_ACTION, Reason.TOO_LONG}),
    ],
)
def test_a_recipe_chooses(keys: dict[str, Any], ids: str, reasons: set[Reason]) -> None:
    chosen, rejections = selection.select_segments(POOL, SelectConfig(**keys))
    assert "".join(item.id for item in chosen) == ids
    assert {item.reason for item in rejections} == reasons
    assert len(chosen) + len(rejections) == len(POOL)
    assert all(item.detail for item in rejections)


@pytest.mark.parametrize("start", [0.1, 0.7, 12.34, 477.75, 3600.9])
def test_three_seconds_in_decimals_are_not_more_than_three_seconds(start: float) -> None:
    written = Segment("a", "v", start, float(f"{start + 3:.2f}"), "x", "x", "", "x", "")
    assert selection.select_segments([written], SelectConfig(max_seconds=3.0, min_seconds=3.0))[0] == [written]


def test_a_name_that_no_row_has_is_noticed() -> None:
    notes = selection.unmatched_names(POOL, SelectConfig(verbs=["tkae", "put"], groups=["P09"]))
    assert notes == ["no row has the group 'P09'", "no row has the verb 'tkae'"]
