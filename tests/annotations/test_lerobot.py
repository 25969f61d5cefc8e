"""LeRobot data sets: which files are read, what becomes a segment, and what a broken data set does."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionpairs.annotations import list_files
from actionpairs.errors import AnnotationError
from actionpairs.records import Reason, Rejection, Segment
from tests.annotations.conftest import config, rows_of, segments_of
from tests.annotations.examples import EXAMPLES
from tests.annotations.examples.example import json_bytes
from tests.annotations.examples.robots import (
    CAMERA,
    LENGTHS,
    PATHS,
    TASKS,
    FolderExample,
    episode_rows,
    frame_rows,
    frames_bytes,
    info,
    parquet_bytes,
    table_bytes,
    v3_files,
)

WRIST = "observation.images.wrist"
TABLE, FRAMES = "meta/episodes/chunk-000/file-000.parquet", "data/chunk-000/file-000.parquet"


def write(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    return FolderExample({}, dict(files), 0, 0, ("", 0, 0, "")).write(folder)


def read_root(folder: Path, **keys: Any) -> list[Segment | Rejection]:
    """All rows of the data set in a folder, whose files are listed as `extract` does."""
    annotations = config(format="lerobot", **keys)
    return rows_of([Path(url) for url in list_files([str(folder)], annotations)], format="lerobot", **keys)


def rejections_of(rows: list[Segment | Rejection]) -> dict[str, Rejection]:
    return {row.segment_id: row for row in rows if isinstance(row, Rejection)}


def feature(kind: str = "int64") -> dict[str, Any]:
    return {"dtype": kind, "shape": [1], "names": None}


# Which files


def test_only_the_needed_files_of_a_folder_are_read(tmp_path: Path) -> None:
    files = dict(EXAMPLES["lerobot subtasks"].files)
    others = ["meta/stats.json", f"videos/{CAMERA}/chunk-000/file-000.mp4", "README.md", "meta/modality.json"]
    write(tmp_path, {**files, **dict.fromkeys(others, b"x")})
    meta = [TABLE, "meta/info.json", "meta/subtasks.parquet", "meta/tasks.parquet"]
    for keys, names in (({}, meta), ({"segments": "subtasks"}, [FRAMES, *meta])):
        annotations = config(format="lerobot", **keys)
        expected = [str(tmp_path / name) for name in names]
        for given_url in (tmp_path, f"{tmp_path}/", tmp_path / "meta", tmp_path / "meta/info.json"):
            assert list_files([str(given_url)], annotations) == expected
        assert list_files(expected, annotations) == expected


def test_what_is_no_data_set_is_one_error_that_says_what_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "old/meta_data").mkdir(parents=True)
    (tmp_path / "old/meta_data/info.json").write_text("{}")
    with pytest.raises(AnnotationError, match=r"version 1, which has meta_data/info\.json") as caught:
        read_root(tmp_path / "old")
    assert "convert_dataset_v1_to_v2.py" in caught.value.cure
    for name in ("", "nowhere"):
        with pytest.raises(AnnotationError, match=r"it has no meta/info\.json") as caught:
            read_root(tmp_path / name)
        assert "hf://datasets/OWNER/NAME" in caught.value.cure


def test_two_data_sets_at_once_are_refused(tmp_path: Path) -> None:
    both = [path for name in "ab" for path in EXAMPLES["lerobot v3.0"].write(_made(tmp_path / name))]
    with pytest.raises(AnnotationError, match="2 data sets"):
        rows_of(both, format="lerobot")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codebase_version": "v1.6"}, "'v1.6', not v2.0, v2.1 or v3.0"),
        ({"codebase_version": "v4.0"}, "'v4.0', not v2.0"),
        ({"codebase_version": None}, "None, not v2.0"),
        ({"fps": 0}, "not a frame rate"),
        ({"fps": None}, "not a frame rate"),
        ({"chunks_size": "many"}, "not a number"),
        ({"features": []}, "no `features`"),
        ({"features": {CAMERA: {"dtype": "image"}}}, "in the tables of the frames"),
        ({"features": {"action": {"dtype": "float32"}}}, "no feature is a video"),
        ({"video_path": None}, "`video_path` is None, not a path with"),
        ({"video_path": PATHS["v2.1"][1]}, "not a path with chunk_index"),
    ],
)
def test_an_info_that_cannot_be_used_is_one_error(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write(tmp_path, v3_files(episode_rows(), {**info("v3.0"), **change}))
    with pytest.raises(AnnotationError, match=message) as caught:
        read_root(tmp_path)
    assert "info.json" in caught.value.message


# Cameras


def test_each_camera_gives_a_segment_of_one_group(tmp_path: Path) -> None:
    cameras = (CAMERA, WRIST)
    write(tmp_path, v3_files(episode_rows(cameras=cameras), info("v3.0", cameras=cameras)))
    rows = read_root(tmp_path)
    assert [row.id for row in rows if isinstance(row, Segment)] == [
        f"episode_{index:06d}_{camera}" for camera in ("top", "wrist") for index in range(3)
    ]
    groups = {(row.id[:14], row.group) for row in rows if isinstance(row, Segment)}
    assert groups == {(f"episode_{index:06d}",) * 2 for index in range(3)}
    for name in ("wrist", WRIST):
        chosen = [row for row in read_root(tmp_path, cameras=[name]) if isinstance(row, Segment)]
        assert {row.video.split("/")[1] for row in chosen} == {WRIST}
    with pytest.raises(AnnotationError, match=r"no video of a camera 'front'; it has: .*top, .*wrist"):
        read_root(tmp_path, cameras=["front"])


@pytest.mark.parametrize("where", [{"info": {"is_depth_map": True}}, {"video_info": {"video.is_depth_map": True}}])
def test_depth_is_no_picture(tmp_path: Path, where: dict[str, Any]) -> None:
    content = info("v3.0", cameras=(CAMERA, WRIST))
    content["features"][WRIST] |= where
    write(tmp_path, v3_files(episode_rows(cameras=(CAMERA, WRIST)), content))
    assert {row.video.split("/")[1] for row in read_root(tmp_path) if isinstance(row, Segment)} == {CAMERA}
    with pytest.raises(AnnotationError, match="no video of a camera 'wrist'"):
        read_root(tmp_path, cameras=["wrist"])


def test_an_episode_table_without_the_camera_is_one_error(tmp_path: Path) -> None:
    write(tmp_path, v3_files(episode_rows(), info("v3.0", cameras=(CAMERA, WRIST))))
    with pytest.raises(
        AnnotationError, match=rf"file-000\.parquet: no column 'videos/{WRIST}/chunk_index'; it has:"
    ):
        read_root(tmp_path)


# Episodes


def test_versions_give_the_same_ids_texts_and_lengths(tmp_path: Path) -> None:
    old = segments_of(EXAMPLES["lerobot v2.1"].write(_made(tmp_path / "old")), format="lerobot")
    new = segments_of(EXAMPLES["lerobot v3.0"].write(_made(tmp_path / "new")), format="lerobot")
    for one, other, length in zip(old, new, LENGTHS, strict=True):
        assert (one.id, one.instruction, one.group) == (other.id, other.instruction, other.group)
        assert one.duration_seconds == pytest.approx(other.duration_seconds) == pytest.approx(length / 30)
        assert one.tolerance_seconds == other.tolerance_seconds == pytest.approx(1 / 60)


def test_an_episode_ends_where_its_frames_or_its_video_end_whichever_is_first(tmp_path: Path) -> None:
    rows = episode_rows()
    rows[0][f"videos/{CAMERA}/to_timestamp"] -= 0.5  # frames were dropped when the video was written
    rows[1]["length"] -= 20  # frames were cut from the tables only
    write(tmp_path, v3_files(rows, info("v3.0")))
    lengths = [row.duration_seconds for row in read_root(tmp_path) if isinstance(row, Segment)]
    assert lengths == pytest.approx([37 / 30 - 0.5, 32 / 30, 41 / 30])


def test_episodes_on_the_same_frames_are_rejected(tmp_path: Path) -> None:
    """lerobot#2550: a merge put the episodes of several videos into the last one, with the times of their own."""
    rows = [row for _ in range(3) for row in episode_rows([60, 20, 30])]
    for index, row in enumerate(rows):
        row |= {"episode_index": index, f"videos/{CAMERA}/file_index": int(index >= 3)}
    write(tmp_path, v3_files(rows, info("v3.0")))
    rejected = rejections_of(read_root(tmp_path))
    assert set(rejected) == {f"episode_{index:06d}_top" for index in range(3, 9)}
    assert "episode_000006 has frames of it too" in rejected["episode_000003_top"].detail
    write(tmp_path, v3_files(rows[3:], info("v3.0")))
    with pytest.raises(AnnotationError, match="no row can be read: 6 of 6"):
        read_root(tmp_path)


