"""VIA, ELAN and Label Studio: expected segments, and what their exports hold that is no action."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from actionpairs.errors import AnnotationError
from actionpairs.records import Segment
from tests.annotations.conftest import rows_of
from tests.annotations.examples import tools
from tests.annotations.spans import details, spans, write


def via_project(**parts: Any) -> dict[str, Any]:
    return copy.deepcopy(tools.VIA_PROJECT) | parts


def test_via_segments_have_the_words_of_their_options(tmp_path: Path) -> None:
    paths = write(tmp_path, "via.json", tools.VIA_PROJECT)
    assert spans(paths, format="via") == [
        ("alioli.mp4", 2.0, 6.5, "Break egg"),
        ("Grilled cheese.webm", 9.0, 20.0, "Spread butter"),
    ]
    assert [detail.partition(": ")[2] for detail in details(paths, format="via")] == [
        "a region of one frame, or a value of the whole file: not a segment",
        "its view shows 2 files at once",
    ]


def test_via_options_of_a_checkbox_are_joined(tmp_path: Path) -> None:
    metadata = {"a": {"vid": "1", "flg": 0, "z": [1, 2], "xy": [], "av": {"1": "0,1"}}}
    paths = write(tmp_path, "via.json", via_project(metadata=metadata))
    assert spans(paths, format="via") == [("alioli.mp4", 1.0, 2.0, "Break egg, Mix")]


def test_via_with_several_attributes_needs_the_name_of_one(tmp_path: Path) -> None:
    project = via_project()
    project["attribute"]["5"] = {"aname": "Phase", "anchor_id": "FILE1_Z2_XY0", "type": 1, "options": {}}
    project["metadata"]["-glfwaaX"]["av"]["5"] = "start"
    paths = write(tmp_path, "via.json", project)
    with pytest.raises(AnnotationError, match="several attributes of temporal segments; it has: Activity, Phase"):
        spans(paths, format="via")
    with pytest.raises(AnnotationError, match="no attribute phase"):
        spans(paths, format="via", attribute="phase")
    assert spans(paths, format="via", attribute="Phase") == [("alioli.mp4", 2.0, 6.5, "start")]


def test_a_via_option_without_its_name_is_no_instruction(tmp_path: Path) -> None:
    paths = write(tmp_path, "via.csv", tools.VIA_SEGMENTS)
    assert "the number of an option, not its name" in details(paths, format="via")[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"_via_img_metadata": {}, "_via_settings": {}}, "a project of VIA 2"),
        ({"metadata": {}}, "no project of VIA 3"),
        ("# Exported using VGG Image Annotator\nfilename,file_size\n", "no CSV export of VIA 3"),
    ],
)
def test_a_file_that_is_not_of_via_3_is_one_error(content: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=message):
        rows_of(write(tmp_path, "x.json", content), format="via")


def test_an_elan_annotation_has_the_times_of_its_slots_and_a_reference_those_of_its_root(tmp_path: Path) -> None:
    paths = write(tmp_path, "a.eaf", tools.EAF)
    both = rows_of(paths, format="elan", tiers=["steps", "objects"])
    assert [(row.video, row.start_seconds, row.stop_seconds, row.instruction, row.group)
            for row in both if isinstance(row, Segment)] == [
        ("a b.mp4", 1.0, 2.5, "cut & peel the apple", "Ann"),
        ("a b.mp4", 1.0, 2.5, "apple", "Ann"),
        ("a b.mp4", 1.0, 2.5, "fruit", "Ann"),
    ]  # fmt: skip
    assert (
        "time slot 'ts3' has no time: only its neighbors place it"
        in details(paths, format="elan", tiers=["steps"])[0]
    )


def test_several_elan_tiers_need_the_names_of_some(tmp_path: Path) -> None:
    paths = write(tmp_path, "a.eaf", tools.EAF)
    with pytest.raises(AnnotationError, match="not one tier with annotations; it has: steps, objects"):
        rows_of(paths, format="elan")
    with pytest.raises(AnnotationError, match="none of the tiers gloss; it has: steps, objects"):
        rows_of(paths, format="elan", tiers=["gloss"])


@pytest.mark.parametrize(("number", "start"), [(1, 2.0), (2, 0.25)])
def test_elan_times_are_on_the_clock_of_the_linked_video(number: int, start: float, tmp_path: Path) -> None:
    """As in elpis issue 193: a video that starts before the annotations' clock has a TIME_ORIGIN."""
    media = (
        '<MEDIA_DESCRIPTOR MEDIA_URL="file:///one.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="1000"/>'
        '<MEDIA_DESCRIPTOR MEDIA_URL="" RELATIVE_MEDIA_URL="./two.mpg" MIME_TYPE="unknown" TIME_ORIGIN="-750"/>'
    )
    tier = f'<TIER LINGUISTIC_TYPE_REF="t" TIER_ID="t">{tools.aligned("a1", "ts1", "ts2", "go")}</TIER>'
    paths = write(tmp_path, "a.eaf", tools.eaf(tier, media=media))
    [(video, at, stop, _)] = spans(paths, format="elan", linked_video=number)
    assert (video, at, stop) == (["one.mp4", "two.mpg"][number - 1], start, start + 1.5)


