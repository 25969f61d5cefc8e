"""Nested segments: which level is read, and one error for files that do not have it."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from actionpairs.annotations import missing_names
from actionpairs.errors import AnnotationError
from actionpairs.records import Reason, Rejection, Segment
from tests.annotations.conftest import config, rows_of, segments_of
from tests.annotations.examples.egocentric import (
    ACTIVITIES,
    COARSE,
    COARSE_NAME,
    FINE,
    GOALSTEP,
    KEYSTEPS,
    LEARN_COARSE,
    LEARN_FINE,
    RECIPES,
    narrations,
)

VIDEO = "c2d06df7-5d3a-4116-9edb-f1c81a4f669b"
FIRST, SECOND = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def write(path: Path, content: object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def spans(segments: list[Segment]) -> list[tuple[float, float, str, str]]:
    return [(each.start_seconds, each.stop_seconds, each.instruction, each.action) for each in segments]


STEP = (2.94661, 40.19131, "Kneads the dough with the mixer.", "Knead the dough in a dough mixer")
BREAD = (81.10459, 269.0, "Prepares the bread", "Cook or prepare bread or baked goods")
WEIGH = (81.01371, 97.3678, "weigh the dough", "Measure dough on a weight scale")
AGAIN = (113.4326, 132.97154, *WEIGH[2:])


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("leaf", [STEP, WEIGH, AGAIN]),
        ("step", [STEP, BREAD]),
        ("substep", [WEIGH, AGAIN]),
        ("goal", [(0.0210286458333333, 5052.921028645834, "Makes the bread", "MAKE_BREAD")]),
    ],
)
def test_goalstep_reads_the_level_of_the_recipe(tmp_path: Path, level: str, expected: list[Any]) -> None:
    path = write(tmp_path / "goalstep_valid.json", GOALSTEP)
    segments = segments_of([path], format="goalstep", level=level)
    assert spans(segments) == expected
    assert {segment.video for segment in segments} == {VIDEO}


def test_goalstep_selects_by_relevance(tmp_path: Path) -> None:
    path = write(tmp_path / "goalstep_valid.json", GOALSTEP)
    rows = rows_of([path], format="goalstep", relevance=["optional"])
    assert spans([row for row in rows if isinstance(row, Segment)]) == [AGAIN]
    assert [row.reason for row in rows if isinstance(row, Rejection)] == [Reason.NOT_SELECTED] * 2


def group_files(folder: Path, spans_of_steps: list[tuple[float, float]]) -> list[Path]:
    """Goal-Step files of a group of two videos, of 100 s and 50 s."""
    document: Any = deepcopy(GOALSTEP)
    step = document["videos"][0]["segments"][0]
    document["videos"][0] |= {
        "video_uid": f"grp-{FIRST}",
        "segments": [step | {"start_time": start, "end_time": stop} for start, stop in spans_of_steps],
    }
    durations = [{"video_uid": FIRST, "duration_sec": 100.0}, {"video_uid": SECOND, "duration_sec": 50.0}]
    groups = f"university\tvideo_group\nhere\t['{FIRST}', '{SECOND}']\n".encode()
    return [
        write(folder / "goalstep_train.json", document),
        write(folder / "goalstep_video_groups.tsv", groups),
        write(folder / "ego4d.json", {"videos": durations}),
    ]


def test_times_of_a_group_become_those_of_its_videos(tmp_path: Path) -> None:
    rows = rows_of(group_files(tmp_path, [(10, 20), (100, 125.5), (90, 110)]), format="goalstep")
    assert [(row.video, row.start_seconds, row.stop_seconds) for row in rows if isinstance(row, Segment)] == [
        (FIRST, 10.0, 20.0),
        (SECOND, 0.0, 25.5),
    ]
    [across] = [row for row in rows if isinstance(row, Rejection)]
    assert across.reason == Reason.NOT_SELECTED
    assert "next video" in across.detail


def test_a_group_without_its_table_is_a_rejection_that_names_both_files(tmp_path: Path) -> None:
    annotations, groups, _ = group_files(tmp_path, [(10, 20)])
    for paths in ([annotations], [annotations, groups]):
        [rejection] = rows_of(paths, format="goalstep")
        assert isinstance(rejection, Rejection)
        assert "goalstep_video_groups.tsv and ego4d.json" in rejection.detail


def test_goalsteps_test_file_has_no_times_and_is_an_error(tmp_path: Path) -> None:
    steps = [{"step_description": "slice broccoli", "segment_count": 1}]
    path = write(tmp_path / "goalstep_test.json", {"videos": [{"video_uid": VIDEO, "step_segments": steps}]})
    with pytest.raises(AnnotationError, match=r"goalstep_test\.json: Goal-Step's test file, which has no times"):
        rows_of([path], format="goalstep")


FHO = {"videos": [{"video_uid": "v", "annotated_intervals": [{"narrated_actions": []}]}]}


@pytest.mark.parametrize(
    ("document", "wanted", "named"),
    [
        (FHO, "goalstep", "ego4d"),
        (GOALSTEP, "ego4d", "goalstep"),
        (GOALSTEP, "egoexo4d_keysteps", "goalstep"),
        (KEYSTEPS, "egoexo4d_descriptions", "egoexo4d_keysteps"),
        (KEYSTEPS, "goalstep", "egoexo4d_keysteps"),
        (RECIPES, "howto100m", "hdepic"),
        ({"a": {"start": [1], "end": [2], "text": ["x"]}}, "hdepic", "howto100m"),
    ],
)
def test_a_file_of_another_format_is_one_error_that_names_it(
    tmp_path: Path, document: object, wanted: str, named: str
) -> None:
    path = write(tmp_path / "file.json", document)
    with pytest.raises(AnnotationError, match=rf"file\.json: .*format: {named}`"):
        rows_of([path], format=wanted)


def test_consecutive_keysteps_of_one_parent_are_one_segment(tmp_path: Path) -> None:
    path = write(tmp_path / "keystep_train.json", KEYSTEPS)
    segments = segments_of([path], format="egoexo4d_keysteps", camera=None, level="parent")
    assert spans(segments) == [
        (0.75, 56.5, "Heat the water", "Heat the water"),
        (57.0, 60.5, "Brew", "Brew"),
    ]


def test_a_keystep_outside_its_taxonomy_has_no_parent(tmp_path: Path) -> None:
    path = write(tmp_path / "keystep_train.json", KEYSTEPS | {"taxonomy": {"Make Tea": {}}})
    rows = rows_of([write(tmp_path / "one.json", KEYSTEPS), path], format="egoexo4d_keysteps", camera=None)
    assert len([row for row in rows if isinstance(row, Segment)]) == 3
    with pytest.raises(AnnotationError, match="no parent of step"):
        rows_of([path], format="egoexo4d_keysteps", camera=None, level="parent")


HDEPIC = {
    "narration": ("HD_EPIC_Narrations.parquet", narrations()),
    "step": ("complete_recipes.json", json.dumps(RECIPES).encode()),
    "activity": ("P09_recipe_timestamps.csv", ACTIVITIES),
}


@pytest.mark.parametrize(
    ("files", "level", "instructions"),
    [
        (["activity", "step", "narration"], "leaf", ["Open the drawer with the left hand."]),
        (["activity", "step"], "leaf", ["Fill the pot with water.", "Stir"]),
        (["activity"], "leaf", ["Cook soup", "Clean up, and leave"]),
        (["activity", "step", "narration"], "activity", ["Cook soup", "Clean up, and leave"]),
        (["activity", "step", "narration"], "step", ["Fill the pot with water.", "Stir"]),
    ],
)
def test_hdepic_reads_the_finest_level_or_the_one_of_the_recipe(
    tmp_path: Path, files: list[str], level: str, instructions: list[str]
) -> None:
    paths = [write(tmp_path / HDEPIC[name][0], HDEPIC[name][1]) for name in files]
    rows = rows_of(paths, format="hdepic", level=level)
    segments = [row for row in rows if isinstance(row, Segment)]
    assert [segment.instruction for segment in segments] == instructions
    assert {segment.group for segment in segments} == {"P09"}
    assert all(isinstance(row, Segment) or row.reason for row in rows)


def test_hdepics_verb_and_noun_are_those_of_the_first_main_action(tmp_path: Path) -> None:
    [segment] = segments_of([write(tmp_path / "n.parquet", narrations())], format="hdepic")
    assert (segment.id, segment.verb, segment.noun, segment.action) == (
        "P09-20240101-080000-1", "open", "drawer", "open drawer",
    )  # fmt: skip


def test_an_activity_until_the_end_lasts_as_long_as_its_video(tmp_path: Path) -> None:
    path = write(tmp_path / "P09_recipe_timestamps.csv", ACTIVITIES)
    last = segments_of([path], format="hdepic")[-1]
    assert (last.start_seconds, last.stop_seconds) == (60.0, math.inf)


def test_hdepics_pickle_is_never_opened_and_the_cure_is_python(tmp_path: Path) -> None:
    run = tmp_path / "run"
    code = f"cposix\nsystem\n(S'touch {run}'\ntR.".encode()
    for start in (b"\x80\x04", b"\x80\x05"):
        path = write(tmp_path / "HD_EPIC_Narrations.pkl", start + code)
        with pytest.raises(AnnotationError, match="pickle") as caught:
            rows_of([path], format="hdepic")
        assert "import pandas" in caught.value.cure
        assert "to_parquet" in caught.value.cure
    assert not run.exists()


def test_what_happens_before_a_step_is_not_the_step(tmp_path: Path) -> None:
    rows = rows_of([write(tmp_path / "complete_recipes.json", RECIPES)], format="hdepic")
    reasons = [row.reason for row in rows if isinstance(row, Rejection)]
    assert reasons == [Reason.STOP_NOT_AFTER_START, Reason.NOT_SELECTED]


@pytest.mark.parametrize(
    ("form", "file", "content", "level"),
    [
        ("hdepic", "P09_recipe_timestamps.csv", ACTIVITIES, "narration"),
        ("assembly101", "train.csv", FINE, "coarse"),
        ("egoexolearn", "fine_annotation_trainval_en.csv", LEARN_FINE, "coarse"),
    ],
)
def test_a_level_that_no_file_has_is_one_error(
    tmp_path: Path, form: str, file: str, content: bytes, level: str
) -> None:
    with pytest.raises(AnnotationError, match=rf"{file}: no segments of the level {level}"):
        rows_of([write(tmp_path / file, content)], format=form, level=level)


def test_assembly101_reads_fine_actions_before_coarse_ones(tmp_path: Path) -> None:
    paths = [write(tmp_path / COARSE_NAME, COARSE), write(tmp_path / "train.csv", FINE)]
    assert [segment.action for segment in segments_of(paths, format="assembly101")] == ["pick up wheel"]
    coarse = segments_of(paths, format="assembly101", level="coarse")
    assert [segment.action for segment in coarse] == ["attach wheel", "inspect toy"]


def test_egoexolearn_reads_fine_narrations_before_coarse_steps(tmp_path: Path) -> None:
    fine = write(tmp_path / "fine.csv", LEARN_FINE)
    coarse = write(tmp_path / "bee93bfc-ac78-11ee-819f-80615f12b59e.json", LEARN_COARSE)
    names = write(tmp_path / "semantic_en.json", [{"key": "Prepare tomato", "value": "1"}])
    [segment] = segments_of([fine, coarse, names], format="egoexolearn")
    assert segment.id == "08bByaz9"
    [segment] = segments_of([fine, coarse, names], format="egoexolearn", level="coarse")
    assert (segment.id, segment.action) == ("aO3VvpA1", "Prepare tomato")
    assert segment.instruction.startswith("1. Take out the tomato from the bag. 2. Rinse")


def test_the_names_of_coarse_classes_are_missing_only_where_they_are_used(tmp_path: Path) -> None:
    fine = str(write(tmp_path / "fine.csv", LEARN_FINE))
    coarse = str(write(tmp_path / "bee93bfc.json", LEARN_COARSE))
    names = str(write(tmp_path / "semantic_en.json", [{"key": "Prepare tomato", "value": "1"}]))
    learn, by_step = config(format="egoexolearn"), config(format="egoexolearn", level="coarse")
    assert "semantic_en.json" in missing_names([coarse], learn)[0]
    assert "semantic_en.json" in missing_names([fine, coarse], by_step)[0]
    assert missing_names([fine, coarse], learn) == missing_names([coarse, names], learn) == ()
