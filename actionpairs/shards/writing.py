"""Samples in, tars and tables out: one pass over the samples, and no picture is kept in memory."""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actionpairs import columns
from actionpairs.manifest import FileDigest
from actionpairs.records import Measures, Sample, SampleMetadata, Segment, Shard, ShardIndex
from actionpairs.shards import table
from actionpairs.shards.layout import EDITED, INDEX_FILE, METADATA, ORIGINAL, PROMPT, table_name
from actionpairs.shards.tar import TarWriter
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class Packed:
    """A shard that is written, and where its samples' pictures lie."""

    shard: Shard
    places: NDArray[np.int64]  # samples 4, as table.PLACES


def write(
    folder: Folder,
    samples: Iterable[Sample],
    *,
    shard_of: Mapping[tuple[str, str], str],
    dataset: str,
    recipe_digest: str,
) -> tuple[ShardIndex, dict[str, FileDigest]]:
    """Write samples to their shards, then tables and index; returns the index and the digest of every file.

    shard_of: (split, key) → shard name, for every sample. Keeps what is known of every sample in memory.
    """
    known: dict[str, list[SampleMetadata]] = defaultdict(list)

    def placed() -> Iterator[tuple[str, Sample]]:
        for sample in samples:
            name = shard_of[sample.metadata.split, sample.key]
            known[name].append(sample.metadata)
            yield name, sample

    packed = pack(folder, placed())
    return write_index(
        folder, packed, lambda name: columns.table(known[name]), dataset=dataset, recipe_digest=recipe_digest
    )


def pack(folder: Folder, samples: Iterable[tuple[str, Sample]]) -> tuple[Packed, ...]:
    """Write samples to the shards named beside them, as they come; returns the shards, sorted by name."""
    open_shards: dict[str, _OpenShard] = {}
    with ExitStack() as stack:
        for name, sample in samples:
            if name not in open_shards:
                open_shards[name] = _OpenShard(stack.enter_context(folder.create(name)))
            open_shards[name].add(sample)
        return tuple(shard.close(name) for name, shard in sorted(open_shards.items()))


def write_index(
    folder: Folder,
    packed: Sequence[Packed],
    facts_of: Callable[[str], pa.Table],
    *,
    dataset: str,
    recipe_digest: str,
) -> tuple[ShardIndex, dict[str, FileDigest]]:
    """Write a table per split and the counts; returns these, and the digest of every file, tars included.

    facts_of: the name of a shard → the facts of its samples, in its order. A table has one group of rows per
    shard; no more than one is in memory.
    """
    files = {item.shard.name: FileDigest(item.shard.sha256, item.shard.size_bytes) for item in packed}
    actions: dict[str, Counter[str]] = defaultdict(Counter)

    def rows(split: str) -> Iterator[pa.Table]:
        for item in packed:
            if item.shard.split == split:
                facts = facts_of(item.shard.name)
                actions[split].update(facts["action"].to_pylist())
                yield table.rows_of(item.shard, facts, item.places, recipe_digest=recipe_digest)

    for split in sorted({item.shard.split for item in packed}):
        files[table_name(split)] = table.write(folder, split, rows(split))
    per_split = {split: counts.total() for split, counts in actions.items()}
    per_action = {split: dict(sorted(counts.items())) for split, counts in actions.items()}
    index = ShardIndex(dataset, recipe_digest, tuple(item.shard for item in packed), per_split, per_action)
    data = json.dumps(asdict(index), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    folder.write_bytes(INDEX_FILE, data)
    return index, files | {INDEX_FILE: FileDigest.of(data)}


def spool(folder: Folder, samples: Iterable[tuple[str, Sample]]) -> tuple[str, ...]:
    """Write samples to the tars named beside them, which belong to no data set; returns the names, sorted."""
    tars: dict[str, TarWriter] = {}
    with ExitStack() as stack:
        for name, sample in samples:
            if name not in tars:
                tars[name] = TarWriter(stack.enter_context(folder.create(name)))
            _add(tars[name], sample)
        for tar in tars.values():
            tar.close()
    return tuple(sorted(tars))


def _add(tar: TarWriter, sample: Sample) -> tuple[int, int]:
    """Append a sample's four members; returns the offsets of its pictures."""
    original_offset = tar.add(f"{sample.key}.{ORIGINAL}", sample.original_image)
    edited_offset = tar.add(f"{sample.key}.{EDITED}", sample.edited_image)
    tar.add(f"{sample.key}.{PROMPT}", sample.edit_prompt.encode())
    tar.add(f"{sample.key}.{METADATA}", _json(sample.metadata))
    return original_offset, edited_offset


class _OpenShard:
    """A tar that is being written, and where its pictures lie so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._tar = TarWriter(file)
        self._places = array("q")
        self._split = ""

    def add(self, sample: Sample) -> None:
        """Append a sample."""
        original, edited = _add(self._tar, sample)
        self._places.extend((original, len(sample.original_image), edited, len(sample.edited_image)))
        self._split = sample.metadata.split

    def close(self, name: str) -> Packed:
        """End the tar, and give what is known of it."""
        digest = self._tar.close()
        places = np.frombuffer(self._places, np.int64).reshape(-1, len(table.PLACES))
        return Packed(Shard(name, self._split, digest.sha256, digest.size_bytes, len(places)), places)


def _json(metadata: SampleMetadata) -> bytes:
    # Field by field: asdict copies every value, and took a sixth of all the time.
    told = _fields(metadata) | {"segment": _fields(metadata.segment), "measures": _fields(metadata.measures)}
    return json.dumps(told, sort_keys=True, ensure_ascii=False).encode()


def _fields(record: Segment | Measures | SampleMetadata) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _NAMES[type(record)]}


# Not by `fields` each time: it takes as long as reading them all.
_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in (Segment, Measures, SampleMetadata)}
