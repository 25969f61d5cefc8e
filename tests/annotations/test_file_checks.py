"""A file of which nothing can be read is one error that says what it is, and never a rejection per row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actionpairs.annotations import list_files
from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection
from tests.annotations.conftest import rows_of, segments_of
from tests.annotations.examples import EXAMPLES
from tests.annotations.examples.example import json_bytes

HEADER = "video,start,stop,instruction\n"
GOOD = "a,1,2,go {}\n"


def write(folder: Path, text: str | bytes, name: str = "mine.csv") -> Path:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


@pytest.mark.parametrize(
    ("row", "keys", "reason", "cure"),
    [
        ("a,0:01,0:0{},go", {}, "not a number: '0:01'", "`unit: clock`"),
        (
            "a,0:00:01:0{},0:00:02:00,go",
            {"unit": "clock"},
            "not a number: '0:00:01:0",
            "`unit: timecode` and a `rate`",
        ),
        ("a,1.{},2.5,go", {"unit": "frames", "rate": 30}, "not a frame number", "`unit: seconds`"),
        ('a,"1,{}","2,5",go', {}, "not a number: '1,", "`decimal_comma: true`"),
        ("a,1,2,", {}, "no instruction", "format, columns, unit"),
    ],
)
def test_one_reason_for_every_row_is_one_error_with_its_cure(
    tmp_path: Path, row: str, keys: dict[str, Any], reason: str, cure: str
) -> None:
    path = write(tmp_path, HEADER + "".join(row.format(number) + "\n" for number in range(5)))
    with pytest.raises(AnnotationError, match=r"mine\.csv: no row can be read: ") as caught:
        rows_of([path], format="table", **keys)
    assert reason in caught.value.message
    assert cure in caught.value.cure


@pytest.mark.parametrize(
    ("good", "bad", "is_error"), [(1, 19, True), (2, 18, False), (1, 18, False), (5, 95, True)]
)
def test_nearly_every_row_is_as_good_as_every_row(tmp_path: Path, good: int, bad: int, is_error: bool) -> None:
    rows = [GOOD.format(number) for number in range(good)] + [f"a,x{number},2,go\n" for number in range(bad)]
    path = write(tmp_path, HEADER + "".join(rows))
    if not is_error:
        assert len(segments_of([path], format="table")) == good
        return
    with pytest.raises(AnnotationError, match=f"nearly no row can be read: {bad} of {good + bad} for one reason"):
        rows_of([path], format="table")


def test_an_error_has_three_different_examples(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "".join(f"a,x{number // 4},2,go\n" for number in range(40)))
    with pytest.raises(AnnotationError, match="not a number: 'x0'; not a number: 'x1'; not a number: 'x2'; it"):
        rows_of([path], format="table")


def test_rows_that_are_readable_and_not_wanted_are_no_error(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "a,2,1,go\n" * 30)
    assert all(isinstance(row, Rejection) for row in rows_of([path], format="table"))


def test_the_file_that_is_wrong_is_named_among_good_ones(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    good = [write(tmp_path / "one", HEADER + GOOD.format(number), f"P{number}.csv") for number in range(3)]
    bad = write(tmp_path, HEADER + "a,soon,later,go\n", "P1.csv.csv")
    with pytest.raises(AnnotationError, match=r"P1\.csv\.csv: no row can be read: 1 of 1"):
        rows_of([*good, bad], format="table")


def test_a_file_without_rows_is_an_error_only_if_no_file_has_any(tmp_path: Path) -> None:
    empty = write(tmp_path, HEADER, "empty.csv")
    with pytest.raises(
        AnnotationError, match=r"empty\.csv: no row in it; it begins 'video,start,stop,instruction'"
    ):
        rows_of([empty], format="table")
    assert len(segments_of([empty, write(tmp_path, HEADER + GOOD)], format="table")) == 1


ACTIVITYNET = {"version": "1.3", "database": {"abc": {"duration": 9.0, "annotations": []}}}


@pytest.mark.parametrize(
    "name", ["table", "tacos", "holoassist", "ssv2", "ego4d", "epic100", "charades", "meccano"]
)
def test_a_json_file_of_another_format_is_one_error_that_recognizes_it(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, json_bytes(ACTIVITYNET), "anet.json")
    with pytest.raises(AnnotationError, match=r"anet\.json") as caught:
        rows_of([path], format=name)
    if name not in ("epic100", "charades", "meccano"):  # these look for columns in it
        assert "keys version, database" in caught.value.message
        assert "it looks like `format: activitynet`" in caught.value.message


@pytest.mark.parametrize("name", ["table", "tacos", "activitynet", "ego4d", "holoassist", "meccano", "charades"])
def test_a_csv_of_another_format_is_one_error_that_recognizes_it(tmp_path: Path, name: str) -> None:
    path = EXAMPLES["epic100"].write(tmp_path)[0]
    with pytest.raises(AnnotationError, match=r"train\.csv.*it looks like `format: epic100`"):
        rows_of([path], format=name)


@pytest.mark.parametrize(
    ("example", "wanted"),
    [
        ("tacos", "tacos"),
        ("captions", "activitynet"),
        ("holoassist", "holoassist"),
        ("ssv2", "ssv2"),
        ("ego4d", "ego4d"),
    ],
)
def test_the_format_of_a_json_file_is_recognized(tmp_path: Path, example: str, wanted: str) -> None:
    [path] = EXAMPLES[example].write(tmp_path)
    with pytest.raises(AnnotationError, match=f"it looks like `format: {wanted}`"):
        rows_of([path], format="table")


def test_a_json_file_of_no_known_format_is_described(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"info": {"year": 2026, "version": 1}, "clips": [1, 2]}), "mine.json")
    with pytest.raises(
        AnnotationError, match="an object with the keys info, clips, whose first value has the keys year"
    ):
        rows_of([path], format="table")


def test_terminal_codes_in_names_are_not_printed(tmp_path: Path) -> None:
    csv_path = write(tmp_path, "\x1b[31mvideo,start\na,1\n")
    json_path = write(tmp_path, json.dumps({"\x1b[31mvideo": 1}), "mine.json")
    for path in (csv_path, json_path):
        with pytest.raises(AnnotationError) as caught:
            rows_of([path], format="table")
        assert caught.value.message.isprintable()


def test_a_missing_file_is_an_error_that_names_the_flag_and_the_path(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"--annotations no/nofile\.csv: there is no such file or folder"):
        list_files(["no/nofile.csv"])


@pytest.mark.parametrize("one", [str, Path])
def test_one_path_is_one_file(tmp_path: Path, one: Any) -> None:
    path = write(tmp_path, HEADER)
    assert list_files(one(path)) == list_files([one(path)]) == [str(path)]
