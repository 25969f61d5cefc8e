"""Cameras, views, frames and points in time of the egocentric and how-to data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actionpairs.annotations import missing_names, stated_rate
from actionpairs.errors import AnnotationError
from actionpairs.records import Reason, Rejection, Segment
from tests.annotations.conftest import config, rows_of, segments_of
from tests.annotations.examples import EXAMPLES
from tests.annotations.examples.egocentric import DESCRIPTIONS, FINE, KEYSTEPS, description
from tests.annotations.examples.instructional import STEPS, TASKS
from tests.annotations.test_nested import write

TAKE = "11111111-2222-4333-8444-555555555555"


def takes(**changes: Any) -> list[dict[str, Any]]:
    """takes.json with the fields of docs/data/metadata.md of EGO4D/Ego-Exo4D-docs."""
    return [
        {
            "take_uid": TAKE,
            "take_name": "here_tea_01_2",
            "root_dir": "takes/here_tea_01_2",
            "participant_uid": 657,
            "best_exo": "cam01",
            "frame_aligned_videos": {
                "aria01": {
                    "slam-left": {"relative_path": "frame_aligned_videos/aria01_1201-1.mp4"},
                    "rgb": {"relative_path": "frame_aligned_videos/aria01_214-1.mp4"},
                },
                "cam01": {"0": {"relative_path": "frame_aligned_videos/cam01.mp4"}},
                "cam02": {"0": {"relative_path": "frame_aligned_videos/cam02.mp4"}},
                "best_exo": {"0": {"relative_path": None}},
            },
        }
        | changes
    ]


@pytest.mark.parametrize(
    ("keys", "video"),
    [
        ({}, "takes/here_tea_01_2/frame_aligned_videos/aria01_214-1.mp4"),
        ({"camera": "cam02"}, "takes/here_tea_01_2/frame_aligned_videos/cam02.mp4"),
        ({"camera": "best exo"}, "takes/here_tea_01_2/frame_aligned_videos/cam01.mp4"),
        ({"downscaled": True}, "takes/here_tea_01_2/frame_aligned_videos/downscaled/448/aria01_214-1.mp4"),
        ({"camera": None}, "here_tea_01_2"),
    ],
)
def test_takes_json_says_which_file_a_camera_is(tmp_path: Path, keys: dict[str, Any], video: str) -> None:
    paths = [write(tmp_path / "keystep_train.json", KEYSTEPS), write(tmp_path / "takes.json", takes())]
    segments = segments_of(paths, format="egoexo4d_keysteps", **keys)
    assert {(segment.video, segment.group) for segment in segments} == {(video, "657")}


def test_the_best_camera_of_a_description_comes_before_that_of_the_take(tmp_path: Path) -> None:
    paths = [write(tmp_path / "atomic.json", DESCRIPTIONS), write(tmp_path / "takes.json", takes())]
    segments = segments_of(paths, format="egoexo4d_descriptions", camera="best exo")
    assert {segment.video for segment in segments} == {"takes/here_tea_01_2/frame_aligned_videos/cam02.mp4"}


@pytest.mark.parametrize(
    "changes", [{"take_uid": "other"}, {"frame_aligned_videos": {}}, {"frame_aligned_videos": None}]
)
def test_a_take_without_the_camera_is_not_another_camera(tmp_path: Path, changes: dict[str, Any]) -> None:
    paths = [write(tmp_path / "keystep_train.json", KEYSTEPS), write(tmp_path / "takes.json", takes(**changes))]
    with pytest.raises(AnnotationError, match=r"no take|no video of the camera 'ego'"):
        rows_of(paths, format="egoexo4d_keysteps")


def test_takes_json_is_missing_only_for_a_camera(tmp_path: Path) -> None:
    keysteps = str(write(tmp_path / "keystep_train.json", KEYSTEPS))
    table = str(write(tmp_path / "takes.json", takes()))
    by_camera = config(format="egoexo4d_keysteps")
    assert "takes.json" in missing_names([keysteps], by_camera)[0]
    assert missing_names([keysteps, table], by_camera) == ()
    assert missing_names([keysteps], config(format="egoexo4d_keysteps", camera=None)) == ()


def atomic_spans(folder: Path, times: list[object], **keys: Any) -> list[tuple[float, float]]:
    rows = [description("C lifts a cup.", time) for time in times]
    path = write(folder / "atomic.json", {"annotations": {TAKE: [{"rejected": False, "descriptions": rows}]}})
    segments = segments_of([path], format="egoexo4d_descriptions", **keys)
    return [(segment.start_seconds, segment.stop_seconds) for segment in segments]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, [(5.0, 6.5), (6.5, 10.5), (20.0, 24.0)]),
        ({"after_seconds": 1.0}, [(5.0, 6.0), (6.5, 7.5), (20.0, 21.0)]),
        ({"until_next": False}, [(5.0, 9.0), (6.5, 10.5), (20.0, 24.0)]),
        ({"before_seconds": 6.0, "after_seconds": 2.0}, [(0.0, 6.5), (0.5, 8.5), (14.0, 22.0)]),
    ],
)
def test_a_description_lasts_until_the_next_one_within_the_limit(
    tmp_path: Path, keys: dict[str, Any], expected: list[tuple[float, float]]
) -> None:
    assert atomic_spans(tmp_path, [5, 6.5, 20.0], **keys) == expected


def test_the_order_of_descriptions_in_the_file_changes_no_span(tmp_path: Path) -> None:
    """EgoVLP's issue 7: the times of narrations are often out of order."""
    assert sorted(atomic_spans(tmp_path, [20, 5, 6.5])) == atomic_spans(tmp_path, [5, 6.5, 20])


