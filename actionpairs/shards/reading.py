"""Tars and tables in, samples out. Nothing in them is trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from actionpairs.errors import ShardError
from actionpairs.records import Entry, Measures, Sample, SampleMetadata, Segment, Shard, ShardIndex
from actionpairs.shards import table
from actionpairs.shards.layout import EDITED, INDEX_FILE, MEMBERS, METADATA, ORIGINAL, PROMPT, key_of
from actionpairs.shards.tar import MEMBER_LIMIT_BYTES, REMAKE, Member, members
from actionpairs.storage import Folder


def read_index(folder: Folder) -> ShardIndex:
    """What a shards folder says that it holds; raises ShardError where that cannot be read."""
    try:
        data = json.loads(folder.read_bytes(INDEX_FILE))
        return ShardIndex(**{**data, "shards": tuple(Shard(**shard) for shard in data["shards"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ShardError(f"{folder}/{INDEX_FILE}: not an index: {error}.", cure=REMAKE) from None


def entries(folder: Folder, split: str) -> tuple[Entry, ...]:
    """Every sample of a split, sorted by key; for an unknown split, a ShardError names those there are."""
    index = read_index(folder)
    if split not in index.samples_per_split:
        names = ", ".join(sorted(index.samples_per_split))
        raise ShardError(f"{folder}: no split {split!r}.", cure=f"Choose one of: {names}.")
    return table.entries(folder, split)


def read_pictures(folder: Folder, entry: Entry) -> tuple[bytes, bytes]:
    """The JPEGs of one sample, original and edited, which lie side by side and are read at once."""
    places = (
        (ORIGINAL, entry.original_offset, entry.original_offset + entry.original_size),
        (EDITED, entry.edited_offset, entry.edited_offset + entry.edited_size),
    )
    first, last = min(start for _, start, _ in places), max(stop for _, _, stop in places)
    where = f"{folder}/{entry.shard}"
    if last - first > 2 * MEMBER_LIMIT_BYTES:
        raise ShardError(f"{where}: the index claims {last - first} bytes for {entry.key}.", cure=REMAKE)
    data = folder.read_range(entry.shard, first, last)
    if len(data) > last - first:
        raise ShardError(f"{where}: its server sends the whole file for a part.", cure="Copy the shards first.")
    jpegs = []
    for suffix, start, stop in places:
        jpeg = data[start - first : stop - first]
        if len(jpeg) < stop - start:
            raise ShardError(f"{where}: ends before {entry.key}.{suffix}, at byte {start}, does.", cure=REMAKE)
        if not jpeg.startswith(b"\xff\xd8"):
            raise ShardError(f"{where}: no JPEG of {entry.key}.{suffix} at byte {start}.", cure=REMAKE)
        jpegs.append(jpeg)
    return jpegs[0], jpegs[1]


def samples(folder: Folder, shard: str) -> Iterator[Sample]:
    """Read one tar from front to back; raises ShardError, which names the file and the first wrong member."""
    return (sample for sample, _ in placed_samples(folder, shard))


def placed_samples(folder: Folder, shard: str) -> Iterator[tuple[Sample, tuple[int, int]]]:
    """As `samples`, each with the offsets of its pictures' first bytes, original and edited."""
    where = f"{folder}/{shard}"
    seen: set[str] = set()
    with folder.open(shard) as file:
        found = members(file, where=where)
        while parts := _next_four(found, where=where):
            sample = _sample(parts, where=where)
            if sample.key in seen:
                raise ShardError(f"{where}: two samples are called {sample.key!r}.", cure=REMAKE)
            seen.add(sample.key)
            yield sample, (parts[ORIGINAL].offset, parts[EDITED].offset)


def _next_four(found: Iterator[Member], *, where: str) -> dict[str, Member]:
    """The next members, which must be those of one sample, in their order; none at the end."""
    parts: dict[str, Member] = {}
    key = ""
    for suffix in MEMBERS:
        member = next(found, None)
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


def _sample(parts: Mapping[str, Member], *, where: str) -> Sample:
    key = parts[ORIGINAL].name.partition(".")[0]
    try:
        metadata = json.loads(parts[METADATA].data)
        metadata["segment"] = Segment(**metadata["segment"])
        metadata["measures"] = Measures(**metadata["measures"])
        text = parts[PROMPT].data.decode()
        return Sample(key, parts[ORIGINAL].data, parts[EDITED].data, text, SampleMetadata(**metadata))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ShardError(f"{where}: {key}.{METADATA} or its text cannot be read: {error}.", cure=REMAKE) from None
