"""mix: several shards folders in, one data set out whose training samples are drawn by weights."""

from __future__ import annotations

from collections.abc import Mapping

from actionpairs.executors import Executor, ExecutorName
from actionpairs.shards.sources import load_sources
from actionpairs.stages.merge import NEAR_DUPLICATE_BITS, MergeSummary, merge_config, write_merged


# 11 parameters: one per option of the command.
def mix(
    shards: Mapping[str, float],
    *,
    out: str,
    samples: int | None = None,
    name: str | None = None,
    rename: Mapping[str, str] | None = None,
    near_duplicate_bits: int = NEAR_DUPLICATE_BITS,
    keep_duplicates: bool = False,
    samples_per_shard: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    executor: ExecutorName | Executor = "local",
) -> MergeSummary:
    """As `merge`, with a part of the training samples: each input gives its weight's share of them.

    All held-out splits stay whole. shards: FOLDER or NAME=FOLDER → weight; 7 and 3 are the same as 0.7 and 0.3.
    samples: how many to draw; None draws until the first input is used up. Samples are drawn by the hash of the
    seed and their id, and none is drawn twice. With the same seed, a larger number keeps every sample of a smaller
    one. Raises ShardError if an input has too few.
    """
    sources = load_sources(list(shards))
    options = name, rename, near_duplicate_bits, keep_duplicates, samples_per_shard, seed
    weights = dict(zip((source.name for source in sources), shards.values(), strict=True))
    config = merge_config(sources, *options, weights=weights, samples=samples)
    return write_merged("mix", sources, config, out, workers=workers, executor=executor)