def test_two_descriptions_of_one_time_end_at_the_next_time(tmp_path: Path) -> None:
    rows = [description("C lifts a cup.", 5), description("C turns.", 5), description("C sits.", 7)]
    path = write(tmp_path / "atomic.json", {"annotations": {TAKE: [{"descriptions": rows}]}})
    segments = segments_of([path], format="egoexo4d_descriptions")
    assert [segment.stop_seconds for segment in segments] == [7.0, 7.0, 11.0]


def test_annotators_do_not_end_each_others_descriptions(tmp_path: Path) -> None:
    annotators = [{"descriptions": [description(f"C waits {time}.", time)]} for time in (5, 6)]
    path = write(tmp_path / "atomic.json", {"annotations": {TAKE: annotators}})
    assert [each.stop_seconds for each in segments_of([path], format="egoexo4d_descriptions")] == [9.0, 10.0]


@pytest.mark.parametrize(
    ("change", "camera", "detail"),
    [
        ({"narration_subject": "O"}, "ego", "somebody else"),
        ({"narration_subject": None, "subject": "O"}, None, "somebody else"),
        ({"ego_visible": "0"}, "ego", "not visible"),
        ({"ego_visible": False}, "ego", "not visible"),
        ({"ego_visible": "0"}, None, None),
        ({"ego_visible": "1", "narration_subject": None, "subject": "C"}, "ego", None),
    ],
)
def test_descriptions_of_others_and_of_what_the_camera_does_not_see_are_left_out(
    tmp_path: Path, change: dict[str, Any], camera: str | None, detail: str | None
) -> None:
    rows = [description("C lifts a cup.", 5) | change]
    path = write(tmp_path / "atomic.json", {"annotations": {TAKE: [{"descriptions": rows}]}})
    [row] = rows_of([path], format="egoexo4d_descriptions", camera=camera)
    if detail is None:
        assert isinstance(row, Segment)
        assert row.instruction == "lifts a cup."
    else:
        assert isinstance(row, Rejection)
        assert row.reason == Reason.NOT_SELECTED
        assert detail in row.detail


def test_work_that_was_rejected_is_left_out(tmp_path: Path) -> None:
    annotator = {"rejected": True, "descriptions": [description("C lifts a cup.", 5)]}
    path = write(tmp_path / "atomic.json", {"annotations": {TAKE: [annotator]}})
    [row] = rows_of([path], format="egoexo4d_descriptions")
    assert isinstance(row, Rejection)
    assert "rejected" in row.detail


