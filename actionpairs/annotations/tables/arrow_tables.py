"""Rows of Parquet files and of Arrow files, such as those of a data set that `datasets` has saved.

`Dataset.save_to_disk` writes Arrow streams (arrow_writer.py of datasets 5.2: RecordBatchStreamWriter), and Feather
2 is an Arrow file. These, and Parquet from the Hub, say in their metadata which numbers are classes, with names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from actionpairs.annotations.rows import Row, file_name
from actionpairs.annotations.times import clock_text
from actionpairs.errors import AnnotationError, one_line

_PARQUET, _ARROW_FILE, _ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"


def is_arrow(data: bytes) -> bool:
    """Whether these are the bytes of a Parquet or Arrow file."""
    return data.startswith((_PARQUET, _ARROW_FILE, _ARROW_STREAM))


def open_arrow(url: str, data: bytes) -> tuple[list[str], Callable[[Sequence[str]], Iterator[Row]]]:
    """The column names of a file, and a function that reads the rows with the given columns.

    Raises AnnotationError for a damaged file.
    """
    import pyarrow as pa

    try:
        schema, batches = _opened(data)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(url, error) from None
    names: list[str] = list(schema.names)

    def rows(columns: Sequence[str]) -> Iterator[Row]:
        wanted = [name for name in columns if name in names]
        times = [
            field.name for field in schema if pa.types.is_time(field.type) or pa.types.is_duration(field.type)
        ]
        others = [field.name for field in schema if pa.types.is_decimal(field.type) or _is_binary(field.type)]
        classes = _class_names(schema)
        file, number = file_name(url), 0
        try:
            for batch in batches(wanted):
                for cells in batch.to_pylist():
                    number += 1
                    cells |= {name: _value(cells[name]) for name in others if name in cells}
                    yield Row(f"{file}, row {number}", _plain(cells, times, classes))
        except (pa.ArrowException, ArithmeticError, OSError, ValueError) as error:
            raise _damaged(url, error) from None

    return names, rows


def _opened(data: bytes) -> tuple[Any, Callable[[list[str]], Iterator[Any]]]:
    """The schema, and a function that gives the batches with some of the columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if data.startswith(_PARQUET):
        file = pq.ParquetFile(pa.BufferReader(data))
        return file.schema_arrow, lambda names: file.iter_batches(columns=names)
    is_file = data.startswith(_ARROW_FILE)
    schema = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(pa.BufferReader(data)).schema

    def batches(names: list[str]) -> Iterator[Any]:
        if is_file:
            reader = pa.ipc.open_file(pa.BufferReader(data))
            every = (reader.get_batch(place) for place in range(reader.num_record_batches))
        else:
            every = iter(pa.ipc.open_stream(pa.BufferReader(data)))
        for batch in every:
            batch.validate(full=True)  # offsets that point outside would otherwise be followed
            yield batch.select(names)

    return schema, batches


def _plain(
    values: dict[str, object], times: Sequence[str], classes: Mapping[str, Sequence[str]]
) -> dict[str, object]:
    """The cells of a row, with times as `HH:MM:SS.ss`, and with names instead of the numbers of classes."""
    for name in times:
        if name in values:
            values[name] = clock_text(values[name])
    for name, labels in classes.items():
        number = values.get(name)
        if isinstance(number, int):  # `datasets` writes -1 where the class is not told
            values[name] = labels[number] if 0 <= number < len(labels) else None
    return values


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _value(value: object) -> object:
    """A decimal as a number, and bytes as a text: several writers do not mark texts as such."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass  # a picture, say: the row is rejected if the column is needed
    return value


def _class_names(schema: Any) -> dict[str, list[str]]:
    """The names of the classes of each column of classes, as `datasets` states them in the metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: [str(label) for label in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _damaged(url: str, error: Exception) -> AnnotationError:
    return AnnotationError(
        f"{url}: not a whole Parquet or Arrow file: {one_line(error).rstrip('.')}.", cure="Write it again."
    )