def test_an_elan_document_without_a_video_says_how_to_name_it(tmp_path: Path) -> None:
    media = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///one.wav" MIME_TYPE="audio/x-wav"/>'
    paths = write(tmp_path, "take 1.eaf", tools.eaf('<TIER TIER_ID="t"/>', media=media))
    with pytest.raises(AnnotationError, match="it links 0 videos, not 1") as caught:
        rows_of(paths, format="elan", tiers=["t"])
    assert "video_from: file name" in caught.value.cure
    paths = write(tmp_path, "take 1.eaf", tools.EAF.replace("video/mp4", "audio/x-wav"))
    assert spans(paths, format="elan", tiers=["steps"], video_from="file name")[0][0] == "take 1"


def test_elan_references_in_a_circle_are_rejections(tmp_path: Path) -> None:
    tier = f'<TIER TIER_ID="t">{tools.referring("a1", "a2", "x")}{tools.referring("a2", "a1", "y")}'
    tier += tools.aligned("a3", "ts1", "ts2", "go") + tools.aligned("a4", "ts1", "ts9", "z") + "</TIER>"
    paths = write(tmp_path, "a.eaf", tools.eaf(tier))
    assert len(spans(paths, format="elan")) == 1
    reasons = [detail.rpartition(": ")[2] for detail in details(paths, format="elan")]
    assert reasons == ["it refers to no annotation that has times"] * 2 + [
        "its time slot 'ts9' is not in the file"
    ]


def test_an_elan_table_whose_columns_do_not_fit_is_one_error(tmp_path: Path) -> None:
    other = "Niveau\tTemps de départ - hh:mm:ss.ms\tTemps de fin - hh:mm:ss.ms\tsteps\nsteps\t0:01\t0:02\tgo\n"
    paths = write(tmp_path, "a.txt", other)
    with pytest.raises(AnnotationError, match="does not have the recipe's columns: 4 columns, not 9"):
        rows_of(paths, format="elan", video_from="file name")
    columns = ["tier", "begin", "end", "annotation"]
    with pytest.raises(AnnotationError, match="does not have the recipe's columns: not a number"):
        rows_of(paths, format="elan", video_from="file name", columns=columns)
    paths = write(tmp_path, "a.txt", "steps\t1000\t2500\tgo\n\nsteps\t3000\t4000\t\n")
    assert spans(paths, format="elan", video_from="file name", columns=columns) == [("a", 1.0, 2.5, "go")]


def test_an_elan_table_with_an_offset_is_refused(tmp_path: Path) -> None:
    paths = write(tmp_path, "a.txt", tools.ELAN_COLUMNS.replace("offset: 0", "offset: 1200"))
    with pytest.raises(AnnotationError, match="an offset of 1200 ms") as caught:
        rows_of(paths, format="elan", tiers=["steps"])
    assert ".eaf" in caught.value.cure


def studio(tmp_path: Path, *annotations: dict[str, Any], **task: Any) -> list[Path]:
    return write(tmp_path, "project.json", [tools.studio_task([], annotations=list(annotations), **task)])