def test_rounding_is_no_overlap(tmp_path: Path) -> None:
    rows = episode_rows()
    for row in rows:
        row[f"videos/{CAMERA}/from_timestamp"] = round(row[f"videos/{CAMERA}/from_timestamp"], 2)
    write(tmp_path, v3_files(rows, info("v3.0")))
    assert not rejections_of(read_root(tmp_path))


def test_tables_that_pandas_wrote_with_floats_are_read(tmp_path: Path) -> None:
    rows = [{**row, f"videos/{CAMERA}/file_index": 0.0, "length": float(row["length"])} for row in episode_rows()]
    write(tmp_path, v3_files(rows, info("v3.0")))
    assert len(read_root(tmp_path)) == 3
    assert not rejections_of(read_root(tmp_path))


@pytest.mark.parametrize(
    ("cell", "value", "detail"),
    [
        (f"videos/{CAMERA}/from_timestamp", math.nan, "not a number: nan"),
        (f"videos/{CAMERA}/to_timestamp", None, "not a number: None"),
        (f"videos/{CAMERA}/chunk_index", None, "not a number: None"),  # encoding was stopped: lerobot's batches
        (f"videos/{CAMERA}/file_index", -1, "file_index is -1"),
        ("length", None, "not a number: None"),
        ("tasks", [], "no text"),
        ("tasks", ["one", "two"], "2 tasks in one episode: `segments: column, column: task_index`"),
    ],
)
def test_a_bad_cell_rejects_its_episode_only(tmp_path: Path, cell: str, value: Any, detail: str) -> None:
    rows = episode_rows()
    rows[1][cell] = value
    write(tmp_path, v3_files(rows, info("v3.0")))
    [rejection] = rejections_of(read_root(tmp_path)).values()
    assert detail in rejection.detail
    assert "file-000.parquet, row 2" in rejection.detail


