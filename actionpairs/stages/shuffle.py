"""Sharding by many workers, in two phases, with the bytes that one worker writes in one pass.

First the videos' files are read, each once, and their samples are dealt out to partitions, some shards of one
split each; then each partition's samples are packed. In between they lie in the shards folder itself, as tars that
end in `.spool` and are gone when it is done: no picture passes through whoever started the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from actionpairs import pairs, shards
from actionpairs.errors import ShardError
from actionpairs.executors import Died, Executor
from actionpairs.progress import Progress
from actionpairs.records import FramePair, Places, Sample
from actionpairs.shards import Packed
from actionpairs.storage import Folder

_PARTS = 64  # of the files and of the shards, at most: so many workers find work, and 64 × 64 spools are few
_WORKER_BYTES = 1 << 30

ToSamples = Callable[[FramePair, Sequence[str], str], Iterator[Sample]]


@dataclass(frozen=True, slots=True)
class _Deal:
    """Files of pairs, and the splits and shards' partitions that their samples go to."""

    source: Folder
    folder: Folder
    number: int
    names: Sequence[str]
    splits_of: Mapping[str, Sequence[str]]  # segment id → its split and subsets
    partition_of: Mapping[tuple[str, str], int]  # (split, key) → partition
    samples: ToSamples
    recipe_digest: str


@dataclass(frozen=True, slots=True)
class _Pack:
    """A partition: its spools in order, and its shards."""

    folder: Folder
    spools: Sequence[str]
    shard_of: Mapping[tuple[str, str], str]  # (split, key) → shard


def write(
    source: Folder,
    folder: Folder,
    places: Places,
    shard_of: Mapping[tuple[str, str], str],
    samples: ToSamples,
    *,
    recipe_digest: str,
    executor: Executor,
    workers: int | None,
) -> tuple[Packed, ...]:
    """Write the shards; gives what is known of them, sorted by name."""
    partitions = _partitions(sorted(set(shard_of.values())))
    of_shard = {name: number for number, names in enumerate(partitions) for name in names}
    _remove_spools(folder)
    # Whole paths: a worker elsewhere stands in another folder.
    source, folder = Folder(source.path()), Folder(folder.path())

    def deals() -> Iterator[_Deal]:
        for number, names in enumerate(_parts(pairs.names(source))):
            splits_of = {each: places.splits_of(each) for name in names for each in pairs.ids(source, name)}
            wanted = [(split, shards.key_of(each)) for each, splits in splits_of.items() for split in splits]
            partition_of = {place: of_shard[shard_of[place]] for place in wanted}
            yield _Deal(source, folder, number, names, splits_of, partition_of, samples, recipe_digest)

    def packs() -> Iterator[_Pack]:
        for number, names in enumerate(partitions):
            spools = sorted(name for dealt in spooled for name in dealt if name.endswith(f"-{number:06d}.spool"))
            held = set(names)
            yield _Pack(folder, spools, {place: name for place, name in shard_of.items() if name in held})

    run = _Runner(executor, workers)
    spooled = run(_deal, deals(), "deal out")
    packed = run(_pack, packs(), "pack")
    _remove_spools(folder)
    return tuple(sorted((item for each in packed for item in each), key=lambda item: item.shard.name))


@dataclass(frozen=True, slots=True)
class _Runner:
    executor: Executor
    workers: int | None

    def __call__(self, work: Callable[[Any], Any], tasks: Iterator[Any], words: str) -> list[Any]:
        """The results of all tasks; raises ShardError where one of them cannot be done."""
        results = []
        with Progress(unit="part", desc=words) as bar:
            for outcome in self.executor(work, tasks, workers=self.workers, memory_bytes=_WORKER_BYTES):
                if isinstance(outcome, Died):
                    raise ShardError(f"{outcome.task.folder}: {outcome.why}.", cure="Free some memory.")
                results.append(outcome.result)
                bar.update()
        return results


def _deal(task: _Deal) -> tuple[str, ...]:
    """Deal out the samples of some files; gives the names of the spools."""
    found = (
        sample
        for name in task.names
        for pair in pairs.read(task.source, name)
        for sample in task.samples(pair, task.splits_of[pair.facts.segment.id], task.recipe_digest)
    )
    names = {number: f"{task.number:06d}-{number:06d}.spool" for number in set(task.partition_of.values())}
    spool_of = {place: names[number] for place, number in task.partition_of.items()}
    shards.spool(task.folder, found, spool_of=spool_of)
    return tuple(sorted(names.values()))


def _pack(task: _Pack) -> tuple[Packed, ...]:
    """Pack one partition's shards."""
    found = (sample for name in task.spools for sample in shards.samples(task.folder, name))
    return shards.pack(task.folder, found, shard_of=task.shard_of)


def _partitions(names: Sequence[str]) -> list[Sequence[str]]:
    """Shards of one split each, so that no key is twice in a spool."""
    splits = [list(group) for _, group in groupby(names, key=lambda name: name.rpartition("-")[0])]
    return [part for group in splits for part in _parts(group)]


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    """So many parts at most, of neighbours."""
    size = -(-len(names) // _PARTS) or 1
    return [names[start : start + size] for start in range(0, len(names), size)]


def _remove_spools(folder: Folder) -> None:
    for name in folder.names(".spool"):
        folder.remove(name)
