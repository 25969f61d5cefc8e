"""Shards folders, both ways: tars of samples, a table per split, and an index.

A sample is four consecutive members of an uncompressed ustar file, as WebDataset reads them:
KEY.original_image.jpg, KEY.edited_image.jpg, KEY.edit_prompt.txt, KEY.json. `SPLIT.parquet` has all values of the
JSON, and the byte offsets of every picture, so a loader can read any sample without reading the rest.
"""

from actionpairs.shards.layout import EDITED, METADATA, ORIGINAL, PROMPT, key_of, shard_name, table_name
from actionpairs.shards.reading import (
    iter_samples,
    iter_samples_with_offsets,
    load_entries,
    load_index,
    load_pictures,
)
from actionpairs.shards.shard_plan import ShardPlan, plan_shards
from actionpairs.shards.table import load_facts, load_rows, row_of
from actionpairs.shards.tar import REMAKE
from actionpairs.shards.writing import DatasetInfo, write_index, write_shards, write_tars

__all__ = [
    "EDITED",
    "METADATA",
    "ORIGINAL",
    "PROMPT",
    "REMAKE",
    "DatasetInfo",
    "ShardPlan",
    "iter_samples",
    "iter_samples_with_offsets",
    "key_of",
    "load_entries",
    "load_facts",
    "load_index",
    "load_pictures",
    "load_rows",
    "plan_shards",
    "row_of",
    "shard_name",
    "table_name",
    "write_index",
    "write_shards",
    "write_tars",
]
