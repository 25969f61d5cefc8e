"""The tar layout of a data set, both ways.

A sample is four consecutive members of an uncompressed ustar file, as WebDataset reads them:
KEY.original_image.jpg, KEY.edited_image.jpg, KEY.edit_prompt.txt, KEY.json. `index.parquet` says where every
picture lies, so that a loader can read any sample without reading the rest; `index.json` holds the counts.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, fields
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from actionpairs.errors import ShardError
from actionpairs.manifest import FileDigest
from actionpairs.records import Entry, Measures, Sample, SampleMetadata, Segment, Shard, ShardIndex
from actionpairs.storage import Folder

INDEX_FILE = "index.json"
ENTRIES_FILE = "index.parquet"
ORIGINAL, EDITED, PROMPT, METADATA = "original_image.jpg", "edited_image.jpg", "edit_prompt.txt", "json"
_LONGEST_KEY = 80  # ustar holds 100 bytes of name, and `.original_image.jpg` takes 19
_MEMBER_LIMIT_BYTES = 64 << 20


def key_of(segment_id: str) -> str:
    """A tar key for a segment: its id where that is safe, else the safe part of it and a digest.

    A key has letters, digits, `_` and `-` only: a dot would split it, a slash or `..` could leave the folder.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", segment_id).strip("-")
    if safe == segment_id and len(safe) <= _LONGEST_KEY:
        return safe
    return f"{safe[: _LONGEST_KEY - 11]}-{hashlib.sha256(segment_id.encode()).hexdigest()[:10]}".lstrip("-")


def shard_name(split: str, number: int) -> str:
    """The file name of a split's shard: `LC-train-000000.tar`."""
    return f"{split}-{number:06d}.tar"


