"""Read and write frame pairs as Parquet: one file per video, with the rejections of that video in its metadata.

A video's file appears when the video is finished, so a stopped run resumes with the next video. The columns of
numbers can be read without the pictures, so a filter's threshold can change without decoding again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from actionpairs import columns, compatibility
from actionpairs.errors import StorageError
from actionpairs.manifest import FileDigest
from actionpairs.records import FramePair, Measures, Reason, Rejection
from actionpairs.storage import Folder
from actionpairs.version import PACKAGE_VERSION, SCHEMA_VERSION

REJECTED_FILE = "rejected.parquet"
_FOLDER = "pairs"
_FILES_AT_ONCE = 256  # concatenated at a time: a table of many small chunks needs many times its columns' memory
_ROWS_PER_GROUP = 64  # pictures are read one row group at a time; this limits the memory
_PICTURES = ("before_jpeg", "after_jpeg")
_SCHEMA = pa.schema([*columns.FACTS, *((name, pa.binary()) for name in _PICTURES)])


def file_name(video: str) -> str:
    """The name of a video's file: readable, safe for any video name, and different for different videos."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", video).strip("-")[:60]
    return f"{_FOLDER}/{safe}-{hashlib.sha256(video.encode(errors='surrogateescape')).hexdigest()[:8]}.parquet"


@dataclass(frozen=True, slots=True)
class VideoNotes:
    """The metadata in a video's file.

    read_through: why the whole video was decoded; "" if only the needed packets were. rate: frames per second,
    from the frames' times; None if there are fewer than two frames. seconds: the video's length. measured_from:
    the measures come from the decoded "pixels" or from the stored "jpeg" pictures.
    """

    rejections: tuple[Rejection, ...]
    read_through: str = ""
    rate: float | None = None
    seconds: float = 0.0
    measured_from: str = "pixels"


def write(folder: Folder, name: str, pairs: Sequence[FramePair], notes: VideoNotes) -> FileDigest:
    """Write the pairs and metadata of one video."""
    video = asdict(notes)
    rejections = video.pop("rejections")
    schema = _SCHEMA.with_metadata(
        {
            "rejected": json.dumps(rejections, ensure_ascii=False),
            "video": json.dumps(video, ensure_ascii=False),
            "schema_version": str(SCHEMA_VERSION),
            "package_version": PACKAGE_VERSION,
        }
    )
    table = pa.Table.from_pylist([_row(pair) for pair in pairs], schema=schema)
    with folder.create(name) as file:
        compression = {column: "none" if column in _PICTURES else "zstd" for column in schema.names}
        pq.write_table(table, file, compression=compression, use_dictionary=False, row_group_size=_ROWS_PER_GROUP)
    return FileDigest.of_file(folder, name)


def write_rejections(folder: Folder, rejections: Sequence[Rejection]) -> FileDigest:
    """Write the table of all rejections of a stage."""
    values = {field.name: [str(getattr(item, field.name)) for item in rejections] for field in fields(Rejection)}
    with folder.create(REJECTED_FILE) as file:
        pq.write_table(pa.table(values, pa.schema([(name, pa.string()) for name in values])), file)
    return FileDigest.of_file(folder, REJECTED_FILE)


def load_rejections(folder: Folder) -> list[Rejection]:
    """Load all rejections of the stage that wrote this folder."""
    with folder.open(REJECTED_FILE) as file:
        return [_rejection(row) for row in pq.read_table(file).to_pylist()]


def load_notes(folder: Folder, name: str, *, oldest: int = SCHEMA_VERSION) -> VideoNotes:
    """Load the metadata of one video's file. oldest: the first schema version that the caller can read."""
    with _opened(folder, name, oldest=oldest) as file:
        metadata = file.schema_arrow.metadata
        rejections = tuple(_rejection(row) for row in json.loads(metadata[b"rejected"]))
        return VideoNotes(rejections, **json.loads(metadata.get(b"video", b"{}")))


