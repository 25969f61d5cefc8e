"""The genuine files, if they are on this machine: published counts, and times that match their frame columns."""

from __future__ import annotations

import csv
from collections import Counter
from typing import Any

import pytest

from actionpairs.records import Reason, Rejection, Segment
from tests.annotations.conftest import rows_of, shared

EPIC100, CHARADES, EGTEA = "epic100/EPIC_100_{}.csv", "charades/Charades_v1_{}", "egtea/{}"


@pytest.mark.parametrize(
    ("names", "keys", "rows", "rejected"),
    [
        (["epic100/EPIC_100_train_reconstructed.csv"], {"format": "epic100"}, 67_217, {}),
        (["epic100/EPIC_100_validation.csv"], {"format": "epic100"}, 9_668, {}),
        (["epic100/EPIC_100_uda_source_train.csv"], {"format": "epic100"}, 16_115, {}),
        (["epic55/EPIC_train_action_labels.csv"], {"format": "epic55"}, 28_472, {}),
        (["mpii1/detectionGroundtruth-1-0.csv"], {"format": "mpii2012"}, 5_609, {Reason.NOT_SELECTED: 1_861}),
        (["tacos/train.json"], {"format": "tacos"}, 9_790, {Reason.PAST_END: 43, Reason.DUPLICATE_ID: 1_203}),
        (["tacos/test.json"], {"format": "tacos"}, 4_001, {Reason.PAST_END: 5, Reason.DUPLICATE_ID: 571}),
        (
            ["charades/Charades_v1_test.csv", "charades/Charades_v1_classes.txt"],
            {"format": "charades"},
            16_691,
            {Reason.PAST_END: 5_027},
        ),
        (["activitynet/mmaction2_action_test_anno.json"], {"format": "activitynet"}, 2, {}),
        (["activitynet/mmaction2_eval_localization_gt.json"], {"format": "activitynet"}, 4, {}),
        (["coin/COIN_readme_example.json"], {"format": "activitynet"}, 2, {}),
        (["ssv2/train_sample.json"], {"format": "ssv2"}, 2, {}),
        (["holoassist/sample_events.json"], {"format": "holoassist"}, 4, {Reason.NOT_SELECTED: 1}),
        (["breakfast/P03_cam01_P03_cereals.txt"], {"format": "breakfast"}, 6, {Reason.NOT_SELECTED: 2}),
        (["egtea/validation1.csv", "egtea/actions.csv"], {"format": "egtea"}, 2_022, {}),
        (["meccano/MECCANO_val_actions.csv"], {"format": "meccano"}, 977, {}),
    ],
)
def test_every_row_of_a_genuine_file_is_accounted_for(
    names: list[str], keys: dict[str, Any], rows: int, rejected: dict[Reason, int]
) -> None:
    outcomes = rows_of([shared(name) for name in names], **keys)
    assert len(outcomes) == rows
    assert Counter(row.reason for row in outcomes if isinstance(row, Rejection)) == rejected
    ids = [row.id for row in outcomes if isinstance(row, Segment)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("epic100/EPIC_100_train_reconstructed.csv", {"format": "epic100"}),
        ("epic100/EPIC_100_validation.csv", {"format": "epic100"}),
        ("epic55/EPIC_train_action_labels.csv", {"format": "epic55"}),
    ],
)
def test_epic_frame_columns_come_back_from_our_seconds(name: str, keys: dict[str, Any]) -> None:
    path = shared(name)
    segments = {row.id: row for row in rows_of([path], **keys) if isinstance(row, Segment)}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            segment = segments[row.get("narration_id") or row["uid"]]
            rate = 50 if len(row["video_id"].partition("_")[2]) == 3 else 60
            for seconds, frame in (
                (segment.start_seconds, row["start_frame"]),
                (segment.stop_seconds, row["stop_frame"]),
            ):
                assert max(int(seconds * rate), 1) == int(frame), segment.id