def write(
    folder: Folder,
    samples: Iterable[Sample],
    *,
    shard_of: Mapping[tuple[str, str], str],
    dataset: str,
    recipe_digest: str,
) -> tuple[ShardIndex, dict[str, FileDigest]]:
    """Write samples to their shards in one pass, in the order they come; pictures are not kept in memory.

    shard_of: (split, key) → shard name, for every sample. Returns the index and the digest of every file written.
    """
    entries: list[Entry] = []
    with ExitStack() as stack:
        tars = {
            name: _TarWriter(stack.enter_context(folder.create(name))) for name in sorted(set(shard_of.values()))
        }
        for sample in samples:
            name = shard_of[sample.metadata.split, sample.key]
            entries.append(_append(tars[name], name, sample))
        for tar in tars.values():
            tar.close()
    index = _index_of(entries, tars, dataset=dataset, recipe_digest=recipe_digest)
    files = {name: tar.digest() for name, tar in tars.items()}
    for name, data in {
        INDEX_FILE: json.dumps(asdict(index), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n",
        ENTRIES_FILE: _table_bytes(entries),
    }.items():
        folder.write_bytes(name, data)
        files[name] = FileDigest.of(data)
    return index, files


def read_index(folder: Folder) -> ShardIndex:
    """What a shards folder says that it holds; raises ShardError where that cannot be read."""
    try:
        data = json.loads(folder.read_bytes(INDEX_FILE))
        return ShardIndex(**{**data, "shards": tuple(Shard(**shard) for shard in data["shards"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ShardError(f"{folder}/{INDEX_FILE}: not an index: {error}.", cure=_REMAKE) from None


def entries(folder: Folder, split: str) -> tuple[Entry, ...]:
    """Every sample of a split, sorted by key; for an unknown split, a ShardError names those there are."""
    index = read_index(folder)
    if split not in index.samples_per_split:
        names = ", ".join(sorted(index.samples_per_split))
        raise ShardError(f"{folder}: no split {split!r}.", cure=f"Choose one of: {names}.")
    table = pq.read_table(
        pa.BufferReader(folder.read_bytes(ENTRIES_FILE)), filters=[("split", "=", split)]
    ).sort_by("key")
    return tuple(Entry(**row) for row in table.to_pylist())


def read_pictures(folder: Folder, entry: Entry) -> tuple[bytes, bytes]:
    """The JPEGs of one sample, original and edited, which lie side by side and are read at once."""
    places = (
        (ORIGINAL, entry.original_offset, entry.original_offset + entry.original_size),
        (EDITED, entry.edited_offset, entry.edited_offset + entry.edited_size),
    )
    first, last = min(start for _, start, _ in places), max(stop for _, _, stop in places)
    where = f"{folder}/{entry.shard}"
    if last - first > 2 * _MEMBER_LIMIT_BYTES:
        raise ShardError(f"{where}: the index claims {last - first} bytes for {entry.key}.", cure=_REMAKE)
    data = folder.read_range(entry.shard, first, last)
    if len(data) > last - first:
        raise ShardError(f"{where}: its server sends the whole file for a part.", cure="Copy the shards first.")
    jpegs = []
    for suffix, start, stop in places:
        jpeg = data[start - first : stop - first]
        if len(jpeg) < stop - start:
            raise ShardError(f"{where}: ends before {entry.key}.{suffix}, at byte {start}, does.", cure=_REMAKE)
        if not jpeg.startswith(b"\xff\xd8"):
            raise ShardError(f"{where}: no JPEG of {entry.key}.{suffix} at byte {start}.", cure=_REMAKE)
        jpegs.append(jpeg)
    return jpegs[0], jpegs[1]


def samples(folder: Folder, shard: str) -> Iterator[Sample]:
    """Read one tar from front to back; raises ShardError naming the file and the first wrong entry."""
    with folder.open(shard) as file:
        try:
            with tarfile.open(fileobj=file, mode="r|") as tar:
                yield from _grouped(f"{folder}/{shard}", tar)
        except (tarfile.TarError, EOFError) as error:
            raise ShardError(f"{folder}/{shard}: not a whole tar file: {error}.", cure=_REMAKE) from None


_REMAKE = "Make the shards anew with `actionpairs shard`, or copy them again."


class _TarWriter:
    """A ustar file whose bytes depend on its members alone: no clock, user or host."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = _HashingFile(file)
        self._tar = tarfile.open(fileobj=self._file, mode="w|", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self.samples = 0

    def add(self, name: str, data: bytes) -> int:
        """Append a member; returns the offset of its first byte."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        offset = self._tar.offset + tarfile.BLOCKSIZE
        self._tar.addfile(info, io.BytesIO(data))
        return offset

    def close(self) -> None:
        self._tar.close()

    def digest(self) -> FileDigest:
        return FileDigest(self._file.sha256.hexdigest(), self._file.size_bytes)


class _HashingFile(io.RawIOBase):
    """A file for writing that hashes what goes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        self.size_bytes += len(data)
        return self._file.write(data)


def _append(tar: _TarWriter, shard: str, sample: Sample) -> Entry:
    segment = sample.metadata.segment
    metadata = json.dumps(asdict(sample.metadata), sort_keys=True, ensure_ascii=False)
    original_offset = tar.add(f"{sample.key}.{ORIGINAL}", sample.original_image)
    edited_offset = tar.add(f"{sample.key}.{EDITED}", sample.edited_image)
    tar.add(f"{sample.key}.{PROMPT}", sample.edit_prompt.encode())
    tar.add(f"{sample.key}.{METADATA}", metadata.encode())
    tar.samples += 1
    return Entry(
        key=sample.key,
        split=sample.metadata.split,
        shard=shard,
        instruction=sample.edit_prompt,
        verb=segment.verb,
        noun=segment.noun,
        action=segment.action,
        group=segment.group,
        original_offset=original_offset,
        original_size=len(sample.original_image),
        edited_offset=edited_offset,
        edited_size=len(sample.edited_image),
    )


def _index_of(
    found: list[Entry], tars: Mapping[str, _TarWriter], *, dataset: str, recipe_digest: str
) -> ShardIndex:
    split_of = {entry.shard: entry.split for entry in found}
    shards = tuple(
        Shard(name, split_of[name], tar.digest().sha256, tar.digest().size_bytes, tar.samples)
        for name, tar in tars.items()
    )
    per_split = Counter(entry.split for entry in found)
    per_action = {
        split: dict(sorted(Counter(entry.action for entry in found if entry.split == split).items()))
        for split in sorted(per_split)
    }
    return ShardIndex(dataset, recipe_digest, shards, dict(sorted(per_split.items())), per_action)


def _table_bytes(found: list[Entry]) -> bytes:
    columns = {field.name: [getattr(entry, field.name) for entry in found] for field in fields(Entry)}
    types = {name: pa.int64() if name.endswith(("_offset", "_size")) else pa.string() for name in columns}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=pa.schema(list(types.items()))).sort_by("key"), sink)
    return sink.getvalue()


def _grouped(where: str, tar: tarfile.TarFile) -> Iterator[Sample]:
    """Put consecutive members of one key together."""
    key, parts = "", dict[str, bytes]()
    for member in tar:
        name, _, suffix = member.name.partition(".")
        if not member.isfile() or key_of(name) != name or suffix not in {ORIGINAL, EDITED, PROMPT, METADATA}:
            raise ShardError(f"{where}: {member.name!r} does not belong in a shard.", cure=_REMAKE)
        if member.size > _MEMBER_LIMIT_BYTES:
            raise ShardError(f"{where}: {member.name!r} claims {member.size} bytes.", cure=_REMAKE)
        if name != key and key:
            yield _sample(where, key, parts)
            parts = {}
        key = name
        if suffix in parts:
            raise ShardError(f"{where}: {member.name!r} is there twice.", cure=_REMAKE)
        content = tar.extractfile(member)
        parts[suffix] = content.read() if content else b""
    if key:
        yield _sample(where, key, parts)


def _sample(where: str, key: str, parts: Mapping[str, bytes]) -> Sample:
    missing = [suffix for suffix in (ORIGINAL, EDITED, PROMPT, METADATA) if suffix not in parts]
    if missing:
        raise ShardError(f"{where}: {key} has no {missing[0]}.", cure=_REMAKE)
    try:
        metadata = json.loads(parts[METADATA])
        metadata["segment"] = Segment(**metadata["segment"])
        metadata["measures"] = Measures(**metadata["measures"])
        return Sample(key, parts[ORIGINAL], parts[EDITED], parts[PROMPT].decode(), SampleMetadata(**metadata))
    except (ValueError, TypeError, KeyError) as error:
        raise ShardError(f"{where}: {key}.{METADATA} cannot be read: {error}.", cure=_REMAKE) from None
