"""The Parquet layout of frame pairs, both ways: one file per video, with what was rejected of it in the same file.

A video's file appears when the video is done, so it is the unit of resume; the columns of numbers can be read
without the pictures, so a filter's threshold can change without decoding again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from actionpairs import columns
from actionpairs.errors import StorageError
from actionpairs.manifest import FileDigest
from actionpairs.records import FramePair, Reason, Rejection
from actionpairs.storage import Folder

REJECTED_FILE = "rejected.parquet"
_FOLDER = "pairs"
_FILES_AT_ONCE = 256  # joined at a time: a table of many small parts takes many times its columns' memory
_ROWS_PER_GROUP = 64  # pictures are read a group at a time; this bounds the memory
_PICTURES = ("before_jpeg", "after_jpeg")
_SCHEMA = pa.schema([*columns.FACTS, *((name, pa.binary()) for name in _PICTURES)])


def file_name(video: str) -> str:
    """The name of a video's file: readable, safe whatever the video is called, and its own."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", video).strip("-")[:60]
    return f"{_FOLDER}/{safe}-{hashlib.sha256(video.encode(errors='surrogateescape')).hexdigest()[:8]}.parquet"


@dataclass(frozen=True, slots=True)
class VideoNotes:
    """What a video's file says besides its pairs.

    read_through: why the whole video was decoded, or "" where a plan held. rate: frames per second, by the frames
    shown; None where there are not two. seconds: the video's length.
    """

    rejections: tuple[Rejection, ...]
    read_through: str = ""
    rate: float | None = None
    seconds: float = 0.0


def write(folder: Folder, name: str, pairs: Sequence[FramePair], notes: VideoNotes) -> FileDigest:
    """Write one video's pairs and notes."""
    rejected = json.dumps([asdict(rejection) for rejection in notes.rejections], ensure_ascii=False)
    others = json.dumps(
        {"read_through": notes.read_through, "rate": notes.rate, "seconds": notes.seconds}, ensure_ascii=False
    )
    schema = _SCHEMA.with_metadata({"rejected": rejected, "video": others})
    table = pa.Table.from_pylist([_row(pair) for pair in pairs], schema=schema)
    with folder.create(name) as file:
        compression = {column: "none" if column in _PICTURES else "zstd" for column in schema.names}
        pq.write_table(table, file, compression=compression, use_dictionary=False, row_group_size=_ROWS_PER_GROUP)
    return FileDigest.of_file(folder, name)


def write_rejections(folder: Folder, rejections: Sequence[Rejection]) -> FileDigest:
    """Write the table of everything that did not make it."""
    told = {field.name: [str(getattr(item, field.name)) for item in rejections] for field in fields(Rejection)}
    with folder.create(REJECTED_FILE) as file:
        pq.write_table(pa.table(told, pa.schema([(name, pa.string()) for name in told])), file)
    return FileDigest.of_file(folder, REJECTED_FILE)


def read_rejections(folder: Folder) -> list[Rejection]:
    """Everything that extract turned down."""
    with folder.open(REJECTED_FILE) as file:
        return [_rejection(row) for row in pq.read_table(file).to_pylist()]


def notes(folder: Folder, name: str) -> VideoNotes:
    """What one video's file says besides its pairs."""
    with _opened(folder, name) as file:
        metadata = file.schema_arrow.metadata
        rejections = tuple(_rejection(row) for row in json.loads(metadata[b"rejected"]))
        return VideoNotes(rejections, **json.loads(metadata.get(b"video", b"{}")))


def names(folder: Folder) -> list[str]:
    """The files of every video that is done."""
    return [name for name in folder.names(".parquet") if name.startswith(f"{_FOLDER}/")]


def count(folder: Folder, name: str) -> int:
    """How many pairs a video gave."""
    with _opened(folder, name) as file:
        return int(file.metadata.num_rows)


def facts(folder: Folder, name: str) -> pa.Table:
    """What is known of one video's pairs, as a table of columns.FACTS, without reading a picture."""
    with _opened(folder, name) as file:
        return file.read(columns=columns.FACTS.names).replace_schema_metadata()


def all_facts(folder: Folder) -> pa.Table:
    """What is known of every pair, in the order of `names` and within each file: a table of columns.FACTS."""
    scattered = _scattered_facts(folder).columns
    # One column after the other, each freed as it is joined: never twice in memory.
    whole = pa.table([scattered.pop(0).combine_chunks() for _ in columns.FACTS], schema=columns.FACTS)
    pa.default_memory_pool().release_unused()  # of a million pairs, nearly as much again
    return whole


def _scattered_facts(folder: Folder) -> pa.Table:
    files = names(folder)
    parts = [columns.FACTS.empty_table()]
    for start in range(0, len(files), _FILES_AT_ONCE):
        some = [facts(folder, name) for name in files[start : start + _FILES_AT_ONCE]]
        parts.append(pa.concat_tables(some).combine_chunks())
    return pa.concat_tables(parts)


def read(folder: Folder, name: str) -> Iterator[FramePair]:
    """One video's pairs with their pictures, a group of rows at a time."""
    with _opened(folder, name) as file:
        for batch in file.iter_batches(batch_size=_ROWS_PER_GROUP):
            for row in batch.to_pylist():
                yield FramePair(columns.facts_of(row), row["before_jpeg"], row["after_jpeg"])


def pictures(folder: Folder, name: str, ids: Set[str]) -> Iterator[tuple[str, bytes, bytes]]:
    """Id, first and last JPEG of some of one video's pairs; only the groups of rows that hold them are read."""
    if not ids:
        return
    with _opened(folder, name) as file:
        for group in range(file.num_row_groups):
            if not ids & set(file.read_row_group(group, columns=["id"])["id"].to_pylist()):
                continue
            for row in file.read_row_group(group, columns=["id", *_PICTURES]).to_pylist():
                if row["id"] in ids:
                    yield row["id"], row["before_jpeg"], row["after_jpeg"]


def _row(pair: FramePair) -> dict[str, Any]:
    return {**columns.row_of(pair.facts), "before_jpeg": pair.before_jpeg, "after_jpeg": pair.after_jpeg}


def _rejection(row: dict[str, str]) -> Rejection:
    return Rejection(**{**row, "reason": Reason(row["reason"])})  # type: ignore[arg-type]


def _opened(folder: Folder, name: str) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(folder.open(name))
    except pa.ArrowException as error:
        raise StorageError(
            f"{folder}/{name}: not a whole Parquet file: {error}.", cure="Remove it and run extract again."
        ) from None
    missing = [column for column in _SCHEMA.names if column not in file.schema_arrow.names]
    if missing:
        file.close()
        raise StorageError(
            f"{folder}/{name}: written by another version of actionpairs; it has no column {missing[0]}.",
            cure="Run extract again, into a new folder.",
        )
    return file
