"""check and verify: are these shards the expected ones, and are they whole?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import cv2
import numpy as np

from actionpairs import manifest, shards
from actionpairs.errors import ShardError
from actionpairs.executors import local, require_done, usable_cores
from actionpairs.manifest import FileDigest
from actionpairs.progress import Progress
from actionpairs.records import Sample, Shard
from actionpairs.storage import Folder, located


def check(folder_url: str, expected_url: str) -> None:
    """Compare the manifest of a shards folder with a reviewed one; raises ShardError with the first difference."""
    reviewed, name = located(expected_url)
    ours = manifest.load(Folder(folder_url), stage="shard")
    expected = manifest.parse(reviewed.read_bytes(name), where=expected_url)
    for what, our_value, expected_value in (
        ("counts", ours.counts, expected.counts),
        ("recipe", ours.recipe_digest, expected.recipe_digest),
        ("memberships", ours.subsets, expected.subsets),
        ("files", ours.files, expected.files),
    ):
        if our_value != expected_value:
            raise ShardError(
                f"{folder_url}: {what} differ from {expected_url}: {_difference(our_value, expected_value)}.",
                cure="Look for the cause; where the change is meant, a person updates the manifest in review.",
            )


def _difference(ours: object, expected: object) -> str:
    if isinstance(ours, Mapping) and isinstance(expected, Mapping):
        for key in sorted({*ours, *expected}):
            if ours.get(key) != expected.get(key):
                return f"{key}: {ours.get(key)}, expected {expected.get(key)}"
    return f"{ours}, expected {expected}"


def verify(folder_url: str, *, workers: int | None = None) -> int:
    """Load every sample, decode every picture, and hash every file again; returns the number of samples.

    Raises ShardError with the first error: file and entry.
    """
    folder = Folder(folder_url)
    files, index = manifest.load(folder, stage="shard").files, shards.load_index(folder)
    check_file_list(folder, files, index.shards)
    tasks = [_Task(folder.path(), shard) for shard in index.shards]
    workers = min(workers or usable_cores(), len(tasks))
    with Progress(total=len(tasks), unit="shard", desc="verify") as bar:
        outcomes = local.run(_verify_shard, tasks, workers=workers)
        for _ in require_done(outcomes, where=lambda task: f"{folder}/{task.shard.name}"):
            bar.update()
    for name, digest in files.items():
        if not name.endswith(".tar"):
            _check_digest(folder, name, digest)
    return sum(shard.samples for shard in index.shards)


@dataclass(frozen=True, slots=True)
class _Task:
    folder_url: str
    shard: Shard


def check_file_list(folder: Folder, files: Mapping[str, FileDigest], listed: tuple[Shard, ...]) -> None:
    """Raise ShardError for a missing file, a tar that is not listed, or a manifest and index that disagree."""
    present = set(folder.names())
    for name in sorted({*files, *(shard.name for shard in listed)} - present):
        raise ShardError(f"{folder}/{name}: not there.", cure="Copy it again, or make the shards anew.")
    tars = {name for name in present if name.endswith(".tar")}
    for name in sorted(tars - {shard.name for shard in listed}):
        raise ShardError(f"{folder}/{name}: no shard of this data set.", cure="Take it out of the folder.")
    for shard in listed:
        if files.get(shard.name) != FileDigest(shard.sha256, shard.size_bytes):
            raise ShardError(f"{folder}/{shard.name}: index and manifest differ.", cure=shards.REMAKE)


def _verify_shard(task: _Task) -> None:
    """Compare a tar with its rows in the table, sample by sample, then with its digest."""
    folder, shard = Folder(task.folder_url), task.shard
    where = f"{folder}/{shard.name}"
    rows = shards.load_rows(folder, shard.split, shard.name)
    for item, row in zip_longest(shards.iter_samples_with_offsets(folder, shard.name), rows):
        if item is None:
            raise ShardError(f"{where}: {row['key']} is missing.", cure=shards.REMAKE)
        sample, offsets = item
        if row is None:
            raise ShardError(f"{where}: {sample.key} is in no table.", cure=shards.REMAKE)
        _check_row(row, shards.row_of(sample, shard.name, offsets), where=where)
        _check_pictures(sample, where=where)
    _check_digest(folder, shard.name, FileDigest(shard.sha256, shard.size_bytes))


def _check_row(row: Mapping[str, Any], expected: Mapping[str, Any], *, where: str) -> None:
    """Compare a table's row with the row of the sample in the tar."""
    for name in row:
        if row[name] != expected[name]:
            raise ShardError(
                f"{where}: {expected['key']} has {name} {expected[name]!r}, its table {row[name]!r}.",
                cure=shards.REMAKE,
            )


def _check_pictures(sample: Sample, *, where: str) -> None:
    facts = sample.metadata
    for suffix, jpeg in ((shards.ORIGINAL, sample.original_image), (shards.EDITED, sample.edited_image)):
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if picture is None or picture.shape[:2] != (facts.height, facts.width):
            size = "no picture" if picture is None else f"{picture.shape[1]} × {picture.shape[0]}"
            raise ShardError(
                f"{where}: {sample.key}.{suffix} is {size}, not {facts.width} × {facts.height}.",
                cure=shards.REMAKE,
            )


def _check_digest(folder: Folder, name: str, expected: FileDigest) -> None:
    if FileDigest.of_file(folder, name) != expected:
        raise ShardError(f"{folder}/{name}: not the bytes that were written.", cure="Copy it again.")