def annotation(label: str, by: object, at: str, **keys: Any) -> dict[str, Any]:
    value = {"ranges": [{"start": 25, "end": 48}], "timelinelabels": [label]}
    result = [tools.region("r1", value, "timelinelabels")]
    return {"completed_by": by, "result": result, "created_at": at, "was_cancelled": False, **keys}


@pytest.mark.parametrize(
    ("annotator", "labels"),
    [("first", ["early"]), ("all", ["late", "early"]), ("7", ["late"]), ("ann@example.org", ["early"])],
)
def test_label_studio_annotators_are_chosen(annotator: str, labels: list[str], tmp_path: Path) -> None:
    early = annotation("early", {"id": 1, "email": "ann@example.org"}, "2024-01-30T02:40:43Z")
    skipped = annotation("skipped", 7, "2023-01-30T02:40:43Z", was_cancelled=True)
    paths = studio(tmp_path, annotation("late", 7, "2024-02-01T00:00:00Z"), early, skipped)
    assert [row[3] for row in spans(paths, format="label-studio", annotator=annotator)] == labels
    assert any("the annotator skipped this task" in detail for detail in details(paths, format="label-studio"))


def test_label_studio_frames_count_from_one_to_the_last_at_the_stated_rate(tmp_path: Path) -> None:
    paths = studio(tmp_path, annotation("go", 1, ""))
    assert spans(paths, format="label-studio") == [("make_tea.mp4", 1.0, 2.0, "go")]
    assert spans(paths, format="label-studio", rate=12) == [("make_tea.mp4", 2.0, 4.0, "go")]
    assert spans(paths, format="label-studio", first_frame=0, end_included=False) == [
        ("make_tea.mp4", round(25 / 24, 9), 2.0, "go")
    ]


def test_a_label_studio_region_has_the_text_that_was_typed_for_it(tmp_path: Path) -> None:
    ranges = [{"start": 25, "end": 48}]
    text = tools.region("r1", {"ranges": ranges, "text": ["pour it", "slowly"]}, "textarea")
    paths = studio(tmp_path, annotation("Pour", 1, "") | {"result": [text, *annotation("Pour", 1, "")["result"]]})
    assert spans(paths, format="label-studio", instruction="{narration}")[0][3] == "pour it slowly"
    minimal = write(tmp_path, "min.json", tools.STUDIO_MIN)
    with pytest.raises(AnnotationError, match="JSON-MIN does not say which region a text belongs to"):
        rows_of(minimal, format="label-studio", instruction="{narration}")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/data/upload/1/ab12cd34-name.mp4", "name.mp4"),
        ("http://localhost:8080/data/upload/1/ab12cd34-my%20film.mp4", "my film.mp4"),
        ("/data/upload/1/name.mp4", "name.mp4"),
        ("/data/local-files/?d=kitchen/sub%20folder/a-b.mp4", "a-b.mp4"),
        ("s3://bucket/some/ab12cd34-name.mp4", "ab12cd34-name.mp4"),
        ("https://example.org/name.mp4?token=1#t=3", "name.mp4"),
    ],
)
def test_label_studio_videos_have_the_names_that_they_had_before_upload(
    place: str, name: str, tmp_path: Path
) -> None:
    paths = studio(tmp_path, annotation("go", 1, ""), data={"video": place})
    assert spans(paths, format="label-studio")[0][0] == name


def test_what_is_no_time_in_label_studio_is_a_rejection(tmp_path: Path) -> None:
    values = [
        {"sequence": [], "labels": ["Cup"]},
        {"start": 0, "end": 4, "text": "make", "labels": ["Verb"]},
        {"start": 1, "end": 4, "instant": False, "timeserieslabels": ["Run"]},
        {"choices": ["good"]},
    ]
    results = [tools.region(f"r{number}", value, "x") for number, value in enumerate(values)]
    paths = studio(tmp_path, annotation("go", 1, "") | {"result": results})
    reasons = details(paths, format="label-studio")
    assert "VideoRectangle" in reasons[0]
    assert [reason.endswith("no region in time") for reason in reasons] == [False, True, True, True]
