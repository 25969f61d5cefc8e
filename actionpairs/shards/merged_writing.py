"""Writing the shards of a merged data set: one task per shard, so any number of workers write the same bytes."""

from __future__ import annotations

import io
import tarfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from actionpairs.errors import ShardError
from actionpairs.executors import RunTasks, require_done
from actionpairs.manifest import FileDigest
from actionpairs.progress import Progress
from actionpairs.records import Sample, Shard
from actionpairs.shards import reading, table, writing
from actionpairs.shards.layout import MEMBERS, key_of
from actionpairs.shards.merge_plan import MergePlan
from actionpairs.shards.sources import Source
from actionpairs.shards.tar import MAX_MEMBER_BYTES
from actionpairs.shards.writing import WrittenShard
from actionpairs.storage import Folder

_WORKER_BYTES = 1 << 30
_END_MARK = bytes(2 * tarfile.BLOCKSIZE)
_MOST_BYTES = len(MEMBERS) * (MAX_MEMBER_BYTES + tarfile.BLOCKSIZE) + tarfile.RECORDSIZE  # of one sample


@dataclass(frozen=True, slots=True)
class MergeTask:
    """One shard of the merged data set. rows: its samples, as in `MergePlan`."""

    folder: Folder
    name: str
    sources: tuple[Folder, ...]
    rows: pa.Table
    recipe_digest: str


def write_merged_tars(
    folder: Folder, sources: Sequence[Source], plan: MergePlan, run: RunTasks, *, recipe_digest: str
) -> tuple[tuple[WrittenShard, ...], int]:
    """Write all shards of a plan; returns them sorted by name, and how many workers were lost.

    A shard that a stopped run has finished is read instead of written. run: an executor with its number of
    workers.
    """
    # Absolute paths: a worker on another machine has another working directory.
    inputs = tuple(Folder(source.folder.path()) for source in sources)
    out = Folder(folder.path())
    tasks = (MergeTask(out, name, inputs, rows, recipe_digest) for name, rows in plan.iter_shards())
    written, lost = [], 0
    with Progress(total=len(plan.shards.names), unit="shard", desc="merge") as bar:
        outcomes = run(write_merged_shard, tasks, memory_bytes=_WORKER_BYTES)
        for outcome in require_done(outcomes, where=lambda task: f"{folder}/{task.name}"):
            lost += outcome.lost
            written.append(outcome.result)
            bar.update()
    return tuple(sorted(written, key=lambda item: item.shard.name)), lost


def write_merged_shard(task: MergeTask) -> WrittenShard:
    """Write one shard, or read what a stopped run wrote: a file under its name is whole."""
    if task.folder.exists(task.name):
        return _written(task)
    [written] = writing.write_tars(task.folder, ((task.name, sample) for sample in _samples(task)))
    return written


def _written(task: MergeTask) -> WrittenShard:
    offsets, keys, split = array("q"), [], ""
    for sample, (original, edited) in reading.iter_samples_with_offsets(task.folder, task.name):
        offsets.extend((original, len(sample.original_image), edited, len(sample.edited_image)))
        keys.append(sample.key)
        split = sample.metadata.split
    if keys != [key_of(name) for name in task.rows["id"].to_pylist()]:
        raise ShardError(f"{task.folder}/{task.name}: has other samples.", cure="Remove it and run this again.")
    digest = FileDigest.of_file(task.folder, task.name)
    by_sample = np.frombuffer(offsets, np.int64).reshape(-1, len(table.OFFSET_COLUMNS))
    return WrittenShard(Shard(task.name, split, digest.sha256, digest.size_bytes, len(keys)), by_sample)


def _samples(task: MergeTask) -> Iterator[Sample]:
    for row in task.rows.to_pylist():
        sample = _load_sample(task.sources[row["input"]], row)
        segment = replace(sample.metadata.segment, id=row["id"])
        metadata = replace(sample.metadata, segment=segment, split=row["split"], recipe_digest=task.recipe_digest)
        yield replace(sample, key=key_of(row["id"]), metadata=metadata)


def _load_sample(source: Folder, row: dict[str, Any]) -> Sample:
    """The sample of a row, as it is in its source; only its own bytes are read."""
    if not 0 <= row["start"] < row["stop"] <= row["start"] + _MOST_BYTES:
        raise _damaged(source, row, f"cannot be in the bytes {row['start']} to {row['stop']}")
    part = source.read_range(row["shard"], row["start"], row["stop"])
    if len(part) < row["stop"] - row["start"]:
        raise _damaged(source, row, "is past the end of the file")
    where = f"{source}/{row['shard']}: at byte {row['start']}"
    samples = [sample for sample, _ in reading.parse_samples(io.BytesIO(part + _END_MARK), where=where)]
    if [sample.key for sample in samples] != [row["key"]]:
        raise _damaged(source, row, "is not where its table says")
    return samples[0]


def _damaged(source: Folder, row: dict[str, Any], what: str) -> ShardError:
    return ShardError(
        f"{source}/{row['shard']}: {row['key']} {what}.",
        cure=f"Run `actionpairs verify {source}`; copy the shards again.",
    )
