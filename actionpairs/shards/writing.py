"""Samples in, tars, tables and index out. One pass over the samples; no picture stays in memory."""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actionpairs.configs import ShardConfig
from actionpairs.manifest import FileDigest
from actionpairs.records import Measures, Sample, SampleMetadata, Segment, Shard, ShardIndex
from actionpairs.shards import table
from actionpairs.shards.layout import EDITED, INDEX_FILE, METADATA, ORIGINAL, PROMPT, table_name
from actionpairs.shards.shard_plan import ShardPlan
from actionpairs.shards.tar import TarWriter
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What the index says of a data set as a whole."""

    name: str
    recipe_digest: str
    train_split: str
    test_splits: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: ShardConfig) -> DatasetInfo:
        """The info of the data set that a recipe makes."""
        return cls(config.dataset, config.digest(), config.splits.train, tuple(config.splits.tests))


@dataclass(frozen=True, slots=True)
class WrittenShard:
    """A shard that is written, and the byte offsets of its pictures: samples 4, as table.OFFSET_COLUMNS."""

    shard: Shard
    offsets: NDArray[np.int64]


def write_shards(
    folder: Folder, samples: Iterable[Sample], facts: pa.Table, plan: ShardPlan, info: DatasetInfo
) -> tuple[ShardIndex, dict[str, FileDigest]]:
    """Write samples as a data set: tars, tables and index. Returns the index and the digest of every file.

    samples: in the order of the plan. facts: a table of columns.FACTS, to which the plan's rows point.
    """
    written = write_tars(folder, zip(plan.iter_shard_names(), samples, strict=True))
    return write_index(folder, written, facts, plan, info)


def write_tars(folder: Folder, samples: Iterable[tuple[str, Sample]]) -> tuple[WrittenShard, ...]:
    """Write each sample to the tar named beside it; returns the shards, sorted by name."""
    open_shards: dict[str, _OpenShard] = {}
    with ExitStack() as stack:
        for name, sample in samples:
            if name not in open_shards:
                open_shards[name] = _OpenShard(stack.enter_context(folder.create(name)))
            open_shards[name].add(sample)
        return tuple(shard.close(name) for name, shard in sorted(open_shards.items()))


def write_index(
    folder: Folder, written: Sequence[WrittenShard], facts: pa.Table, plan: ShardPlan, info: DatasetInfo
) -> tuple[ShardIndex, dict[str, FileDigest]]:
    """Write a table per split and `index.json`; returns the index and the digest of every file, tars included.

    Of the tables, only the rows of one shard are in memory at a time.
    """
    files = {item.shard.name: FileDigest(item.shard.sha256, item.shard.size_bytes) for item in written}
    actions: dict[str, Counter[str]] = defaultdict(Counter)

    def iter_rows(split: str) -> Iterator[pa.Table]:
        for item in written:
            if item.shard.split == split:
                shard_facts = facts.take(plan.rows_of(item.shard.name))
                actions[split].update(shard_facts["action"].to_pylist())
                yield table.rows_of(item.shard, shard_facts, item.offsets, recipe_digest=info.recipe_digest)

    for split in sorted({item.shard.split for item in written}):
        files[table_name(split)] = table.write_table(folder, split, iter_rows(split))
    index = ShardIndex(
        dataset=info.name,
        recipe_digest=info.recipe_digest,
        train_split=info.train_split,
        test_splits=info.test_splits,
        shards=tuple(item.shard for item in written),
        samples_per_split={split: counts.total() for split, counts in actions.items()},
        samples_per_action={split: dict(sorted(counts.items())) for split, counts in actions.items()},
    )
    data = json.dumps(asdict(index), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    folder.write_bytes(INDEX_FILE, data)
    return index, files | {INDEX_FILE: FileDigest.of(data)}


def write_temporary_tars(folder: Folder, samples: Iterable[tuple[str, Sample]]) -> tuple[str, ...]:
    """Write samples to the tars named beside them, which are no part of the data set; returns the sorted names."""
    tars: dict[str, TarWriter] = {}
    with ExitStack() as stack:
        for name, sample in samples:
            if name not in tars:
                tars[name] = TarWriter(stack.enter_context(folder.create(name)))
            _add_sample(tars[name], sample)
        for tar in tars.values():
            tar.close()
    return tuple(sorted(tars))


def _add_sample(tar: TarWriter, sample: Sample) -> tuple[int, int]:
    """Append the four members of a sample; returns the offsets of its pictures."""
    original_offset = tar.add(f"{sample.key}.{ORIGINAL}", sample.original_image)
    edited_offset = tar.add(f"{sample.key}.{EDITED}", sample.edited_image)
    tar.add(f"{sample.key}.{PROMPT}", sample.edit_prompt.encode())
    tar.add(f"{sample.key}.{METADATA}", _metadata_json(sample.metadata))
    return original_offset, edited_offset


class _OpenShard:
    """A tar that is being written, and the offsets of its pictures so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._tar = TarWriter(file)
        self._offsets = array("q")
        self._split = ""

    def add(self, sample: Sample) -> None:
        """Append a sample."""
        original, edited = _add_sample(self._tar, sample)
        self._offsets.extend((original, len(sample.original_image), edited, len(sample.edited_image)))
        self._split = sample.metadata.split

    def close(self, name: str) -> WrittenShard:
        """End the tar; returns its digest, counts and offsets."""
        digest = self._tar.close()
        offsets = np.frombuffer(self._offsets, np.int64).reshape(-1, len(table.OFFSET_COLUMNS))
        return WrittenShard(Shard(name, self._split, digest.sha256, digest.size_bytes, len(offsets)), offsets)


def _metadata_json(metadata: SampleMetadata) -> bytes:
    # Not by asdict: it copies every value, which took a sixth of the time of a run.
    segment, measures = _field_values(metadata.segment), _field_values(metadata.measures)
    content = _field_values(metadata) | {"segment": segment, "measures": measures}
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def _field_values(record: Segment | Measures | SampleMetadata) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _FIELD_NAMES[type(record)]}


# `fields` takes as long as reading all values, so it is called once.
_FIELD_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in (Segment, Measures, SampleMetadata)}
