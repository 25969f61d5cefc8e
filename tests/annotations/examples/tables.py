"""A table in every kind of file that people have one in."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import time, timedelta
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from tests.annotations.examples.example import Example, json_bytes

COLUMNS = {"video": ["a", "b"], "start": [1.0, 5.0], "stop": [2.5, 4.0], "instruction": ["go", "stop"]}
FIRST = ("a", 1.0, 2.5, "go")


def arrow_stream(table: pa.Table) -> bytes:
    """An Arrow stream, as `datasets` saves one."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _written(write: Callable[[pa.Table, io.BytesIO], Any], table: pa.Table) -> bytes:
    sink = io.BytesIO()
    write(table, sink)
    return sink.getvalue()


def class_table() -> pa.Table:
    """A table whose instructions are numbers of classes, with their names where `datasets` writes them."""
    features = {"what": {"names": ["stop", "go"], "_type": "ClassLabel"}, "video": {"_type": "Value"}}
    table = pa.table({**COLUMNS, "what": [1, 0]}).drop_columns(["instruction"])
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def durations() -> pa.Table:
    """A table with a time of the day and a time difference."""
    return pa.table(
        {
            **COLUMNS,
            "start": pa.array([time(0, 0, 1), time(0, 0, 5)], pa.time64("us")),
            "stop": pa.array([timedelta(seconds=2.5), timedelta(seconds=4)], pa.duration("ns")),
        }
    )


def workbook(*sheets: tuple[str, list[list[object]]]) -> bytes:
    """An Excel workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _table(name: str, content: bytes | str, **keys: Any) -> Example:
    data = content.encode() if isinstance(content, str) else content
    return Example({"format": "table", **keys}, {name: data}, 2, 1, FIRST)


_SEMICOLONS = "video;start;stop;instruction\na;1,0;2,5;go\nb;5;4;put, then wait, then stop\n"
_RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]

EXAMPLES: dict[str, Example] = {
    "semicolons": _table("mine.csv", _SEMICOLONS),
    "semicolons in utf-16": _table("mine.csv", _SEMICOLONS.encode("utf-16")),
    "separator stated as excel does": _table("mine.csv", "sep=;\n" + _SEMICOLONS),
    "bars": _table("mine.txt", _SEMICOLONS.replace(";", "|"), decimal_comma=True),
    "gzip": _table("mine.csv.gz", gzip.compress(_SEMICOLONS.encode(), mtime=0)),
    "cp1252": _table(
        "mine.csv",
        'video,start,stop,instruction,who\na,1,2.5,go,Jürgen\nb,5,4,"stop, now",Zoë\n'.encode("cp1252"),
        encoding="cp1252",
        columns={"group": "who"},
    ),
    "microseconds": _table("mine.csv", "video,start,stop,instruction\na,1000000,2500000,go\nb,5,4,stop\n",
                           unit="microseconds"),
    "timecode": _table("mine.csv", "video,start,stop,instruction\na,00:00:01:00,00:00:02:05,go\nb,1:2,4,stop\n",
                       unit="timecode", rate=10),
    "guessed": _table("mine.csv", "Clip Name,Start time (s),End time (s),Caption\na,1.0,2.5,go\nb,5,4,stop\n",
                      columns="guess", unit="guess"),
    "json list": _table("mine.json", json_bytes(_RECORDS)),
    "json columns": _table("mine.json", json_bytes(
        {name: {str(place): cell for place, cell in enumerate(cells)} for name, cells in COLUMNS.items()})),
    "json lists": _table("mine.json", json_bytes(COLUMNS)),
    "json index": _table("mine.json", json_bytes({str(place): row for place, row in enumerate(_RECORDS)})),
    "json split": _table("mine.json", json_bytes(
        {"columns": list(COLUMNS), "index": [0, 1], "data": [list(row.values()) for row in _RECORDS]})),
    "json table": _table("mine.json", json_bytes(
        {"schema": {"fields": [], "pandas_version": "1.4.0"}, "data": [{"index": 0, **row} for row in _RECORDS]})),
    "parquet of durations": _table("mine.parquet", _written(pq.write_table, durations()), unit="clock"),
    "arrow stream of classes": _table("data-00000-of-00001.arrow", arrow_stream(class_table()),
                                      columns={"instruction": "what"}),
    "feather": _table("mine.feather", _written(feather.write_feather, pa.table(COLUMNS))),
}  # fmt: skip

if find_spec("openpyxl"):
    EXAMPLES["excel"] = _table(
        "mine.xlsx",
        workbook(
            ("notes", [["written on a Monday"]]),
            (
                "segments",
                [list(COLUMNS), ["a", time(0, 0, 1), timedelta(seconds=2.5), "go"], [], ["b", 5, 4, "stop"]],
            ),
        ),
        unit="clock",
    )