def video_name(folder: Folder, name: str) -> str:
    """The video, as the annotations name it, that a file's pairs are from; the file's own name if it is empty."""
    with _opened(folder, name) as file:
        videos = file.read(columns=["video"])["video"]
    return str(videos[0]) if len(videos) else name


def file_names(folder: Folder) -> list[str]:
    """The files of all finished videos, sorted."""
    return [name for name in folder.names(".parquet") if name.startswith(f"{_FOLDER}/")]


def count(folder: Folder, name: str) -> int:
    """The number of pairs in a video's file."""
    with _opened(folder, name) as file:
        return int(file.metadata.num_rows)


def facts(folder: Folder, name: str) -> pa.Table:
    """The facts of one video's pairs, as a table with the schema columns.FACTS. No picture is read."""
    with _opened(folder, name) as file:
        return file.read(columns=columns.FACTS.names).replace_schema_metadata()


def all_facts(folder: Folder) -> pa.Table:
    """The facts of all pairs as a table with the schema columns.FACTS, in the order of `file_names`."""
    scattered = _scattered_facts(folder).columns
    # One column at a time; its chunks are freed after it is concatenated, so that nothing is twice in memory.
    whole = pa.table([scattered.pop(0).combine_chunks() for _ in columns.FACTS], schema=columns.FACTS)
    pa.default_memory_pool().release_unused()  # for a million pairs, nearly the size of the table
    return whole


def _scattered_facts(folder: Folder) -> pa.Table:
    files = file_names(folder)
    parts = [columns.FACTS.empty_table()]
    for start in range(0, len(files), _FILES_AT_ONCE):
        some = [facts(folder, name) for name in files[start : start + _FILES_AT_ONCE]]
        parts.append(pa.concat_tables(some).combine_chunks())
    return pa.concat_tables(parts)


def load_pairs(folder: Folder, name: str) -> Iterator[FramePair]:
    """The pairs of one video with their pictures, read one row group at a time."""
    with _opened(folder, name) as file:
        for row in _rows(file):
            yield FramePair(columns.facts_of(row), row["before_jpeg"], row["after_jpeg"])


def load_measured(folder: Folder, name: str, measure: Callable[[bytes, bytes], Measures]) -> Iterator[FramePair]:
    """Like `load_pairs`, but with new measures, and also from files of earlier schema versions.

    measure: computes the measures of a pair from its two JPEGs.
    """
    with _opened(folder, name, oldest=1) as file:
        for row in _rows(file):
            before, after = row["before_jpeg"], row["after_jpeg"]
            yield FramePair(columns.facts_of(row, measures=measure(before, after)), before, after)


def _rows(file: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=_ROWS_PER_GROUP):
        yield from batch.to_pylist()


def pictures(folder: Folder, name: str, ids: Set[str]) -> Iterator[tuple[str, bytes, bytes]]:
    """Id, first and last JPEG of some pairs of one video. Only their row groups are read."""
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
    reason = Reason(compatibility.REASONS.get(row["reason"], row["reason"]))
    return Rejection(**{**row, "reason": reason})  # type: ignore[arg-type]


def _opened(folder: Folder, name: str, *, oldest: int = SCHEMA_VERSION) -> pq.ParquetFile:
    """Open a video's file. Raises StorageError if it is incomplete or has another schema version."""
    try:
        file = pq.ParquetFile(folder.open(name))
    except pa.ArrowException as error:
        raise StorageError(
            f"{folder}/{name}: not a complete Parquet file: {error}.", cure="Remove it and run extract again."
        ) from None
    version = int((file.schema_arrow.metadata or {}).get(b"schema_version", 1))
    if oldest <= version <= SCHEMA_VERSION:
        return file
    file.close()
    raise StorageError(
        f"{folder}/{name}: written with schema version {version}; this is version {SCHEMA_VERSION}.",
        cure=f"Run `actionpairs measure {folder} --out NEW`: it needs only this folder, and no video."
        if version < SCHEMA_VERSION
        else "Install a later version of actionpairs.",
    )
