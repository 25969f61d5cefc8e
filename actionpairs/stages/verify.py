"""check and verify: are these shards the ones that were expected, and are they whole?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

import cv2
import numpy as np

from actionpairs import manifest, shards
from actionpairs.errors import ShardError
from actionpairs.executors import Died, local
from actionpairs.manifest import FileDigest
from actionpairs.progress import Progress
from actionpairs.records import Sample, Shard
from actionpairs.storage import Folder, located


def check(folder_url: str, expected_url: str) -> None:
    """Compare a shards folder's manifest with a reviewed one; raises ShardError naming the first difference."""
    reviewed, name = located(expected_url)
    found = manifest.read(Folder(folder_url), stage="shard")
    expected = manifest.parse(reviewed.read_bytes(name), where=expected_url)
    for what, ours, theirs in (
        ("counts", found.counts, expected.counts),
        ("recipe", found.recipe_digest, expected.recipe_digest),
        ("memberships", found.subsets, expected.subsets),
        ("files", found.files, expected.files),
    ):
        if ours != theirs:
            raise ShardError(
                f"{folder_url}: {what} differ from {expected_url}: {_difference(ours, theirs)}.",
                cure="Look for the cause; where the change is meant, a person updates the manifest in review.",
            )


def _difference(ours: object, theirs: object) -> str:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                return f"{key}: {ours.get(key)}, expected {theirs.get(key)}"
    return f"{ours}, expected {theirs}"


def verify(folder_url: str, *, workers: int | None = None) -> int:
    """Read every sample, open every picture, hash every file again; returns how many samples there are.

    Raises ShardError, which names the first wrong thing that was found: file and entry.
    """
    folder = Folder(folder_url)
    made, index = manifest.read(folder, stage="shard").files, shards.read_index(folder)
    _same_files(folder, made, index.shards)
    tasks = [_Task(folder_url, shard) for shard in index.shards]
    workers = min(workers or len(os.sched_getaffinity(0)), len(tasks))
    with Progress(total=len(tasks), unit="shard", desc="verify") as bar:
        for outcome in local.run(_verify_shard, tasks, workers=workers):
            bar.update()
            if isinstance(outcome, Died):
                raise ShardError(f"{folder}/{outcome.task.shard.name}: {outcome.why}.", cure="Free some memory.")
    for name, digest in made.items():
        if not name.endswith(".tar") and FileDigest.of_file(folder, name) != digest:
            raise ShardError(f"{folder}/{name}: not the bytes that were written.", cure="Copy it again.")
    return sum(shard.samples for shard in index.shards)


@dataclass(frozen=True, slots=True)
class _Task:
    folder_url: str
    shard: Shard


def _same_files(folder: Folder, made: Mapping[str, FileDigest], listed: tuple[Shard, ...]) -> None:
    """Raise where a file is missing, where a tar is too many, or where the manifest and the index disagree."""
    found = set(folder.names())
    for name in sorted({*made, *(shard.name for shard in listed)} - found):
        raise ShardError(f"{folder}/{name}: not there.", cure="Copy it again, or make the shards anew.")
    tars = {name for name in found if name.endswith(".tar")}
    for name in sorted(tars - {shard.name for shard in listed}):
        raise ShardError(f"{folder}/{name}: no shard of this data set.", cure="Take it out of the folder.")
    for shard in listed:
        if made.get(shard.name) != FileDigest(shard.sha256, shard.size_bytes):
            raise ShardError(f"{folder}/{shard.name}: index and manifest tell it differently.", cure=shards.REMAKE)


def _verify_shard(task: _Task) -> None:
    """Hold a tar against its rows in the table, sample by sample, then against its digest."""
    folder, shard = Folder(task.folder_url), task.shard
    where = f"{folder}/{shard.name}"
    rows = shards.rows(folder, shard.split, shard.name)
    for found, row in zip_longest(shards.placed_samples(folder, shard.name), rows):
        if found is None:
            raise ShardError(f"{where}: {row['key']} is missing.", cure=shards.REMAKE)
        sample, offsets = found
        if row is None:
            raise ShardError(f"{where}: {sample.key} is in no table.", cure=shards.REMAKE)
        told = shards.row_of(sample, shard.name, offsets)
        for name in row:
            if row[name] != told[name]:
                raise ShardError(
                    f"{where}: {sample.key} has {name} {told[name]!r}, its table {row[name]!r}.",
                    cure=shards.REMAKE,
                )
        _check_pictures(sample, where=where)
    if FileDigest.of_file(folder, shard.name) != FileDigest(shard.sha256, shard.size_bytes):
        raise ShardError(f"{where}: not the bytes that were written.", cure="Copy it again.")


def _check_pictures(sample: Sample, *, where: str) -> None:
    facts = sample.metadata
    for suffix, jpeg in ((shards.ORIGINAL, sample.original_image), (shards.EDITED, sample.edited_image)):
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if picture is None or picture.shape[:2] != (facts.height, facts.width):
            seen = "no picture" if picture is None else f"{picture.shape[1]} × {picture.shape[0]}"
            raise ShardError(
                f"{where}: {sample.key}.{suffix} is {seen}, not {facts.width} × {facts.height}.",
                cure=shards.REMAKE,
            )