@pytest.mark.parametrize(
    "template",
    ["{video_key.__class__}", "{chunk_index:0999999999d}/x", "{nothing}.mp4", "{}", "{0}", "{", "{a!r}"],
)
def test_a_template_that_names_no_video_is_one_error(tmp_path: Path, template: str) -> None:
    write(tmp_path, v3_files(episode_rows(), {**info("v3.0"), "video_path": template}))
    with pytest.raises(
        AnnotationError, match=r"info\.json: `video_path` is .*, not a path with chunk_index, file_in"
    ):
        read_root(tmp_path)


# Parts of episodes


def test_subtasks_are_runs_of_frames(tmp_path: Path) -> None:
    EXAMPLES["lerobot subtasks"].write(tmp_path)
    rows = read_root(tmp_path, segments="subtasks")
    segments = [row for row in rows if isinstance(row, Segment)]
    starts = [sum(LENGTHS[:index]) / 30 for index in range(3)]
    for index, (one, other) in enumerate(zip(segments[::2], segments[1::2], strict=True)):
        assert (one.instruction, other.instruction) == ("reach", "grasp it")
        times = [one.start_seconds, one.stop_seconds, other.start_seconds, other.stop_seconds]
        expected = [starts[index] + seconds for seconds in (0.5, 1.0, 1.0, LENGTHS[index] / 30)]
        assert times == pytest.approx(expected, abs=1e-5)
    assert {row.reason for row in rejections_of(rows).values()} == {Reason.NOT_SELECTED}  # frames before the first


def test_a_style_of_language_rows_is_chosen(tmp_path: Path) -> None:
    EXAMPLES["lerobot language"].write(tmp_path)
    plans = [row for row in read_root(tmp_path, segments="subtasks", style="plan") if isinstance(row, Segment)]
    assert [(row.instruction, round(row.duration_seconds * 30)) for row in plans] == [
        ("reach, then grasp", length) for length in LENGTHS
    ]


def test_a_column_of_texts_and_one_of_tasks_divide_episodes(tmp_path: Path) -> None:
    rows = frame_rows(
        language_instruction=lambda _, frame: "" if frame >= 30 else "lift",
        **{"annotation.human.action": lambda _, frame: 2 if frame < 10 else 7},
    )
    types = {"language_instruction": pa.string(), "annotation.human.action": pa.int64()}
    content = info("v3.0", **{name: feature() for name in types})
    write(tmp_path, {**v3_files(episode_rows(), content), FRAMES: frames_bytes(rows, **types)})
    for column, text, frames in (("language_instruction", "lift", 30), ("annotation.human.action", TASKS[2], 10)):
        found_rows = read_root(tmp_path, segments="column", column=column)
        segments = [row for row in found_rows if isinstance(row, Segment)]
        assert [(row.instruction, round(row.duration_seconds * 30)) for row in segments] == [(text, frames)] * 3
        assert len(rejections_of(found_rows)) == 3
    with pytest.raises(AnnotationError, match=r"no column 'caption'; it has: .*language_instruction"):
        read_root(tmp_path, segments="column", column="caption")


