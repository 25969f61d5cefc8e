"""Samples in, tars and tables out: one pass over the samples, and no picture is kept in memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from typing import Any, BinaryIO

import pyarrow as pa

from actionpairs.manifest import FileDigest
from actionpairs.records import Measures, Sample, SampleMetadata, Segment, Shard, ShardIndex
from actionpairs.shards import table
from actionpairs.shards.layout import EDITED, INDEX_FILE, METADATA, ORIGINAL, PROMPT, table_name
from actionpairs.shards.tar import TarWriter
from actionpairs.storage import Folder

_ROWS_AT_ONCE = 64  # as Python objects; the others wait as columns, which take a tenth of the memory


@dataclass(frozen=True, slots=True)
class Packed:
    """A shard that is written, and the rows of its split's table that tell of it."""

    shard: Shard
    rows: pa.Table


def write(
    folder: Folder,
    samples: Iterable[Sample],
    *,
    shard_of: Mapping[tuple[str, str], str],
    dataset: str,
    recipe_digest: str,
) -> tuple[ShardIndex, dict[str, FileDigest]]:
    """Write samples to their shards, then tables and index; returns the index and the digest of every file.

    shard_of: (split, key) → shard name, for every sample.
    """
    packed = pack(folder, samples, shard_of=shard_of)
    return write_index(folder, packed, dataset=dataset, recipe_digest=recipe_digest)


def pack(
    folder: Folder, samples: Iterable[Sample], *, shard_of: Mapping[tuple[str, str], str]
) -> tuple[Packed, ...]:
    """Write samples to their tars in the order they come; returns the shards, sorted by name."""
    with ExitStack() as stack:
        open_shards = {
            name: _OpenShard(name, stack.enter_context(folder.create(name)))
            for name in sorted(set(shard_of.values()))
        }
        for sample in samples:
            open_shards[shard_of[sample.metadata.split, sample.key]].add(sample)
        return tuple(shard.close() for shard in open_shards.values())


def write_index(
    folder: Folder, packed: Sequence[Packed], *, dataset: str, recipe_digest: str
) -> tuple[ShardIndex, dict[str, FileDigest]]:
    """Write a table per split and the counts; returns these, and the digest of every file, tars included.

    A table has one group of rows per shard, in the shard's own order.
    """
    files = {item.shard.name: FileDigest(item.shard.sha256, item.shard.size_bytes) for item in packed}
    per_split: dict[str, int] = {}
    per_action: dict[str, dict[str, int]] = {}
    for split in sorted({item.shard.split for item in packed}):
        rows = [item.rows for item in packed if item.shard.split == split]
        files[table_name(split)] = table.write(folder, split, rows)
        actions = Counter(action for each in rows for action in each["action"].to_pylist())
        per_split[split], per_action[split] = actions.total(), dict(sorted(actions.items()))
    index = ShardIndex(dataset, recipe_digest, tuple(item.shard for item in packed), per_split, per_action)
    data = json.dumps(asdict(index), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    folder.write_bytes(INDEX_FILE, data)
    return index, files | {INDEX_FILE: FileDigest.of(data)}


def spool(folder: Folder, samples: Iterable[Sample], *, spool_of: Mapping[tuple[str, str], str]) -> None:
    """Write samples to tars that belong to no data set, in the order they come. spool_of: (split, key) → name."""
    with ExitStack() as stack:
        tars = {
            name: TarWriter(stack.enter_context(folder.create(name))) for name in sorted(set(spool_of.values()))
        }
        for sample in samples:
            _add(tars[spool_of[sample.metadata.split, sample.key]], sample)
        for tar in tars.values():
            tar.close()


def _add(tar: TarWriter, sample: Sample) -> tuple[int, int]:
    """Append a sample's four members; returns the offsets of its pictures."""
    original_offset = tar.add(f"{sample.key}.{ORIGINAL}", sample.original_image)
    edited_offset = tar.add(f"{sample.key}.{EDITED}", sample.edited_image)
    tar.add(f"{sample.key}.{PROMPT}", sample.edit_prompt.encode())
    tar.add(f"{sample.key}.{METADATA}", _json(sample.metadata))
    return original_offset, edited_offset


class _OpenShard:
    """A tar that is being written, and the rows that tell of it so far."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._tar = TarWriter(file)
        self._rows: list[dict[str, Any]] = []
        self._batches: list[pa.RecordBatch] = []

    def add(self, sample: Sample) -> None:
        """Append a sample."""
        self._rows.append(table.row_of(sample, self._name, _add(self._tar, sample)))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._pack()

    def close(self) -> Packed:
        """End the tar, and give what is known of it."""
        self._pack()
        rows = pa.Table.from_batches(self._batches, table.SCHEMA).combine_chunks()
        digest = self._tar.close()
        split = rows["split"][0].as_py()
        return Packed(Shard(self._name, split, digest.sha256, digest.size_bytes, rows.num_rows), rows)

    def _pack(self) -> None:
        self._batches.append(pa.RecordBatch.from_pylist(self._rows, table.SCHEMA))
        self._rows = []


def _json(metadata: SampleMetadata) -> bytes:
    # Field by field: asdict copies every value, and took a sixth of all the time.
    told = _fields(metadata) | {"segment": _fields(metadata.segment), "measures": _fields(metadata.measures)}
    return json.dumps(told, sort_keys=True, ensure_ascii=False).encode()


def _fields(record: Segment | Measures | SampleMetadata) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
