"""A guess of columns and unit is certain, or an error that lists what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionpairs.annotations import without_guesses
from actionpairs.annotations.tables import column_guess
from actionpairs.errors import AnnotationError
from actionpairs.formats import TableColumns, TableFormat
from tests.annotations.conftest import config, rows_of, segments_of
from tests.annotations.examples.first import EPIC_HEADER, EPIC_ROWS

GUESS: dict[str, Any] = {"format": "table", "columns": "guess", "unit": "guess"}


def write(folder: Path, text: str, name: str = "mine.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def settled(path: Path, **keys: Any) -> TableFormat:
    table, _ = without_guesses([str(path)], config(**GUESS | keys))
    assert isinstance(table, TableFormat)
    return table


@pytest.mark.parametrize(
    ("header", "row", "unit", "columns"),
    [
        ("video,start,stop,instruction", "a,1.5,2.5,go", "seconds", ("video", "start", "stop", "instruction")),
        ("Video File,Begin,End,Caption", "a,0:01,0:02,go", "clock", ("Video File", "Begin", "End", "Caption")),
        ("video_id,startTime,endTime,step", "a,1,2.5,go", "seconds", ("video_id", "startTime", "endTime", "step")),
        ("filename,start_ms,end_ms,text", "a,1,2,go", "milliseconds", ("filename", "start_ms", "end_ms", "text")),
        ("file,start (s),end (s),text", "a,1,2,go", "seconds", ("file", "start (s)", "end (s)", "text")),
        ("vid,t_start,t_end,sentence", "a,1.25,2,go", "seconds", ("vid", "t_start", "t_end", "sentence")),
        ("media,Onset,Offset,text", "a,1.25,2,go", "seconds", ("media", "Onset", "Offset", "text")),
        ("clip;von;from;to;text", "a;x;1,25;2,5;go", "seconds", ("clip", "from", "to", "text")),
        ("video,starttime_us,endtime_us,text", "a,1,2,go", "microseconds",
         ("video", "starttime_us", "endtime_us", "text")),
    ],
)  # fmt: skip
def test_names_give_the_columns_and_values_the_unit(
    tmp_path: Path, header: str, row: str, unit: str, columns: tuple[str, ...]
) -> None:
    path = write(tmp_path, f"{header}\n{row}\n")
    table = settled(path)
    assert isinstance(table.columns, TableColumns)
    chosen = table.columns
    assert (table.unit, chosen.video, chosen.start, chosen.stop, chosen.instruction) == (unit, *columns)
    assert len(rows_of([path], **GUESS)) == 1


def test_the_printed_lines_are_a_recipe_that_reads_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, "it's: the 'video',start_frame,end_frame,verb,noun\na,1,20,take,cup\n", "mine.csv")
    path.write_text(path.read_text().replace("it's: the 'video'", "Video"))
    table, [note] = without_guesses([str(path)], config(**GUESS, rate=10))
    stated = yaml.safe_load(note.partition("\n")[2])["extract"]["annotations"]
    assert config(**stated) == table
    assert rows_of([path], **stated) == rows_of([path], **GUESS, rate=10)
    assert segments_of([path], **stated)[0].instruction == "take cup"


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(name=st.text(min_size=1, max_size=12).filter(str.isprintable))
def test_any_name_of_a_column_is_stated_as_yaml_reads_it(name: str) -> None:
    table = TableFormat(format="table", columns=TableColumns(video=name))
    stated = yaml.safe_load(column_guess.recipe_lines(table))
    assert stated["extract"]["annotations"]["columns"]["video"] == name


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("video,start,stop,text", "a,1,2,go", r"the unit of the times: 'start' to 'stop' \(such as '1' to '2'\)"),
        ("video,start,stop,text", "a,1000.5,90000.5,go", "cannot tell the unit of the times"),
        ("video,start_frame,end_frame,text", "a,1,2,go", "cannot tell which `rate` the frames 'start_frame' and"),
        ("video,start,stop,text", "a,0:00:01:02,0:00:01:09,go", "cannot tell which `rate` the timecode"),
        ("video,start_s,end_s,start_ms,end_ms,text", "a,1,2,1,2,go",
         r"columns are the times: 'start_s' to 'end_s' \(seconds\); 'start_ms' to 'end_ms' \(milliseconds\)"),
        ("video,start_frame,end_frame,text", "a,0:01,0:02,go", "cannot tell the unit"),
        ("video,from,to,text", "a,5.5,7.2,go\na,8.5,9.5,go\n\na,-,9,go\na,0:01.3,9,go",
         r"times: 'from' to 'to' \(such as '5.5' to '7.2' and .*; '0:01.3' in line 6 is written otherwise\)"),
        ("video,from,to,text", "a,0:05,0:07,go\na,0:08,0:09,go\na,0:09,later,go",
         "; 'later' in line 4 is written otherwise"),
        ("clip,begin,finish,text", "a,1.5,2.5,go", "which columns are start and stop; the columns are: clip"),
        ("name,start,stop,text", "a,1.5,2.5,go", "cannot tell which column is the video"),
        ("video,start,stop,label", "a,1.5,2.5,17", "cannot tell which column says what is done"),
        ("video,start,stop", "a,1.5,2.5", "cannot tell which column says what is done"),
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_an_error_that_lists_them(
    tmp_path: Path, header: str, row: str, message: str
) -> None:
    path = write(tmp_path, f"{header}\n{row}\n")
    with pytest.raises(AnnotationError, match=rf"mine\.csv: .*{message}") as caught:
        rows_of([path], **GUESS)
    assert "`columns`, `unit`" in caught.value.cure


def test_a_word_that_the_recipe_uses_and_no_column_has_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "video,start,stop,text\na,1.5,2.5,go\n")
    with pytest.raises(AnnotationError, match=r"cannot tell which column is the \{verb\} of the recipe's texts"):
        rows_of([path], **GUESS, instruction="{verb} it")


def test_epics_frame_numbers_are_not_guessed(tmp_path: Path) -> None:
    table = settled(write(tmp_path, EPIC_HEADER + EPIC_ROWS))
    assert isinstance(table.columns, TableColumns)
    assert (table.unit, table.columns.start, table.columns.stop) == ("clock", "start_timestamp", "stop_timestamp")


def test_a_stated_unit_chooses_among_the_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "video,start_s,end_s,start_ms,end_ms,text\na,1,2,1000,2000,go\n")
    table = settled(path, unit="milliseconds")
    assert isinstance(table.columns, TableColumns)
    assert (table.unit, table.columns.start) == ("milliseconds", "start_ms")


def test_ids_that_repeat_are_not_taken_for_ids(tmp_path: Path) -> None:
    text = "segment_id,video,start,stop,text\n1,a,1.5,2,go\n1,a,3.5,4,go\n"
    assert len(segments_of([write(tmp_path, text)], **GUESS)) == 2


def test_files_with_other_columns_are_not_guessed_together(tmp_path: Path) -> None:
    one = write(tmp_path, "video,start,stop,text\na,1.5,2,go\n", "one.csv")
    two = write(tmp_path, "video,begin,end,text\na,1.5,2,go\n", "two.csv")
    with pytest.raises(AnnotationError, match=r"two\.csv: its columns or times are not those of one\.csv"):
        rows_of([one, two], **GUESS)


def test_the_error_for_missing_columns_has_the_lines_that_fit(tmp_path: Path) -> None:
    path = write(tmp_path, "clip,begin,end,caption\na,0:01,0:02,go\n")
    with pytest.raises(AnnotationError, match="no column 'video', 'start', 'stop', 'instruction'") as caught:
        rows_of([path], format="table")
    stated = yaml.safe_load(caught.value.cure.partition("\n")[2])["extract"]["annotations"]
    assert segments_of([path], **stated)[0].start_seconds == 1.0
