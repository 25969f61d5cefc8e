"""What a recipe wants is chosen, and everything else has its reason."""

from __future__ import annotations

from typing import Any

import pytest

from actionpairs import columns
from actionpairs.configs import FilterConfig, SelectConfig
from actionpairs.curation import filters, selection
from actionpairs.records import PairFacts, Reason, Segment
from tests.measures.measured import measured


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
    chosen, rejections = selection.choose(POOL, SelectConfig(**keys))
    assert "".join(item.id for item in chosen) == ids
    assert {item.reason for item in rejections} == reasons
    assert len(chosen) + len(rejections) == len(POOL)
    assert all(item.detail for item in rejections)


@pytest.mark.parametrize("start", [0.1, 0.7, 12.34, 477.75, 3600.9])
def test_three_seconds_in_decimals_are_not_more_than_three_seconds(start: float) -> None:
    written = Segment("a", "v", start, float(f"{start + 3:.2f}"), "x", "x", "", "x", "")
    assert selection.choose([written], SelectConfig(max_seconds=3.0, min_seconds=3.0))[0] == [written]


def test_a_name_that_no_row_has_is_noticed() -> None:
    found = selection.strangers(POOL, SelectConfig(verbs=["tkae", "put"], groups=["P09"]))
    assert found == ["no row has the group 'P09'", "no row has the verb 'tkae'"]


STRICT = FilterConfig(
    min_change=0.005,
    min_sharpness=0.4,
    max_dark=0.5,
    max_overexposed=0.5,
    max_cut=0.5,
    max_camera_shift=0.02,
    min_displacement=0.01,
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"change": 0.001}, Reason.NOTHING_CHANGED),
        ({"sharpness_after": 0.3}, Reason.BLURRED),
        ({"dark": 0.6}, Reason.TOO_DARK),
        ({"overexposed": 0.6}, Reason.OVEREXPOSED),
        ({"cut": 0.9}, Reason.SCENE_CUT),
        ({"camera_shift": 0.03}, Reason.CAMERA_MOVED),
        ({"displacement": 0.0}, Reason.MOVED_TOO_LITTLE),
        ({"camera_shift": None}, Reason.UNMEASURED),
        ({"displacement": None}, Reason.UNMEASURED),
    ],
)
def test_a_pair_is_kept_or_has_its_reason(changes: dict[str, Any], reason: Reason | None) -> None:
    good, facts = (
        PairFacts(POOL[0], 1.0, 2.0, 10, 20, 0.0, 0.0, "planned", "", 8, 8, each)
        for each in (measured(), measured(**changes))
    )
    known = columns.table([good, facts])
    assert {row: why for row, (why, _) in filters.judge(known, STRICT).items()} == ({1: reason} if reason else {})
    assert filters.judge(known, FilterConfig(min_change=None)) == {}


def test_every_failed_measure_is_told_with_its_margin() -> None:
    facts = PairFacts(POOL[0], 1.0, 2.0, 10, 20, 0.0, 0.0, "planned", "", 8, 8, measured(cut=0.9, change=0.001))
    assert filters.judge(columns.table([facts]), STRICT)[0] == (
        Reason.SCENE_CUT,
        "cut 0.9000 > 0.5 (by 0.4000); change 0.0010 < 0.005 (by 0.0040)",
    )
