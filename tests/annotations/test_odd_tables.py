"""Tables as programs and people write them, with what no specification asks for."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection
from tests.annotations.conftest import rows_of, segments_of
from tests.annotations.examples import EXAMPLES

GUESS: dict[str, Any] = {"format": "table", "columns": "guess", "unit": "guess"}
ROW = {"video": "a.mp4", "start": 1.5, "end": 3.5, "text": "cut bread"}


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def spans(path: Path, **keys: Any) -> list[tuple[str, float, float, str]]:
    segments = segments_of([path], **GUESS | keys)
    return [(each.video, each.start_seconds, each.stop_seconds, each.instruction) for each in segments]


@pytest.mark.parametrize(
    "text",
    [
        "video;start;end;text\r\na.mp4;1,5;3,5;cut bread;\r\n",  # a semicolon that ends every row but the header
        "video,start,end,text,,\na.mp4,1.5,3.5,cut bread,,\n,,,,,\n",  # columns and rows that were emptied
        "video,start,end,text,note\na.mp4,1.5,3.5,cut bread\n",  # Excel writes no cells after the last filled one
        "video,start,end,text\ra.mp4,1.5,3.5,cut bread\r",  # line ends of Excel for Mac
        "\n\r\n,,,\nvideo,start,end,text\na.mp4,1.5,3.5,cut bread\n",
        "\ufeff\ufeffvideo,start,end,text\na.mp4,1.5,3.5,cut bread\n",
        '"video\nfile","start\n(s)","end\n(s)",text\na.mp4,1.5,3.5,cut bread\n',
        'video,"start, s","end, s",text\na.mp4,1.5,3.5,cut bread\n',
        'video, start, end, text\na.mp4, 1.5, 3.5, "cut bread"\n',
    ],
)
def test_odd_text_is_read(tmp_path: Path, text: str) -> None:
    assert spans(write(tmp_path, text)) == [("a.mp4", 1.5, 3.5, "cut bread")]


def test_a_quoted_cell_after_a_space_keeps_its_comma(tmp_path: Path) -> None:
    path = write(tmp_path, 'video, start, end, text\na.mp4, 1.5, 3.5, "cut, then stir"\n')
    assert spans(path) == [("a.mp4", 1.5, 3.5, "cut, then stir")]


def test_a_row_that_lacks_a_needed_cell_or_has_one_too_many_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, "video,start,end,text,note\na,1.5,2,go,x\na,2,3\na,3,4,cut, then stir,x\n")
    rejected = [row.detail for row in rows_of([path], **GUESS) if isinstance(row, Rejection)]
    assert rejected == ["mine.csv, line 3: 3 cells instead of 5", "mine.csv, line 4: 6 cells instead of 5"]


def test_the_last_row_of_a_file_that_was_cut_off_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, "video,start,end,text,note\na,1.5,2,go,x\na,2,3,sti")
    _, cut = rows_of([path], **GUESS)
    assert isinstance(cut, Rejection)
    assert cut.detail == "mine.csv, line 3: 4 cells instead of 5"


def test_lines_count_from_the_first_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "\n\nvideo,start,end,text\n\na,1.5,2,go\na,-,2,go\n")
    assert rows_of([path], **GUESS)[1].detail == "mine.csv, line 6: not a number: '-'"  # type: ignore[union-attr]
    with pytest.raises(AnnotationError, match=r"mine\.csv, line 3: no column 'stop'"):
        rows_of([path], format="table", columns={"instruction": "text"})


@pytest.mark.parametrize("missing", ["", "NA", "nan", "-", "#REF!"])
def test_cells_without_a_value_do_not_hide_the_unit(tmp_path: Path, missing: str) -> None:
    path = write(tmp_path, f"video,start,end,text\na,{missing},2,go\na,2.5,3,go\n")
    rows = rows_of([path], **GUESS)
    assert [isinstance(row, Rejection) for row in rows] == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row in it; the columns are: nothing"),
        ("video,start,end,text\n", "no row in it; the columns are: video, start, end, text"),
        ("video,start,end,text\n1,a,1.5,2,go\n2,a,2,3,go\n", "line 2: 5 cells instead of 4"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "a pointer of Git LFS"),
        ("<!DOCTYPE html>\n<html></html>", "a web page"),
        ("video,start,end,text,start\na,1.5,2,go,9.5\n", "two columns 'start'"),
        ("[]", "no row in it"),
    ],
)
def test_the_error_says_what_is_wrong_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        rows_of([write(tmp_path, text)], **GUESS)


def test_utf_16_without_a_mark_is_read_if_the_recipe_states_it(tmp_path: Path) -> None:
    path = write(tmp_path, "video\tstart\tend\ttext\na.mp4\t1.5\t3.5\tcut bread\n".encode("utf-16-le"))
    assert spans(path, encoding="utf-16-le") == [("a.mp4", 1.5, 3.5, "cut bread")]
    with pytest.raises(AnnotationError, match="UTF-16 without") as caught:
        rows_of([path], **GUESS)
    assert "encoding: utf-16-le" in caught.value.cure


@pytest.mark.parametrize("around", [{"annotations": [ROW]}, {"info": {"year": 1}, "data": [ROW], "notes": []}])
def test_a_list_below_a_key_of_a_document_is_a_table(tmp_path: Path, around: dict[str, Any]) -> None:
    assert spans(write(tmp_path, json.dumps(around))) == [("a.mp4", 1.5, 3.5, "cut bread")]


def test_two_lists_that_could_be_the_table_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"train": [ROW], "test": [ROW]}))
    with pytest.raises(AnnotationError, match="not a table; it is an object with the keys train, test"):
        rows_of([path], **GUESS)


def test_decimals_and_texts_that_parquet_does_not_mark_are_read(tmp_path: Path) -> None:
    columns = {
        "video": pa.array([b"a.mp4"]),
        "start": pa.array([Decimal("1.50")]),
        "text": pa.array([b"cut bread"]),
    }
    pq.write_table(pa.table({**columns, "end": pa.array([Decimal("3.50")])}), tmp_path / "mine.parquet")
    assert spans(tmp_path / "mine.parquet") == [("a.mp4", 1.5, 3.5, "cut bread")]


@pytest.mark.parametrize(
    ("unit", "times", "hint"),
    [
        (
            "seconds",
            ("0.0007060185", "0.0007204861"),
            "[h]:mm:ss",
        ),  # shares of a day, as a spreadsheet stores times
        ("milliseconds", ("61.5", "62.75"), "another unit"),
    ],
)
def test_times_that_no_video_can_show_are_one_error(
    tmp_path: Path, unit: str, times: tuple[str, str], hint: str
) -> None:
    start, stop = times
    path = write(tmp_path, f"video,start,stop,text\na,{start},{stop},go\nb,{start},{stop},go\n")
    with pytest.raises(AnnotationError, match="no action in it lasts") as caught:
        rows_of([path], format="table", unit=unit, columns={"instruction": "text"})
    assert hint in caught.value.cure


def test_thousands_are_not_taken_for_decimals(tmp_path: Path) -> None:
    path = write(tmp_path, 'video,start_ms,end_ms,text\na,"1,500","3,500",go\n')
    with pytest.raises(AnnotationError, match="no row can be read") as caught:
        rows_of([path], **GUESS)
    assert "thousands" in caught.value.cure


@pytest.mark.parametrize(
    "line", ["sep=;\r", "sep=; \n", '"sep=;"\r\n', "sep=;;;\n"]
)  # the last two: saved by Excel again
def test_the_line_that_states_the_separator_may_be_written_in_several_ways(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f"{line}video;start;end;text\na.mp4;1,5;3,5;cut bread\n")
    assert spans(path) == [("a.mp4", 1.5, 3.5, "cut bread")]


def test_the_stamps_of_a_video_may_end_with_empty_lines(tmp_path: Path) -> None:
    example = EXAMPLES["salads50"]
    paths = example.write(tmp_path)
    rows = rows_of(paths, **example.keys)
    for path in tmp_path.glob("timestamps-*"):
        path.write_text(path.read_text() + "\n\n")
    assert rows_of(paths, **example.keys) == rows
