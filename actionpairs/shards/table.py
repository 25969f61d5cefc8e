"""The table of a split: all that KEY.json says as columns, and where the pictures lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from actionpairs import columns
from actionpairs.errors import ShardError
from actionpairs.manifest import FileDigest
from actionpairs.records import Entry, PairFacts, Sample, Shard
from actionpairs.shards.layout import key_of, table_name
from actionpairs.shards.tar import REMAKE
from actionpairs.storage import Folder

PLACES = ("original_offset", "original_size", "edited_offset", "edited_size")
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("split", pa.string()),
        ("shard", pa.string()),
        *((name, pa.int64()) for name in PLACES),
        *columns.FACTS,
        ("recipe_digest", pa.string()),
    ]
)


def row_of(sample: Sample, shard: str, offsets: tuple[int, int]) -> dict[str, Any]:
    """A sample's row. offsets: of its pictures' first bytes in the shard, original and edited."""
    return {
        **columns.row_of(sample.metadata),
        "key": sample.key,
        "split": sample.metadata.split,
        "shard": shard,
        "original_offset": offsets[0],
        "original_size": len(sample.original_image),
        "edited_offset": offsets[1],
        "edited_size": len(sample.edited_image),
        "recipe_digest": sample.metadata.recipe_digest,
    }


def rows_of(shard: Shard, facts: pa.Table, places: NDArray[np.int64], *, recipe_digest: str) -> pa.Table:
    """A shard's rows. facts: of its samples, in its order; places: samples 4, as PLACES."""
    same = {"split": shard.split, "shard": shard.name, "recipe_digest": recipe_digest}
    told = {name: facts[name] for name in columns.FACTS.names}
    told |= {name: pa.repeat(text, shard.samples) for name, text in same.items()}
    told |= {name: places[:, number] for number, name in enumerate(PLACES)}
    told["key"] = [key_of(each) for each in facts["id"].to_pylist()]
    return pa.Table.from_pydict(told, SCHEMA)


def write(folder: Folder, split: str, shards: Iterable[pa.Table]) -> FileDigest:
    """Write a split's rows, a group per shard, each in the order of its tar."""
    with (
        folder.create(table_name(split)) as file,
        pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
    ):
        for rows in shards:
            writer.write_table(rows, row_group_size=rows.num_rows)
    return FileDigest.of_file(folder, table_name(split))


def entries(folder: Folder, split: str) -> tuple[Entry, ...]:
    """What a loader needs of every row, sorted by key."""
    found = _read(folder, split, names=[field.name for field in fields(Entry)])
    return tuple(Entry(**row) for row in found.sort_by("key").to_pylist())


def facts(folder: Folder, split: str) -> dict[str, PairFacts]:
    """What is known of every pair of a split, by key."""
    found = _read(folder, split, names=["key", *columns.FACTS.names])
    return {row["key"]: columns.facts_of(row) for row in found.to_pylist()}


def rows(folder: Folder, split: str, shard: str) -> list[dict[str, Any]]:
    """The rows that tell of one shard, whole and in its order."""
    found: list[dict[str, Any]] = _read(
        folder, split, names=SCHEMA.names, filters=[("shard", "=", shard)]
    ).to_pylist()
    return found


def _read(folder: Folder, split: str, *, names: list[str], filters: Any = None) -> pa.Table:
    name = table_name(split)
    try:
        return pq.read_table(pa.BufferReader(folder.read_bytes(name)), columns=names, filters=filters)
    except pa.ArrowException as error:
        raise ShardError(f"{folder}/{name}: not a table of samples: {error}.", cure=REMAKE) from None
