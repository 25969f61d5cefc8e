"""The layout of a data set, both ways: tars of samples, a table per split, an index of counts.

A sample is four consecutive members of an uncompressed ustar file, as WebDataset reads them:
KEY.original_image.jpg, KEY.edited_image.jpg, KEY.edit_prompt.txt, KEY.json. `SPLIT.parquet` says all that the JSON
says, and where every picture lies, so that a loader can read any sample without reading the rest.
"""

from actionpairs.shards.layout import EDITED, METADATA, ORIGINAL, PROMPT, key_of, shard_name, table_name
from actionpairs.shards.reading import entries, placed_samples, read_index, read_pictures, samples
from actionpairs.shards.table import facts, row_of, rows
from actionpairs.shards.tar import REMAKE
from actionpairs.shards.writing import Packed, pack, spool, write, write_index

__all__ = [
    "EDITED",
    "METADATA",
    "ORIGINAL",
    "PROMPT",
    "Packed",
    "REMAKE",
    "entries",
    "facts",
    "key_of",
    "pack",
    "placed_samples",
    "read_index",
    "read_pictures",
    "row_of",
    "rows",
    "samples",
    "shard_name",
    "spool",
    "table_name",
    "write",
    "write_index",
]
