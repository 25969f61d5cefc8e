"""Tars, tables and index in, samples out. All of them may come from elsewhere, so everything is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from actionpairs.errors import ShardError
from actionpairs.manifest import RECIPE_FILE
from actionpairs.records import Entry, Measures, Sample, SampleMetadata, Segment, Shard, ShardIndex
from actionpairs.shards import table
from actionpairs.shards.layout import EDITED, INDEX_FILE, MEMBERS, METADATA, ORIGINAL, PROMPT, key_of
from actionpairs.shards.tar import MAX_MEMBER_BYTES, REMAKE, Member, iter_members
from actionpairs.storage import Folder


def load_index(folder: Folder) -> ShardIndex:
    """Load `index.json`; raises ShardError if it is not a valid index."""
    try:
        data = json.loads(folder.read_bytes(INDEX_FILE))
        data["shards"] = tuple(Shard(**shard) for shard in data["shards"])
        if "train_split" not in data:  # an older version wrote this folder
            data["train_split"], data["test_splits"] = _splits_of_recipe(folder)
        data["test_splits"] = tuple(data["test_splits"])
        return ShardIndex(**data)
    except (ValueError, TypeError, KeyError) as error:
        raise ShardError(f"{folder}/{INDEX_FILE}: not an index: {error}.", cure=REMAKE) from None


def _splits_of_recipe(folder: Folder) -> tuple[str, tuple[str, ...]]:
    """The training split and the test splits in `recipe.json`: older versions wrote them only there."""
    try:
        splits = json.loads(folder.read_bytes(RECIPE_FILE))["config"]["splits"]
        return str(splits["train"]), tuple(splits["tests"])
    except (ValueError, TypeError, KeyError):
        raise ShardError(
            f"{folder}/{RECIPE_FILE}: does not say which split trains.",
            cure="Give a folder that `actionpairs shard` wrote.",
        ) from None


def load_entries(folder: Folder, split: str) -> tuple[Entry, ...]:
    """Every sample of a split, sorted by key; for an unknown split, a ShardError with the names of all splits."""
    index = load_index(folder)
    if split not in index.samples_per_split:
        names = ", ".join(sorted(index.samples_per_split))
        raise ShardError(f"{folder}: no split {split!r}.", cure=f"Choose one of: {names}.")
    return table.load_entries(folder, split)


def load_pictures(folder: Folder, entry: Entry) -> tuple[bytes, bytes]:
    """The JPEGs of one sample, original and edited. They lie side by side in the tar and are read at once."""
    ranges = (
        (ORIGINAL, entry.original_offset, entry.original_offset + entry.original_size),
        (EDITED, entry.edited_offset, entry.edited_offset + entry.edited_size),
    )
    first, last = min(start for _, start, _ in ranges), max(stop for _, _, stop in ranges)
    where = f"{folder}/{entry.shard}"
    if last - first > 2 * MAX_MEMBER_BYTES:
        raise ShardError(f"{where}: the index claims {last - first} bytes for {entry.key}.", cure=REMAKE)
    data = folder.read_range(entry.shard, first, last)
    if len(data) > last - first:
        raise ShardError(f"{where}: its server sends the whole file for a part.", cure="Copy the shards first.")
    jpegs = []
    for suffix, start, stop in ranges:
        jpeg = data[start - first : stop - first]
        if len(jpeg) < stop - start:
            raise ShardError(f"{where}: ends before {entry.key}.{suffix}, at byte {start}, does.", cure=REMAKE)
        if not jpeg.startswith(b"\xff\xd8"):
            raise ShardError(f"{where}: no JPEG of {entry.key}.{suffix} at byte {start}.", cure=REMAKE)
        jpegs.append(jpeg)
    return jpegs[0], jpegs[1]


def iter_samples(folder: Folder, shard: str) -> Iterator[Sample]:
    """Iterate over one tar from front to back; raises ShardError with the file and the first wrong member."""
    return (sample for sample, _ in iter_samples_with_offsets(folder, shard))


def iter_samples_with_offsets(folder: Folder, shard: str) -> Iterator[tuple[Sample, tuple[int, int]]]:
    """As `iter_samples`, each with the offsets of its pictures' first bytes, original and edited."""
    with folder.open(shard) as file:
        yield from parse_samples(file, where=f"{folder}/{shard}")


def parse_samples(file: BinaryIO, *, where: str) -> Iterator[tuple[Sample, tuple[int, int]]]:
    """As `iter_samples_with_offsets`, of an open tar. where: names it in errors."""
    keys: set[str] = set()
    members = iter_members(file, where=where)
    while parts := _next_sample_members(members, where=where):
        sample = _parse_sample(parts, where=where)
        if sample.key in keys:
            raise ShardError(f"{where}: two samples are called {sample.key!r}.", cure=REMAKE)
        keys.add(sample.key)
        yield sample, (parts[ORIGINAL].offset, parts[EDITED].offset)


def _next_sample_members(members: Iterator[Member], *, where: str) -> dict[str, Member]:
    """Suffix → member of the next sample, whose members must come in the layout's order; empty at the end."""
    parts: dict[str, Member] = {}
    key = ""
    for suffix in MEMBERS:
        member = next(members, None)
        if member is None and not parts:
            break
        if member is None:
            raise ShardError(f"{where}: {key}.{suffix} is missing at the end.", cure=REMAKE)
        key = key or member.name.partition(".")[0]
        if member.name != f"{key}.{suffix}" or key_of(key) != key:
            expected = f"{key}.{suffix}" if parts else f"KEY.{suffix}"
            raise ShardError(f"{where}: {member.name!r} stands where {expected} belongs.", cure=REMAKE)
        parts[suffix] = member
    return parts


def _parse_sample(parts: Mapping[str, Member], *, where: str) -> Sample:
    key = parts[ORIGINAL].name.partition(".")[0]
    try:
        metadata = json.loads(parts[METADATA].data)
        metadata["segment"] = Segment(**metadata["segment"])
        metadata["measures"] = Measures(**metadata["measures"])
        text = parts[PROMPT].data.decode()
        return Sample(key, parts[ORIGINAL].data, parts[EDITED].data, text, SampleMetadata(**metadata))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ShardError(f"{where}: {key}.{METADATA} or its text cannot be read: {error}.", cure=REMAKE) from None