@pytest.mark.parametrize(
    ("keys", "span"),
    [
        ({}, (30 / 30, 75 / 30)),
        ({"end_included": True}, (30 / 30, 76 / 30)),
        ({"first_frame": 1}, (29 / 30, 74 / 30)),
    ],
)
def test_assembly101s_frames_count_from_0_without_the_end(
    tmp_path: Path, keys: dict[str, Any], span: tuple[float, float]
) -> None:
    segment = segments_of([write(tmp_path / "train.csv", FINE)], format="assembly101", **keys)[0]
    assert (segment.start_seconds, segment.stop_seconds) == pytest.approx(span)
    assert (segment.group, segment.verb, segment.noun) == ("9001", "pick up", "wheel")
    assert stated_rate(config(format="assembly101")) == 30


def test_assembly101_selects_views(tmp_path: Path) -> None:
    path = write(tmp_path / "train.csv", FINE)
    both = segments_of([path], format="assembly101", views=["C10404_rgb", "C10095_rgb"])
    assert [segment.video.rpartition("/")[2] for segment in both] == ["C10404_rgb.mp4", "C10095_rgb.mp4"]
    assert len({segment.id for segment in both}) == 2


def test_assembly101s_rows_without_a_view_get_one_video_per_view(tmp_path: Path) -> None:
    """So the CSVs of its MS-G3D baseline are written."""
    path = write(
        tmp_path / "validation.csv", FINE.replace(b"/C10404_rgb.mp4", b"").replace(b"/C10095_rgb.mp4", b"")
    )
    segments = segments_of([path], format="assembly101", views=["C10119_rgb", "C10379_rgb"])
    assert [segment.video.rpartition("/")[2] for segment in segments] == ["C10119_rgb.mp4", "C10379_rgb.mp4"]


@pytest.mark.parametrize(("views", "ids"), [([], ["08bByaz9"]), (["ego"], ["08bByaz9"]), (["exo"], [])])
def test_egoexolearn_selects_views(tmp_path: Path, views: list[str], ids: list[str]) -> None:
    paths = EXAMPLES["egoexolearn"].write(tmp_path)
    assert [segment.id for segment in segments_of(paths, format="egoexolearn", views=views)] == ids


def test_crosstasks_steps_count_from_1(tmp_path: Path) -> None:
    paths = [write(tmp_path / "113766_ab_defghijk.csv", STEPS), write(tmp_path / "tasks_primary.txt", TASKS)]
    rows = rows_of(paths, format="crosstask")
    assert [row.instruction for row in rows if isinstance(row, Segment)] == ["season steak", "take off grill"]
    backwards, beyond = (row for row in rows if isinstance(row, Rejection))
    assert (backwards.reason, beyond.reason) == (Reason.STOP_NOT_AFTER_START, Reason.UNREADABLE_ROW)
    assert "'4' is no step of task 113766" in beyond.detail


def test_crosstask_without_its_tasks_reports_them_missing(tmp_path: Path) -> None:
    steps = write(tmp_path / "113766_ab_defghijk.csv", STEPS)
    tasks = write(tmp_path / "tasks_primary.txt", TASKS)
    crosstask = config(format="crosstask")
    assert "tasks_primary.txt" in missing_names([str(steps)], crosstask)[0]
    assert missing_names([str(steps), str(tasks)], crosstask) == ()
    assert segments_of([steps], format="crosstask")[0].action == "step 1 of task 113766"


def test_crosstasks_list_of_videos_is_an_error(tmp_path: Path) -> None:
    steps = write(tmp_path / "113766_ab_defghijk.csv", STEPS)
    videos = write(tmp_path / "videos.csv", b"113766,ab_defghijk,https://www.youtube.com/watch?v=ab_defghijk\n")
    with pytest.raises(AnnotationError, match=r"videos\.csv: neither a list of tasks"):
        rows_of([steps, videos], format="crosstask")


def test_a_sentence_that_the_video_does_not_show_is_left_out(tmp_path: Path) -> None:
    [hidden, _, broken] = rows_of(EXAMPLES["howto100m aligned by hand"].write(tmp_path), format="howto100m")
    assert isinstance(hidden, Rejection)
    assert isinstance(broken, Rejection)
    assert (hidden.reason, broken.reason) == (Reason.NOT_SELECTED, Reason.UNREADABLE_ROW)


@pytest.mark.parametrize(
    "keys", [{"format": "egoexo4d_descriptions", "after_seconds": 0}, {"format": "assembly101", "views": []}]
)
def test_a_config_that_can_select_nothing_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"after_seconds|views"):
        config(**keys)
