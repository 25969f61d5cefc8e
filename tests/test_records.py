"""Records are right from birth."""

from __future__ import annotations

import dataclasses

import pytest

from actionpairs.records import Segment

GOOD = Segment("a", "v", 1.0, 2.0, "take cup", "take", "cup", "take cup", "P01")


@pytest.mark.parametrize(
    "change",
    [
        {"start_seconds": 2.0},
        {"start_seconds": 3.0},
        {"start_seconds": -0.1},
        {"stop_seconds": float("nan")},
        {"start_seconds": float("inf")},
        {"id": ""},
        {"video": ""},
        {"tolerance_seconds": -0.1},
        {"tolerance_seconds": float("nan")},
        {"tolerance_seconds": float("inf")},
    ],
)
def test_a_segment_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]


def test_records_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        GOOD.id = "b"  # type: ignore[misc]


def test_an_endless_segment_lasts_to_the_end_of_its_video() -> None:
    assert dataclasses.replace(GOOD, stop_seconds=float("inf")).duration_seconds == float("inf")
