"""Your own table: CSV or TSV with a header, JSON lines, or Parquet; the recipe names its columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, malformed
from actionpairs.annotations.rows import Row, file_name, load_bytes, load_text, map_rows, parse_rows
from actionpairs.annotations.times import Times
from actionpairs.errors import AnnotationError
from actionpairs.formats import TableFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection


def read(urls: Sequence[str], table: TableFormat) -> Iterator[Clip | Rejection]:
    """Read tables; without an id column, ids are made from video, times and texts."""
    times = Times(table.unit, parse_rate(table.rate or 1), table.first_frame, table.end_included)
    needs = [name for name in table.columns.model_dump().values() if name is not None]
    for url in urls:
        yield from map_rows(_rows(url, needs), lambda row: _clip(row, table, times))


def _clip(row: Row, table: TableFormat, times: Times) -> Clip:
    columns = table.columns
    narration, verb, noun, group = (
        row[name] if name else "" for name in (columns.instruction, columns.verb, columns.noun, columns.group)
    )
    words = " ".join(word.strip() for word in (verb, noun) if isinstance(word, str))
    return Clip(
        where=row.where,
        id=row[columns.id] if columns.id else None,
        video=row[columns.video],
        start=row[columns.start],
        stop=row[columns.stop],
        times=times,
        group=group,
        verb=verb,
        noun=noun,
        label=words.strip() or narration,
        narration=narration,
    )


def _rows(url: str, needs: Sequence[str]) -> Iterator[Row | Rejection]:
    if load_bytes(url)[:4] == b"PAR1":
        return _parquet_rows(url, needs)
    text = load_text(url)
    if text.lstrip().startswith("{"):
        return _json_rows(url, text)
    return parse_rows(url, text, needs=needs)


def _json_rows(url: str, text: str) -> Iterator[Row | Rejection]:
    """One JSON object per line; a line that is no object becomes a Rejection."""
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{file_name(url)}, line {number}"
        try:
            cells = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError) as error:
            yield malformed(where, f"not JSON: {error}")
            continue
        if isinstance(cells, dict):
            yield Row(where, cells)
        elif line.strip():
            yield malformed(where, "not a JSON object")


def _parquet_rows(url: str, needs: Sequence[str]) -> Iterator[Row | Rejection]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(load_bytes(url)))
        missing = [name for name in needs if name not in file.schema_arrow.names]
        number = 0
        for batch in file.iter_batches(columns=[name for name in needs if name not in missing]):
            for cells in batch.to_pylist():
                number += 1
                yield Row(f"{file_name(url)}, row {number}", cells)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise AnnotationError(f"{url}: not a whole Parquet file: {error}.", cure="Write it again.") from None
    if missing:
        raise AnnotationError(
            f"{url}: no column {missing[0]!r}; it has: {', '.join(file.schema_arrow.names)[:200]}.",
            cure="Name the file's columns under `extract.annotations.columns` in the recipe.",
        )
