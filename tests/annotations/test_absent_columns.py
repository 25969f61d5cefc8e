"""Columns that only the package's recipe names may be missing; the run says what it uses instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actionpairs.annotations import without_guesses
from actionpairs.errors import AnnotationError
from actionpairs.extraction.plan import describe, summarize_plan
from actionpairs.recipe import load
from tests.annotations.conftest import config, rows_of

ROWS = "a.mp4,1.5,2.5,take the cup\na.mp4,3.5,4.5,wash the cup\n"
REQUIRED = f"video,start_seconds,stop_seconds,instruction\n{ROWS}"
TABLE: dict[str, Any] = {
    "format": "table",
    "columns": {
        "id": "segment_id",
        "video": "video",
        "start": "start_seconds",
        "stop": "stop_seconds",
        "instruction": "instruction",
        "verb": "verb",
        "noun": "noun",
        "group": "participant",
    },
}


def write(folder: Path, text: str, name: str = "mine.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def notes(*paths: Path, **keys: Any) -> tuple[str, ...]:
    return without_guesses([str(path) for path in paths], config(**TABLE | keys))[1]


def test_a_table_of_the_required_columns_is_read_as_the_guess_reads_it(tmp_path: Path) -> None:
    path = write(tmp_path, REQUIRED)
    assert rows_of([path], **TABLE) == rows_of([path], format="table", columns="guess", unit="guess")
    assert len(rows_of([path], **TABLE)) == 2


def test_the_run_says_in_one_note_what_is_not_there_and_what_is_used_instead(tmp_path: Path) -> None:
    summary = summarize_plan(load("table-tiny"), [str(write(tmp_path, REQUIRED))], limit=None)
    assert (summary.selected, summary.actions) == (2, 2)
    assert (
        "note: mine.csv: no column 'segment_id', 'verb', 'noun', 'participant': ids are made from video, times "
        "and words; an action is the whole instruction; a leak-free split goes by video alone"
    ) in describe(summary)


def test_a_similar_name_in_the_file_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        REQUIRED.replace("instruction\n", "instruction,Verb,noun,person\n").replace("cup\n", "cup,take,cup,P1\n"),
    )
    [note] = notes(path)
    assert (
        "no column 'segment_id', 'verb' (did you mean 'Verb'?), 'participant' (did you mean 'person'?): " in note
    )


def test_a_table_with_every_column_has_no_note_and_equal_tables_have_one(tmp_path: Path) -> None:
    full = write(tmp_path, ",".join(TABLE["columns"].values()) + "\n1,a,1,2,go,go,,P1\n", "full.csv")
    assert notes(full) == ()
    [note] = notes(full, write(tmp_path, REQUIRED), write(tmp_path, REQUIRED.replace("take", "hold"), "more.csv"))
    assert note.startswith("mine.csv and 1 more: no column 'segment_id'")


@pytest.mark.parametrize(
    ("columns", "keys", "missing"),
    [
        ({"verb": "what is done"}, {}, "'what is done'"),  # the user's own name
        ({}, {"action": "{verb}"}, "'verb'"),
        ({}, {"instruction": "{verb} the {noun}"}, "'verb', 'noun'"),
        ({"instruction": None}, {"instruction": "{label}"}, "'verb', 'noun'"),
        ({"video": "clip"}, {}, "'clip'"),
    ],
)
def test_what_the_recipe_itself_names_or_puts_into_texts_must_be_there(
    tmp_path: Path, columns: dict[str, Any], keys: dict[str, Any], missing: str
) -> None:
    path = write(tmp_path, REQUIRED)
    with pytest.raises(AnnotationError, match=rf"line 1: no column {missing}; it has"):
        rows_of([path], **TABLE | keys | {"columns": TABLE["columns"] | columns})


def test_the_error_for_a_required_column_lists_both_kinds(tmp_path: Path) -> None:
    path = write(tmp_path, REQUIRED.replace("stop_seconds", "end_seconds"))
    with pytest.raises(AnnotationError, match=r"line 1: no column 'stop_seconds'; it has") as caught:
        rows_of([path], **TABLE)
    assert caught.value.cure.startswith(
        "The recipe needs the columns 'video', 'start_seconds', 'stop_seconds', 'instruction'; "
        "'segment_id', 'verb', 'noun', 'participant' may be missing. Name the file's columns"
    )


def test_an_optional_column_that_stands_twice_is_still_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, "video,start_seconds,stop_seconds,instruction,verb,verb\na,1,2,go,go,go\n")
    with pytest.raises(AnnotationError, match="two columns 'verb'"):
        rows_of([path], **TABLE)


def test_json_and_a_workbook_with_another_sheet_may_lack_them_too(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    lines = [line.split(",") for line in REQUIRED.splitlines()]
    book = openpyxl.Workbook()
    book.active.append(["read me"])
    sheet = book.create_sheet("actions")
    for line in lines:
        sheet.append(line)
    book.save(tmp_path / "mine.xlsx")
    items = write(
        tmp_path, json.dumps([dict(zip(lines[0], line, strict=True)) for line in lines[1:]]), "mine.json"
    )
    wanted = rows_of([write(tmp_path, REQUIRED)], **TABLE)
    assert rows_of([tmp_path / "mine.xlsx"], **TABLE) == rows_of([items], **TABLE) == wanted
