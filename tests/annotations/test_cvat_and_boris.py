"""CVAT and BORIS: expected segments, and what their exports hold that is no action."""

from __future__ import annotations

import copy
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpairs.errors import AnnotationError
from actionpairs.records import Segment
from tests.annotations.conftest import rows_of
from tests.annotations.examples import tools
from tests.annotations.spans import details, spans, write

CVAT = {"format": "cvat", "rate": 10}


def task(
    number: int, source: str, *, start: int = 0, step: int = 1, size: int = 100, subset: str = "default"
) -> str:
    return (
        f"<task><id>{number}</id><name>t</name><size>{size}</size><mode>interpolation</mode><subset>{subset}</subset>"
        f"<start_frame>{start}</start_frame><stop_frame>999</stop_frame><frame_filter>step={step}</frame_filter>"
        f"<source>{source}</source></task>"
    )


def test_a_cvat_track_is_an_action_while_it_is_shown(tmp_path: Path) -> None:
    paths = write(tmp_path, "annotations.xml", tools.CVAT_TRACKS)
    assert spans(paths, **CVAT) == [("make tea.mp4", 1.0, 1.2, "pour tea"), ("make tea.mp4", 2.0, 2.1, "pour tea")]
    assert details(paths, **CVAT) == ["annotations.xml, track 1: not a frame number: 'x'"]


@settings(max_examples=60, deadline=None)
@given(
    drawn=st.lists(st.booleans(), min_size=1, max_size=12),
    start=st.integers(0, 40),
    step=st.integers(1, 7),
    tracked=st.booleans(),
)
def test_cvat_actions_are_the_runs_of_annotated_frames(
    drawn: list[bool], start: int, step: int, tracked: bool
) -> None:
    """The exporter writes frame start + step · n, and one shape with outside="1" after the last that is drawn."""
    frames = [start + step * number for number in range(len(drawn))]
    runs = [
        list(run) for is_drawn, run in groupby(zip(frames, drawn, strict=True), lambda item: item[1]) if is_drawn
    ]
    if tracked:
        ends = {run[-1][0] + step for run in runs}
        shapes = [
            tools.box(frame, outside=int(not is_drawn))
            for frame, is_drawn in zip(frames, drawn, strict=True)
            if is_drawn or frame in ends
        ]
        body = (
            f'<track id="0" label="go">{"".join(shapes)}</track><track id="1" label="go">{tools.box(5000)}</track>'
        )
    else:
        tag = '<tag label="go" source="manual"></tag>'
        body = "".join(
            f'<image id="{frame}" name="x">{tag if is_drawn else ""}</image>'
            for frame, is_drawn in [*zip(frames, drawn, strict=True), (5000, False), (5001, True)]
        )
    meta = task(7, "a.mp4", start=start, step=step)
    with TemporaryDirectory() as folder:
        rows = spans(write(Path(folder), "annotations.xml", tools.cvat(body, meta=meta)), format="cvat", rate=1)
    assert [(at, stop) for _, at, stop, _ in rows if at < 5000] == [(run[0][0], run[-1][0] + 1) for run in runs]


def test_cvat_frames_of_a_project_are_those_of_each_video(tmp_path: Path) -> None:
    """A project numbers the frames of its tasks on, within a subset."""
    tasks = (
        task(3, "a.mp4", start=10, step=2, size=20)
        + task(4, "b.mp4", size=30)
        + task(5, "c.mp4", start=5, subset="test")
    )
    meta = f"<project><id>1</id><tasks>{tasks}</tasks></project>"
    body = "".join(
        f'<track id="0" label="go" task_id="{number}" subset="s">{tools.box(frame)}</track>'
        for number, frame in ((3, 12), (4, 50 + 7), (5, 6), (9, 6))
    )
    paths = write(tmp_path, "annotations.xml", tools.cvat(body, meta=meta))
    assert spans(paths, **CVAT) == [
        ("a.mp4", 1.2, 1.3, "go"),
        ("b.mp4", 0.7, 0.8, "go"),
        ("c.mp4", 0.6, 0.7, "go"),
    ]
    assert details(paths, **CVAT) == ["annotations.xml, track 3: its task is not in the file"]


def test_a_cvat_attribute_says_what_is_done(tmp_path: Path) -> None:
    values = ["walk", "walk", "sit_down", "sit_down"]
    shapes = [
        tools.box(frame, attributes=f'<attribute name="action">{value}</attribute>')
        for frame, value in enumerate(values)
    ]
    paths = write(
        tmp_path, "annotations.xml", tools.cvat(f'<track id="0" label="person">{"".join(shapes)}</track>')
    )
    keys = {**CVAT, "attribute": "action", "instruction": "{noun}: {verb}"}
    assert [row[1:] for row in spans(paths, **keys)] == [
        (0.0, 0.2, "person: walk"),
        (0.2, 0.4, "person: sit down"),
    ]
    with pytest.raises(AnnotationError, match="no attribute 'Action'; it has: action"):
        rows_of(paths, **{**CVAT, "attribute": "Action"})


