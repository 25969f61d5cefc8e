"""Sharding by many workers, in two phases, with the bytes that one worker writes in one pass.

First the videos' files are read, each once, and their samples are dealt out to partitions, some shards of one
split each; then each partition's samples are packed. In between they lie in the shards folder itself, as tars that
end in `.spool` and are gone when it is done: no picture passes through whoever started the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np

from actionpairs import pairs, shards
from actionpairs.errors import ShardError
from actionpairs.executors import Died, Executor, Result, Task
from actionpairs.progress import Progress
from actionpairs.shards import Packed, shard_plan
from actionpairs.shards.shard_plan import PairsFile, ShardPlan
from actionpairs.storage import Folder

_PARTS = 64  # of the files and of the shards, at most: so many workers find work, and 64 × 64 spools are few
_WORKER_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class PartitionTask:
    """Files of pairs, and the shards' partitions that their samples go to."""

    source: Folder
    folder: Folder
    number: int
    files: Sequence[PairsFile]
    partition_of: Mapping[str, int]  # shard → partition
    recipe_digest: str


@dataclass(frozen=True, slots=True)
class PackTask:
    """A partition: its spools in order, and the shard of every sample in them, in order."""

    folder: Folder
    spools: Sequence[str]
    shards: Sequence[str]


def write(
    source: Folder,
    folder: Folder,
    seated: ShardPlan,
    *,
    recipe_digest: str,
    executor: Executor,
    workers: int | None,
) -> tuple[tuple[Packed, ...], int]:
    """Write the shards; gives what is known of them, sorted by name, and how many workers were lost on the way."""
    names = [shard for _, shard in seated.names]
    partitions = _partitions(sorted(names))
    partition_of = {name: number for number, part in enumerate(partitions) for name in part}
    _remove_spools(folder)
    # Whole paths: a worker elsewhere stands in another folder.
    source, folder = Folder(source.path()), Folder(folder.path())

    def deals() -> Iterator[PartitionTask]:
        files, size = shard_plan.files(source, seated), _part_size(len(pairs.names(source)))
        for number, part in enumerate(iter(lambda: list(islice(files, size)), [])):
            yield PartitionTask(source, folder, number, part, partition_of, recipe_digest)

    def packs() -> Iterator[PackTask]:
        partition_of_sample = np.array([partition_of[name] for name in names])[seated.shards]
        for number in range(len(partitions)):
            spools = sorted(name for dealt in spooled for name in dealt if name.endswith(f"-{number:06d}.spool"))
            inside = seated.shards[partition_of_sample == number]
            yield PackTask(folder, spools, [names[shard] for shard in inside.tolist()])

    run = _Runner(folder, executor, workers)
    spooled = run(_deal, deals(), "deal out")
    packed = run(_pack, packs(), "pack")
    _remove_spools(folder)
    return tuple(sorted((item for each in packed for item in each), key=lambda item: item.shard.name)), run.lost


@dataclass(slots=True)
class _Runner:
    folder: Folder
    executor: Executor
    workers: int | None
    lost: int = 0

    def __call__(self, work: Callable[[Task], Result], tasks: Iterator[Task], words: str) -> list[Result]:
        """The results of all tasks; raises ShardError where one of them cannot be done."""
        results = []
        with Progress(unit="part", desc=words) as bar:
            for outcome in self.executor(work, tasks, workers=self.workers, memory_bytes=_WORKER_BYTES):
                if isinstance(outcome, Died):
                    raise ShardError(f"{self.folder}: {outcome.why}.", cure="Free some memory.")
                self.lost += outcome.lost
                results.append(outcome.result)
                bar.update()
        return results


def _deal(task: PartitionTask) -> tuple[str, ...]:
    """Deal out the samples of some files; gives the names of the spools."""
    found = (
        (f"{task.number:06d}-{task.partition_of[shard]:06d}.spool", sample)
        for file in task.files
        for shard, sample in shard_plan.samples(task.source, file, recipe_digest=task.recipe_digest)
    )
    return shards.spool(task.folder, found)


def _pack(task: PackTask) -> tuple[Packed, ...]:
    """Pack one partition's shards."""
    found = (sample for name in task.spools for sample in shards.samples(task.folder, name))
    return shards.pack(task.folder, zip(task.shards, found, strict=True))


def _partitions(names: Sequence[str]) -> list[Sequence[str]]:
    """Shards of one split each, so that no key is twice in a spool."""
    splits = [list(group) for _, group in groupby(names, key=lambda name: name.rpartition("-")[0])]
    return [part for group in splits for part in _parts(group)]


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    """So many parts at most, of neighbors."""
    size = _part_size(len(names))
    return [names[start : start + size] for start in range(0, len(names), size)]


def _part_size(count: int) -> int:
    return -(-count // _PARTS) or 1


def _remove_spools(folder: Folder) -> None:
    for name in folder.names(".spool"):
        folder.remove(name)
