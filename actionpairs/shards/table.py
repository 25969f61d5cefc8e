"""The Parquet table of a split: everything in KEY.json as columns, and the byte offsets of the pictures."""

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

OFFSET_COLUMNS = ("original_offset", "original_size", "edited_offset", "edited_size")
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("split", pa.string()),
        ("shard", pa.string()),
        *((name, pa.int64()) for name in OFFSET_COLUMNS),
        *columns.FACTS,
        ("recipe_digest", pa.string()),
    ]
)


def row_of(sample: Sample, shard: str, offsets: tuple[int, int]) -> dict[str, Any]:
    """The row of one sample. offsets: of its pictures' first bytes in the shard, original and edited."""
    return {
        **columns.row_of(sample.metadata),
        "instruction": sample.edit_prompt,  # the metadata keeps the words of the annotation
        "key": sample.key,
        "split": sample.metadata.split,
        "shard": shard,
        "original_offset": offsets[0],
        "original_size": len(sample.original_image),
        "edited_offset": offsets[1],
        "edited_size": len(sample.edited_image),
        "recipe_digest": sample.metadata.recipe_digest,
    }


def rows_of(shard: Shard, facts: pa.Table, offsets: NDArray[np.int64], *, recipe_digest: str) -> pa.Table:
    """The rows of one shard. facts: of its samples, in tar order; offsets: samples 4, as OFFSET_COLUMNS."""
    constants = {"split": shard.split, "shard": shard.name, "recipe_digest": recipe_digest}
    data = {name: facts[name] for name in columns.FACTS.names}
    data |= {name: pa.repeat(text, shard.samples) for name, text in constants.items()}
    data |= {name: offsets[:, number] for number, name in enumerate(OFFSET_COLUMNS)}
    data["key"] = [key_of(segment_id) for segment_id in facts["id"].to_pylist()]
    return pa.Table.from_pydict(data, SCHEMA)


def write_table(folder: Folder, split: str, shards: Iterable[pa.Table]) -> FileDigest:
    """Write a split's table: one row group per shard, rows in tar order."""
    with (
        folder.create(table_name(split)) as file,
        pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer,
    ):
        for rows in shards:
            writer.write_table(rows, row_group_size=rows.num_rows)
    return FileDigest.of_file(folder, table_name(split))


def load_entries(folder: Folder, split: str) -> tuple[Entry, ...]:
    """What a loader needs of every sample, sorted by key."""
    table = _load_columns(folder, split, [field.name for field in fields(Entry)])
    return tuple(Entry(**row) for row in table.sort_by("key").to_pylist())


def load_facts(folder: Folder, split: str) -> dict[str, PairFacts]:
    """Key → the facts of every pair of a split."""
    table = _load_columns(folder, split, ["key", *columns.FACTS.names])
    return {row["key"]: columns.facts_of(row) for row in table.to_pylist()}


def load_rows(folder: Folder, split: str, shard: str) -> list[dict[str, Any]]:
    """All columns of one shard's rows, in tar order."""
    rows: list[dict[str, Any]] = _load_columns(
        folder, split, SCHEMA.names, filters=[("shard", "=", shard)]
    ).to_pylist()
    return rows


def _load_columns(folder: Folder, split: str, names: list[str], *, filters: Any = None) -> pa.Table:
    name = table_name(split)
    try:
        return pq.read_table(pa.BufferReader(folder.read_bytes(name)), columns=names, filters=filters)
    except pa.ArrowException as error:
        raise ShardError(f"{folder}/{name}: not a table of samples: {error}.", cure=REMAKE) from None