def test_a_cvat_skeleton_ends_when_all_of_its_points_are_outside(tmp_path: Path) -> None:
    point = '<points label="{}" keyframe="1" outside="{}" occluded="0" points="1,1"></points>'
    shapes = "".join(
        f'<skeleton frame="{frame}" keyframe="1">{point.format("l", left)}{point.format("r", right)}</skeleton>'
        for frame, left, right in ((0, 0, 0), (1, 1, 0), (2, 1, 1))
    )
    paths = write(tmp_path, "annotations.xml", tools.cvat(f'<track id="0" label="go">{shapes}</track>'))
    assert [row[1:3] for row in spans(paths, **CVAT)] == [(0.0, 0.2)]


def test_a_cvat_export_of_2020_names_its_video_beside_the_task(tmp_path: Path) -> None:
    """And a skeleton's points can be tracks in a track: as in the test files of datumaro."""
    meta = task(5, "", start=10, step=3, size=4).replace("<source></source>", "") + "<source>t.mp4</source>"
    point = f'<track id="0" label="left">{tools.box(10)}</track>'
    body = f'<track id="0" label="go">{tools.box(10)}{tools.box(13, outside=1)}{point}</track>'
    paths = write(tmp_path, "annotations.xml", tools.cvat(body, meta=meta))
    assert spans(paths, **CVAT) == [("t.mp4", 1.0, 1.1, "go")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (tools.cvat('<image id="0" name="a"><box label="x"/></image>'), "no tracks and no tags"),
        (tools.cvat("", meta="<job><id>3</id></job>"), "the export of a job: no <source> names a video"),
        (tools.cvat("", meta="<task><id>3</id><size>1</size></task>"), "no task of a video"),
        ("<annotation><folder/></annotation>", "its first element is <annotation>, not <annotations>"),
        ('{"items": [], "categories": {}}', "not XML"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><annotations>&a;</annotations>', "a document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><annotations/>', "a document type"),
        ("<annotations>" * 101 + "</annotations>" * 101, "nested too deeply"),
    ],
)
def test_a_file_that_cvat_did_not_export_is_one_error(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=rf"annotations\.xml: .*{message}"):
        rows_of(write(tmp_path, "annotations.xml", text), **CVAT)


def test_boris_states_are_paired_by_subject_and_modifier_and_placed_in_their_media_file(tmp_path: Path) -> None:
    paths = write(tmp_path, "kitchen.boris", tools.BORIS_PROJECT)
    assert [(row.video, row.start_seconds, row.stop_seconds, row.action, row.noun, row.group)
            for row in rows_of(paths, format="boris") if isinstance(row, Segment)] == [
        ("one.mp4", 1.8, 8.125, "cut", "apple", "ann"),
        ("two.mp4", 47.805, 63.53, "cut", "", "ann"),
    ]  # fmt: skip
    assert [detail.rpartition(": ")[2] for detail in details(paths, format="boris")] == [
        "it has no duration",
        "goes on from one media file into the next",
        "its STOP is missing",
        "it has no video",
    ]


def test_boris_exports_of_version_9_say_the_same_as_the_project(tmp_path: Path) -> None:
    paths = write(tmp_path, "events.tsv", tools.BORIS_TABULAR)
    assert spans(paths, format="boris") == [("two.mp4", 2.0, 10.5, "cut")]
    assert details(paths, format="boris")[-1].endswith("a STOP without its START")
    shifted = tools.BORIS_TABULAR.replace("\t0.0\t179.960", "\t1.5\t179.960")
    assert spans(write(tmp_path, "events.tsv", shifted), format="boris") == [("two.mp4", 0.5, 9.0, "cut")]


def test_a_boris_table_of_version_7_with_several_media_files_needs_the_project(tmp_path: Path) -> None:
    second = tools.BORIS_AGGREGATED.splitlines()[1].replace("one.mp4", "two.mp4").replace("ann", "bob")
    paths = write(tmp_path, "events.csv", tools.BORIS_AGGREGATED + second + "\n")
    assert "give the .boris file" in details(paths, format="boris")[0]
    assert not spans(paths, format="boris")


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(8)), missing=st.integers(0, 8))
def test_each_second_boris_event_of_a_state_is_its_stop(order: list[int], missing: int) -> None:
    events = [[float(number), "ab"[number % 2], "cut", "", ""] for number in order if number != missing]
    project = copy.deepcopy(tools.BORIS_PROJECT)
    kitchen: dict[str, Any] = project["observations"]["kitchen"]  # type: ignore[index]
    kitchen |= {"events": events, "file": {"1": ["one.mp4"]}, "time offset": 0.0}
    with TemporaryDirectory() as folder:
        rows = rows_of(write(Path(folder), "x.boris", project), format="boris")
    expected = set()
    for subject in "ab":
        times = sorted(time for time, who, *_ in events if who == subject)
        expected |= set(zip(times[::2], times[1::2], strict=False))
    segments = [row for row in rows if isinstance(row, Segment)]
    assert {(row.start_seconds, row.stop_seconds) for row in segments} == expected
    assert len(rows) == len(expected) + len(events) % 2 + 1  # an event without its other half, and the live one


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no line with the column names of BORIS"),
        ({"observations": {}}, "no project of BORIS"),
        (tools.BORIS_AGGREGATED.replace("Stop (s)", "End"), "no column 'Stop \\(s\\)'"),
    ],
)
def test_a_file_that_boris_did_not_export_is_one_error(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=message):
        rows_of(write(tmp_path, "events.csv", content), format="boris")
