"""Tables with pictures in their cells, as `datasets` writes them: Parquet, or the Arrow files of save_to_disk.

A cell of a picture is a struct of `bytes` and `path` (datasets, features/image.py), or plain bytes. Texts are read
at once, pictures one row group at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from actionpairs.benchmarks.pictures import Picture
from actionpairs.errors import ScoreError, one_line
from actionpairs.evaluation.predictions import listed
from actionpairs.storage import Folder

_SUFFIXES = ".parquet", ".arrow"
_CACHE = "cache-"  # what `datasets` leaves beside the data that it has mapped


class PictureTable:
    """One file. columns: their names."""

    def __init__(self, folder: Folder, name: str) -> None:
        self.name = name
        self._path = str(folder.local_path(name))
        try:
            self._open()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(folder, name, error) from None
        self.columns = tuple(self._schema.names)
        self._cells = lru_cache(2)(self._load_column)

    def rows(self, texts: Sequence[str]) -> Iterator[tuple[int, int, dict[str, object]]]:
        """Every row: its group, its number in the group, and its cells of those columns that the table has."""
        wanted = [name for name in texts if name in self.columns]
        for group in range(self._groups):
            cells = self._table(group, wanted).to_pylist()
            for number, row in enumerate(cells):
                yield group, number, row

    def picture(self, group: int, number: int, column: str) -> Picture:
        """A cell as a picture, which is loaded when it is needed."""
        where = f"{self.name}, row {self._starts[group] + number + 1}, {column}"
        return Picture(where, partial(self._content, group, number, column))

    def has(self, group: int, number: int, column: str) -> bool:
        """Whether the table has this column, and the cell is not empty."""
        return column in self.columns and bool(self._content(group, number, column))

    def _content(self, group: int, number: int, column: str) -> bytes:
        value = self._cells(group, column)[number].as_py()
        value = value.get("bytes") if isinstance(value, Mapping) else value
        return value if isinstance(value, bytes) else b""

    def _load_column(self, group: int, column: str) -> Any:
        return self._table(group, [column]).column(0)

    def _open(self) -> None:
        self._file: Any = None
        self._batches: list[Any] = []
        if self._path.endswith(".parquet"):
            self._file = pq.ParquetFile(self._path)
            self._schema, self._groups = self._file.schema_arrow, self._file.num_row_groups
            sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._groups)]
        else:
            self._batches = list(_batches(self._path))
            self._schema, self._groups = self._batches[0].schema, len(self._batches)
            sizes = [batch.num_rows for batch in self._batches]
        self._starts = [sum(sizes[:group]) for group in range(self._groups)]

    def _table(self, group: int, columns: Sequence[str]) -> Any:
        try:
            if self._file is not None:
                return self._file.read_row_group(group, columns=list(columns))
            batch = self._batches[group].select(list(columns))
            batch.validate(full=True)  # offsets that point outside would otherwise be followed
            return pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(None, self.name, error) from None


def _batches(path: str) -> Iterator[Any]:
    """The batches of an Arrow file or stream, mapped and not loaded; raises ValueError if there is none."""
    source = pa.memory_map(path)
    try:
        reader = pa.ipc.open_file(source)
        batches: Iterator[Any] = (reader.get_batch(place) for place in range(reader.num_record_batches))
    except pa.ArrowInvalid:
        source.seek(0)
        batches = iter(pa.ipc.open_stream(source))
    every = list(batches)
    if not every:
        raise ValueError("it has no rows")
    yield from every


def table_names(folder: Folder) -> list[str]:
    """The Parquet files below a folder, or else its Arrow files; empty if it has neither."""
    for suffix in _SUFFIXES:
        names = [name for name in folder.names(suffix) if not PurePosixPath(name).name.startswith(_CACHE)]
        if names:
            return names
    return []


def open_tables(title: str, folder: Folder, names: Sequence[str], *, needed: Sequence[str]) -> list[PictureTable]:
    """Open the tables; raises ScoreError if a needed column is missing, and names those that there are."""
    tables = [PictureTable(folder, name) for name in names]
    for table in tables:
        missing = [column for column in needed if column not in table.columns]
        if missing:
            raise ScoreError(
                f"{title}: {folder}/{table.name} has no column {listed(missing)}; it has {listed(table.columns)}.",
                cure=f"Give the folder of {title} as it is released: docs/benchmarks.md says from where.",
            )
    return tables


def _damaged(folder: Folder | None, name: str, error: Exception) -> ScoreError:
    where = f"{folder}/{name}" if folder else name
    return ScoreError(f"{where}: not a whole Parquet or Arrow file: {one_line(error)}.", cure="Get it again.")
