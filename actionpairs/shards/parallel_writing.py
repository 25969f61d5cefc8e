"""Writing shards with many workers, in two phases; the bytes are those that one worker writes.

Phase 1, partition: each worker reads files of the pairs folder and sorts their samples into partitions. A
partition is one or more shards of one split. Phase 2, pack: each worker writes the shards of one partition.
Between the phases the samples are in temporary tars (`.spool`) in the shards folder, so no picture passes through
the main process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import pyarrow as pa

from actionpairs import pairs
from actionpairs.executors import Result, RunTasks, Task, require_done
from actionpairs.manifest import FileDigest
from actionpairs.progress import Progress
from actionpairs.records import ShardIndex
from actionpairs.shards import pair_samples, reading, writing
from actionpairs.shards.pair_samples import PairsFile
from actionpairs.shards.shard_plan import ShardPlan
from actionpairs.shards.writing import DatasetInfo, WrittenShard, write_index
from actionpairs.storage import Folder

_MAX_PARTS = 64  # of the files and of the shards: work for as many workers, and 64 × 64 temporary tars are few
_WORKER_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class PartitionTask:
    """Files of a pairs folder, to be sorted into partitions."""

    source: Folder
    folder: Folder
    number: int
    files: Sequence[PairsFile]
    partition_of: Mapping[str, int]  # shard → partition
    recipe_digest: str


@dataclass(frozen=True, slots=True)
class PackTask:
    """A partition: its temporary tars in order, and the shard of every sample in them."""

    folder: Folder
    spools: Sequence[str]
    shards: Sequence[str]


def write_shards_in_parallel(
    source: Folder, folder: Folder, facts: pa.Table, plan: ShardPlan, info: DatasetInfo, run: RunTasks
) -> tuple[ShardIndex, dict[str, FileDigest], int]:
    """As `writing.write_shards`, with the samples of a pairs folder; also returns how many workers were lost.

    run: an executor with its number of workers.
    """
    written, lost = _write_tars(source, folder, facts, plan, info.recipe_digest, run)
    return *write_index(folder, written, facts, plan, info), lost


def _write_tars(
    source: Folder, folder: Folder, facts: pa.Table, plan: ShardPlan, recipe_digest: str, run: RunTasks
) -> tuple[tuple[WrittenShard, ...], int]:
    """Write the tars; returns the shards, sorted by name, and how many workers were lost."""
    names = [shard for _, shard in plan.names]
    partitions = _partitions(sorted(names))
    partition_of = {name: number for number, part in enumerate(partitions) for name in part}
    _remove_spools(folder)
    # Absolute paths: a worker on another machine has another working directory.
    source, folder = Folder(source.path()), Folder(folder.path())

    def partition_tasks() -> Iterator[PartitionTask]:
        files = pair_samples.planned_files(source, plan, facts)
        size = _part_size(len(pairs.file_names(source)))
        for number, part in enumerate(iter(lambda: list(islice(files, size)), [])):
            yield PartitionTask(source, folder, number, part, partition_of, recipe_digest)

    def pack_tasks() -> Iterator[PackTask]:
        partition_of_sample = np.array([partition_of[name] for name in names])[plan.shards]
        for number in range(len(partitions)):
            spools = sorted(
                name for written in spooled for name in written if name.endswith(_spool_suffix(number))
            )
            inside = plan.shards[partition_of_sample == number]
            yield PackTask(folder, spools, [names[shard] for shard in inside.tolist()])

    runner = _Runner(folder, run)
    spooled = runner(_partition, partition_tasks(), "partition")
    packed = runner(_pack, pack_tasks(), "pack")
    _remove_spools(folder)
    written = sorted((item for part in packed for item in part), key=lambda item: item.shard.name)
    return tuple(written), runner.lost


@dataclass(slots=True)
class _Runner:
    folder: Folder
    run: RunTasks
    lost: int = 0

    def __call__(self, work: Callable[[Task], Result], tasks: Iterator[Task], description: str) -> list[Result]:
        """The results of all tasks; raises ShardError if a worker process dies."""
        results = []
        with Progress(unit="part", desc=description) as bar:
            outcomes = self.run(work, tasks, memory_bytes=_WORKER_BYTES)
            for outcome in require_done(outcomes, where=lambda _: str(self.folder)):
                self.lost += outcome.lost
                results.append(outcome.result)
                bar.update()
        return results


def _partition(task: PartitionTask) -> tuple[str, ...]:
    """Sort the samples of some files into partitions; returns the names of the temporary tars."""
    samples = (
        (f"{task.number:06d}{_spool_suffix(task.partition_of[shard])}", sample)
        for file in task.files
        for shard, sample in pair_samples.iter_samples(task.source, file, recipe_digest=task.recipe_digest)
    )
    return writing.write_temporary_tars(task.folder, samples)


def _pack(task: PackTask) -> tuple[WrittenShard, ...]:
    """Write the shards of one partition."""
    samples = (sample for name in task.spools for sample in reading.iter_samples(task.folder, name))
    return writing.write_tars(task.folder, zip(task.shards, samples, strict=True))


def _spool_suffix(partition: int) -> str:
    return f"-{partition:06d}.spool"


def _partitions(names: Sequence[str]) -> list[Sequence[str]]:
    """Divide shards into partitions of one split each, so that no key comes twice in a temporary tar."""
    splits = [list(group) for _, group in groupby(names, key=lambda name: name.rpartition("-")[0])]
    return [part for group in splits for part in _parts(group)]


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    """Divide names into parts of neighbors, _MAX_PARTS at most."""
    size = _part_size(len(names))
    return [names[start : start + size] for start in range(0, len(names), size)]


def _part_size(count: int) -> int:
    return -(-count // _MAX_PARTS) or 1


def _remove_spools(folder: Folder) -> None:
    for name in folder.names(".spool"):
        folder.remove(name)
