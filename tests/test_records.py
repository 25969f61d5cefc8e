"""Records are right from birth."""

from __future__ import annotations

import dataclasses

import pytest

from actionpairs import records
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


RECORDS = [kind for kind in vars(records).values() if dataclasses.is_dataclass(kind)]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_records_are_frozen_slotted_and_described(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")  # what dataclasses write where nobody did


def test_a_record_cannot_be_changed_nor_given_a_new_field() -> None:
    for name in ("id", "color"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(GOOD, name, "b")
    assert dataclasses.replace(GOOD) == GOOD


def test_the_records_that_cross_a_door_are_all_here() -> None:
    assert {"Segment", "FramePair", "Rejection", "Sample", "ShardIndex"} <= {kind.__name__ for kind in RECORDS}


def test_an_endless_segment_lasts_to_the_end_of_its_video() -> None:
    assert dataclasses.replace(GOOD, stop_seconds=float("inf")).duration_seconds == float("inf")
