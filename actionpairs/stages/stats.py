"""stats: a shards folder in, its numbers out. Nothing is written."""

from __future__ import annotations

from actionpairs import manifest
from actionpairs.shards import load_index
from actionpairs.shards.sources import check_index
from actionpairs.shards.statistics import Statistics, compute_statistics
from actionpairs.stages.merge import NEAR_DUPLICATE_BITS
from actionpairs.storage import Folder


def stats(shards: str, *, near_duplicate_bits: int = NEAR_DUPLICATE_BITS) -> Statistics:
    """Count and measure a finished shards folder, and compare its held-out splits with the training split.

    Only tables are read. near_duplicate_bits: two samples are near-duplicates if at most this number of their
    hashes' 128 bits differ. Raises ShardError or StorageError if the folder is not finished or not whole.
    """
    folder = Folder(shards)
    manifest.load(folder, stage="shard")
    index = load_index(folder)
    check_index(folder, index)
    return compute_statistics(folder, index, near_duplicate_bits=near_duplicate_bits)
