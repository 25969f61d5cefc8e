"""Writing the pictures and captions with many workers. JPEGs are copied, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from actionpairs import shards
from actionpairs.executors import RunTasks, require_done
from actionpairs.exports import targets
from actionpairs.exports.target import Target
from actionpairs.manifest import FileDigest
from actionpairs.progress import Progress
from actionpairs.records import Entry
from actionpairs.storage import Folder

_PAIRS_PER_TASK = 64
_WORKER_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class PicturesTask:
    """Pairs of one split to be written, and the names of their files that an earlier run has written."""

    source: Folder
    folder: Folder
    target: str
    split: str
    entries: Sequence[Entry]
    written: frozenset[str]


def write_pictures(
    source: Folder, folder: Folder, target: str, splits: Mapping[str, Sequence[Entry]], run: RunTasks
) -> tuple[dict[str, FileDigest], int]:
    """Write the pictures and captions of all splits; returns the digest of every file, and the workers lost.

    A file that is there is complete, since files appear when they are; it is not written again. run: an executor
    with its number of workers.
    """
    files: dict[str, FileDigest] = {}
    lost = 0
    with Progress(total=sum(map(len, splits.values())), unit="pair", desc="export") as bar:
        outcomes = run(_write, _tasks(source, folder, target, splits), memory_bytes=_WORKER_BYTES)
        for outcome in require_done(outcomes, where=lambda _: str(folder)):
            files |= outcome.result
            lost += outcome.lost
            bar.update(len(outcome.task.entries))
    return files, lost


def _tasks(
    source: Folder, folder: Folder, target: str, splits: Mapping[str, Sequence[Entry]]
) -> Iterator[PicturesTask]:
    """Parts of one split each, in the order of the tars. Paths are absolute: a worker may run elsewhere."""
    source, folder, present = Folder(source.path()), Folder(folder.path()), set(folder.names())
    for split, entries in splits.items():
        ordered = sorted(entries, key=lambda entry: (entry.shard, entry.original_offset))
        for start in range(0, len(ordered), _PAIRS_PER_TASK):
            part = ordered[start : start + _PAIRS_PER_TASK]
            names = {name for entry in part for name in _names(targets.BY_NAME[target], split, entry)}
            yield PicturesTask(source, folder, target, split, part, frozenset(names & present))


def _names(target: Target, split: str, entry: Entry) -> tuple[str, ...]:
    """The files of one pair: before, after and, where the layout has them, the caption."""
    before, after = (f"{split}/{name}" for name in target.pictures(entry.key))
    caption = PurePosixPath(after).with_suffix(".txt").as_posix()
    return (before, after, caption) if target.has_captions else (before, after)


def _write(task: PicturesTask) -> dict[str, FileDigest]:
    digests = {}
    for entry in task.entries:
        contents = (*shards.load_pictures(task.source, entry), entry.instruction.encode())
        for name, data in zip(_names(targets.BY_NAME[task.target], task.split, entry), contents, strict=False):
            if name not in task.written:
                task.folder.write_bytes(name, data)
            digests[name] = FileDigest.of(data)
    return digests
