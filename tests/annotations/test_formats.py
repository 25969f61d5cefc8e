"""Behavior of single formats."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from actionpairs.annotations import list_files, missing_names
from actionpairs.errors import AnnotationError, MissingExtraError
from actionpairs.records import Reason, Rejection
from tests.annotations.conftest import config, rows_of, segments_of
from tests.annotations.examples import EXAMPLES
from tests.annotations.examples.first import EPIC_HEADER, EPIC_ROWS


def write_epic(folder: Path) -> list[Path]:
    return EXAMPLES["epic100"].write(folder)


@pytest.mark.parametrize(
    ("keys", "instruction"),
    [
        ({"names": "words"}, "put down lunch box"),
        ({"names": "class keys"}, "put box"),
        ({"names": "class keys", "instruction": "{verb} the {noun}"}, "put the box"),
        ({"names": "words", "instruction": "{verb} the {noun}!"}, "put down the lunch box!"),
        ({"instruction": "{narration}"}, "put down lunch box"),
        ({"instruction": "{label}"}, "put box"),
    ],
)
def test_epic_puts_a_row_into_words(tmp_path: Path, keys: dict[str, Any], instruction: str) -> None:
    assert segments_of(write_epic(tmp_path), format="epic100", **keys)[0].instruction == instruction


def test_an_epic_action_is_its_pair_of_classes_however_it_is_worded(tmp_path: Path) -> None:
    train, *tables = write_epic(tmp_path)
    assert segments_of([train, *tables], format="epic100", names="words")[0].action == "put box"
    alone = segments_of([train], format="epic100", names="words")[0]
    assert (alone.action, alone.verb, alone.noun) == ("verb 1 noun 33", "put-down", "box:lunch")


def test_class_keys_without_their_tables_are_reported_as_missing(tmp_path: Path) -> None:
    train, verbs, nouns = (str(path) for path in write_epic(tmp_path))
    keyed, worded = config(format="epic100", names="class keys"), config(format="epic100", names="words")
    assert "EPIC_100_verb_classes.csv" in missing_names([train, nouns], keyed)[0]
    assert missing_names([train], worded) == missing_names([train, verbs, nouns], keyed) == ()
    assert missing_names([train], config(format="epic100", instruction="{label}"))


def test_a_class_that_the_table_lacks_is_a_rejection(tmp_path: Path) -> None:
    paths = write_epic(tmp_path)
    paths[0].write_text(EPIC_HEADER + EPIC_ROWS.replace(",33,", ",999,"))
    rejections = [row for row in rows_of(paths, format="epic100") if isinstance(row, Rejection)]
    [rejection] = [item for item in rejections if item.reason == Reason.UNREADABLE_ROW]
    assert "'999' is no noun class" in rejection.detail


def test_a_class_table_of_unknown_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("id,key,instances,category\n0,take,x,y\n")
    with pytest.raises(AnnotationError, match="of verbs or of nouns"):
        rows_of([path], format="epic100")


def test_epic_frame_columns_are_never_read(tmp_path: Path) -> None:
    [path] = (tmp_path / "train.csv",)
    path.write_text(EPIC_HEADER + EPIC_ROWS)
    before = rows_of([path], format="epic100")
    path.write_text(EPIC_HEADER + EPIC_ROWS.replace(",8,202,", ",0,0,").replace(",262,370,", ",x,,"))
    assert rows_of([path], format="epic100") == before


def test_mpii_without_h5py_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py")
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"\[mpii\]"):
        rows_of(EXAMPLES["mpii2"].write(tmp_path), format="mpii2")


def test_mpii_objects_are_those_of_the_interval_without_the_hand(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    first = segments_of(EXAMPLES["mpii2"].write(tmp_path), format="mpii2")[0]
    assert (first.verb, first.noun, first.action, first.group) == ("take out", "bottle fridge", "take out", "s07")


@pytest.mark.parametrize(("first_frame", "end_included", "start"), [(0, True, 295 / 29.4), (1, False, 10.0)])
def test_mpii_frame_numbering_follows_the_recipe(
    tmp_path: Path, first_frame: int, end_included: bool, start: float
) -> None:
    paths = EXAMPLES["mpii2012"].write(tmp_path)
    segment = segments_of(paths, format="mpii2012", first_frame=first_frame, end_included=end_included)[0]
    assert segment.start_seconds == pytest.approx(start)
    assert segment.duration_seconds == pytest.approx((293 + end_included) / 29.4)


def test_background_is_a_rejection_and_no_action(tmp_path: Path) -> None:
    [_, background] = rows_of(EXAMPLES["mpii2012"].write(tmp_path), format="mpii2012")
    assert isinstance(background, Rejection)
    assert background.reason == Reason.NOT_SELECTED


def test_charades_counts_what_ends_after_the_video_and_what_runs_backwards(tmp_path: Path) -> None:
    paths = EXAMPLES["charades"].write(tmp_path)
    reasons = [row.reason for row in rows_of(paths, format="charades") if isinstance(row, Rejection)]
    assert sorted(reasons) == [Reason.PAST_END, Reason.STOP_NOT_AFTER_START, Reason.UNREADABLE_ROW]
    assert len(segments_of(paths, format="charades", past_length_seconds=0.5)) == 2


def test_charades_without_its_class_table_reports_it_missing(tmp_path: Path) -> None:
    test, classes = (str(path) for path in EXAMPLES["charades"].write(tmp_path))
    assert missing_names([test, classes], config(format="charades")) == ()
    assert "Charades_v1_classes.txt" in missing_names([test], config(format="charades"))[0]


def test_a_sentence_on_the_same_frames_counts_once(tmp_path: Path) -> None:
    rows = rows_of(EXAMPLES["tacos"].write(tmp_path), format="tacos")
    assert [row.reason for row in rows if isinstance(row, Rejection)] == [Reason.PAST_END, Reason.DUPLICATE_ID]


def test_ego4d_span_action_uses_seconds(tmp_path: Path) -> None:
    path = tmp_path / "fho.json"
    path.write_text(
        '{"videos": [{"video_uid": "v", "annotated_intervals": [{"narrated_actions": [{"uid": "u",'
        '"start_sec": 1.5, "end_sec": 4, "narration_text": "#C C cuts the #unsure"}]}]}]}'
    )
    [segment] = segments_of([path], format="ego4d", span="action")
    assert (segment.start_seconds, segment.stop_seconds, segment.instruction) == (1.5, 4.0, "cuts the")


def test_salads_need_the_timestamps_of_their_video(tmp_path: Path) -> None:
    annotation, _ = EXAMPLES["salads50"].write(tmp_path)
    with pytest.raises(AnnotationError, match=r"no timestamps-01-1\.txt"):
        rows_of([annotation], format="salads50")


def test_a_folder_is_replaced_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    paths = EXAMPLES["salads50"].write(tmp_path / "below")
    assert list_files([str(tmp_path)]) == [str(path) for path in paths]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"format": "epic100", "instruction": "{verb.__class__}"}, "is not a field of this format"),
        ({"format": "epic100", "instruction": "{verb!r}"}, "is not a field of this format"),
        ({"format": "breakfast", "instruction": "{noun}"}, "the fields are: {label}"),
        ({"format": "epic100", "instruction": "{"}, "Single '{'"),
        ({"format": "table", "instruction": "{noun}"}, "names no column for it"),
        ({"format": "table", "unit": "frames"}, "`rate`"),
        ({"format": "table", "rate": 30}, "`rate`"),
        ({"format": "table", "columns": {"instruction": None}}, "{narration} is used"),
        ({"format": "epic100", "video": "one.mp4"}, "would mean one file"),
    ],
)
def test_an_invalid_format_config_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**keys)
