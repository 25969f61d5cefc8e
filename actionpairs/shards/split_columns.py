"""A split's table as columns. It may come from elsewhere, so it is checked before anything is computed from it."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from actionpairs.curation import duplicates
from actionpairs.errors import ShardError
from actionpairs.records import ShardIndex
from actionpairs.shards.layout import table_name
from actionpairs.shards.table import SCHEMA
from actionpairs.shards.tar import REMAKE
from actionpairs.storage import Folder

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_HASH = "^[0-9a-f]{16}$"


def is_safe_name(name: object) -> bool:
    """Whether a name of a split or a tar can be part of a file's name, and stays in its folder."""
    return isinstance(name, str) and _SAFE.fullmatch(name) is not None


def load_split(folder: Folder, index: ShardIndex, split: str) -> pa.Table:
    """All columns of a split's samples (table.SCHEMA), in the order of the table.

    Raises ShardError if a name could leave the folder, a column is missing or of another type, a text or a number
    is missing, or the table disagrees with the index.
    """
    where = f"{folder}: split {split!r}"
    if not is_safe_name(split):
        raise ShardError(f"{where}: no name for files.", cure="Name it with letters, digits, `_`, `-` and dots.")
    try:
        rows = (
            pq.read_table(pa.BufferReader(folder.read_bytes(table_name(split)))).select(SCHEMA.names).cast(SCHEMA)
        )
        rows.validate(full=True)
    except (pa.ArrowException, KeyError) as error:
        raise ShardError(f"{folder}/{table_name(split)}: not a table of samples: {error}.", cure=REMAKE) from None
    rows = rows.combine_chunks().replace_schema_metadata()
    for problem in _problems(rows, index, split):
        raise ShardError(f"{where}: {problem}.", cure=f"Run `actionpairs verify {folder}`; copy the shards again.")
    return rows


def hashes_of(rows: pa.Table) -> NDArray[np.uint8]:
    """The perceptual hashes of every sample: N 16 uint8."""
    pairs = zip(rows["hash_before"].to_pylist(), rows["hash_after"].to_pylist(), strict=True)
    return duplicates.pack_hashes(list(pairs))


def byte_ranges(rows: pa.Table, sizes: Mapping[str, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first byte of every sample in its tar, and the byte after its last one: up to the next sample.

    sizes: tar → its size in bytes; there the last sample ends, with the end mark behind it.
    """
    coded = rows["shard"].combine_chunks().dictionary_encode()
    shards, starts = coded.indices.to_numpy(), rows["original_offset"].to_numpy() - tarfile.BLOCKSIZE
    order = np.lexsort((starts, shards))
    stops = np.array([sizes[name] for name in coded.dictionary.to_pylist()], np.int64)[shards]
    is_followed = shards[order][:-1] == shards[order][1:]
    stops[order[:-1][is_followed]] = starts[order[1:][is_followed]]
    return starts, stops


def _problems(rows: pa.Table, index: ShardIndex, split: str) -> list[str]:
    texts = [field.name for field in SCHEMA if not pa.types.is_floating(field.type)]
    problems = [f"the column `{name}` has gaps" for name in texts if rows[name].null_count]
    for name in ("hash_before", "hash_after"):
        if not problems and pc.all(pc.match_substring_regex(rows[name], _HASH)).as_py() is False:
            problems.append(f"`{name}` is no perceptual hash")
    if rows.num_rows != index.samples_per_split[split]:
        problems.append(f"{rows.num_rows:,} rows, but {index.samples_per_split[split]} samples in the index")
    tars = {shard.name for shard in index.shards if shard.split == split and is_safe_name(shard.name)}
    if strays := set(pc.unique(rows["shard"]).to_pylist()) - tars:
        problems.append(f"{sorted(strays, key=str)[0]!r} is no shard of it")
    return problems