def test_a_group_is_a_column_of_frames_or_of_episodes(tmp_path: Path) -> None:
    rows = frame_rows(collector_id=lambda index, _: f"person {index % 2}")
    content = info("v3.0", collector_id=feature("string"))
    episodes = [{**row, "site": row["episode_index"] // 2} for row in episode_rows()]
    files = {**v3_files(episodes, content), FRAMES: frames_bytes(rows, collector_id=pa.string())}
    write(tmp_path, files)
    for column, groups in (("collector_id", ["person 0", "person 1", "person 0"]), ("site", ["0", "0", "1"])):
        assert [row.group for row in read_root(tmp_path, group=column) if isinstance(row, Segment)] == groups
    with pytest.raises(AnnotationError, match="no column 'robot'; it has"):
        read_root(tmp_path, group="robot")


def test_a_data_set_without_subtasks_says_so(tmp_path: Path) -> None:
    EXAMPLES["lerobot v3.0"].write(tmp_path)
    with pytest.raises(AnnotationError, match="no subtasks: neither 'subtask_index'") as caught:
        read_root(tmp_path, segments="subtasks")
    assert "segments: column" in caught.value.cure


def test_frames_that_are_missing_or_out_of_order_reject_their_episode(tmp_path: Path) -> None:
    rows = frame_rows([40] * 6, subtask_index=lambda _, frame: frame // 20)
    rows[50], rows[51] = rows[51], rows[50]  # episode 1
    rows[90]["timestamp"] = math.nan  # episode 2
    del rows[120:160]  # episode 3: its chunk is missing
    rows.append(rows.pop(125))  # episode 4 in two places
    content = info("v3.0", subtask_index=feature())
    files = v3_files(episode_rows([40] * 6), content)
    files["meta/subtasks.parquet"] = table_bytes("subtask", ["reach", "grasp it"])
    write(tmp_path, {**files, FRAMES: frames_bytes(rows, subtask_index=pa.int64())})
    outcome = read_root(tmp_path, segments="subtasks")
    details = " ".join(row.detail for row in rejections_of(outcome).values())
    for text in (
        "episode 1: its frame at",
        "episode 2: its frame at nan",
        "episode 3: no frames",
        "episode 4: its",
    ):
        assert text in details
    assert {row.group for row in outcome if isinstance(row, Segment)} == {"episode_000000", "episode_000005"}


# Broken data sets

ODD: list[Any] = [
    None,
    True,
    -1,
    10**18,
    math.nan,
    math.inf,
    "",
    "x",
    "\0",
    "../../etc/passwd",
    "{",
    [],
    ["a"],
    [[]],
]


@settings(max_examples=60, deadline=5000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_odd_columns_never_raise_anything_else(data: st.DataObject) -> None:
    """A whole column of the episodes or the frames has another type, or is left out."""
    example = EXAMPLES["lerobot subtasks"]
    rows = episode_rows()
    frames = frame_rows(subtask_index=lambda _, frame: frame // 20)
    table = data.draw(st.sampled_from([rows, frames]))
    column, value = data.draw(st.sampled_from(sorted(table[0]))), data.draw(st.sampled_from(ODD))
    for row in table:
        row[column] = value
        if value is None:
            del row[column]
    content = info("v3.0", subtask_index=feature())
    content[data.draw(st.sampled_from(sorted(content)))] = data.draw(st.sampled_from([*ODD, content["features"]]))
    files = {**example.files, TABLE: parquet_bytes(rows), FRAMES: parquet_bytes(frames)}
    if data.draw(st.booleans()):
        files["meta/info.json"] = json_bytes(content) if value == value else json.dumps(content).encode()
    with TemporaryDirectory() as folder:
        write(Path(folder), files)
        for segments in ("episodes", "subtasks"):
            _read_or_refuse(Path(folder), segments)


def _read_or_refuse(folder: Path, segments: str) -> None:
    try:
        outcome = read_root(folder, segments=segments)
    except AnnotationError as error:
        refusal = error
    else:
        assert len(outcome) >= 3
        return
    assert any(name in refusal.message for name in ("info.json", "file-000.parquet"))
    assert refusal.cure
