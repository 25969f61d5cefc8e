"""Every filter key drops the pairs beyond its threshold, with the reason and the margin."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from actionpairs import columns
from actionpairs.configs import FilterConfig
from actionpairs.curation import filters
from actionpairs.records import Measures, PairFacts, Reason, Segment
from tests.measures.measured import measured

SEGMENT = Segment("a", "v", 1.0, 2.0, "take cup", "take", "cup", "take cup", "P01")
STRICT = FilterConfig(
    min_change=0.005,
    min_sharpness=0.4,
    max_dark=0.5,
    max_overexposed=0.5,
    max_cut=0.5,
    max_camera_shift=0.02,
    min_displacement=0.01,
    min_displacement_confidence=0.5,
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
        ({"displacement_confidence": 0.4}, Reason.UNSURE_DISPLACEMENT),
        ({"camera_shift": None}, Reason.UNMEASURED),
        ({"displacement": None}, Reason.UNMEASURED),
    ],
)
def test_a_pair_is_kept_or_has_its_reason(changes: dict[str, Any], reason: Reason | None) -> None:
    good, facts = (
        PairFacts(SEGMENT, 1.0, 2.0, 10, 20, 0.0, 0.0, "planned", "", 8, 8, each)
        for each in (measured(), measured(**changes))
    )
    table = columns.table([good, facts])
    assert {row: cause for row, (cause, _) in filters.apply_filters(table, STRICT).items()} == (
        {1: reason} if reason else {}
    )
    assert filters.apply_filters(table, FilterConfig(min_change=None)) == {}


def test_a_rejection_lists_every_failed_measure_with_its_margin() -> None:
    facts = PairFacts(SEGMENT, 1.0, 2.0, 10, 20, 0.0, 0.0, "planned", "", 8, 8, measured(cut=0.9, change=0.001))
    assert filters.apply_filters(columns.table([facts]), STRICT)[0] == (
        Reason.SCENE_CUT,
        "cut 0.9000 > 0.5 (by 0.4000); change 0.0010 < 0.005 (by 0.0040)",
    )


def test_every_key_is_a_threshold_on_a_measure_with_a_reason_of_its_own() -> None:
    measures = [threshold.measure for threshold in filters.thresholds(STRICT)]
    keys = set(FilterConfig.model_fields) - {"near_duplicate_bits"}
    assert {f"{'min' if item.is_minimum else 'max'}_{item.measure}" for item in filters.thresholds(STRICT)} == keys
    assert set(measures) <= {field.name for field in fields(Measures)} | {"sharpness"}
    assert len({threshold.reason for threshold in filters.thresholds(STRICT)}) == len(measures)
