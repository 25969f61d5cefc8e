"""Which sample goes to which shard, decided before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs.curation import splits
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.errors import ShardError
from actionpairs.shards.layout import key_of, shard_name


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """The samples of a data set in the order in which they are written, and the shard of each.

    Sample n is the pair in row `rows[n]` of the table of facts, and goes to shard `shards[n]`. Samples are sorted
    by row. A pair is a sample of its split, and once more of every subset that it is in.
    """

    rows: NDArray[np.int64]
    shards: NDArray[np.int64]  # index into `names`
    names: tuple[tuple[str, str], ...]  # split and file name of every shard

    @classmethod
    def of_shards(cls, shards: Sequence[tuple[str, int]]) -> ShardPlan:
        """A plan by the split and the shard number of each sample; sample n is the pair in row n."""
        numbers = {shard: index for index, shard in enumerate(sorted(set(shards)))}
        indices = np.array([numbers[shard] for shard in shards], np.int64)
        names = tuple((split, shard_name(split, number)) for split, number in numbers)
        return cls(np.arange(len(shards)), indices, names)

    def iter_shard_names(self) -> Iterator[str]:
        """The shard of every sample, in the order of the samples."""
        return (self.names[shard][1] for shard in self.shards.tolist())

    def rows_of(self, shard: str) -> NDArray[np.int64]:
        """The rows of one shard's samples, in tar order."""
        index = [name for _, name in self.names].index(shard)
        return self.rows[np.flatnonzero(self.shards == index)]


def plan_shards(assignment: SplitAssignment, *, samples_per_shard: int, seed: int) -> ShardPlan:
    """Plan all samples of an assignment.

    The samples of a split are divided in hash order, so every shard is a random part of its split.
    """
    kept = np.flatnonzero(assignment.split_numbers >= 0)
    ids = assignment.facts["id"].take(kept)
    _check_keys(ids)
    order = kept[splits.hash_order(ids.to_pylist(), seed=seed)]
    rows_of_split = {
        name: order[assignment.split_numbers[order] == number]
        for number, name in enumerate(assignment.split_names)
    }
    for name, subset in assignment.subsets.items():
        in_subset = pc.is_in(assignment.facts["id"], value_set=pa.array(subset.ids, pa.string())).to_numpy()
        rows_of_split[name] = order[in_subset[order]]
    shard_parts: list[NDArray[np.int64]] = []
    names: list[tuple[str, str]] = []
    for split, split_rows in rows_of_split.items():
        shard_parts.append(len(names) + np.arange(len(split_rows)) // samples_per_shard)
        count = -(-len(split_rows) // samples_per_shard)
        names += [(split, shard_name(split, number)) for number in range(count)]
    rows, shards = np.concatenate(list(rows_of_split.values())), np.concatenate(shard_parts)
    by_row = np.lexsort((shards, rows))
    return ShardPlan(rows[by_row], shards[by_row], tuple(names))


def _check_keys(ids: pa.ChunkedArray) -> None:
    """Raise ShardError if two ids have the same tar key."""
    keys = pa.array((key_of(segment_id.as_py()) for segment_id in ids), pa.string())
    if pc.count_distinct(keys).as_py() == len(keys):
        return
    [(key, _)] = Counter(keys.to_pylist()).most_common(1)
    one, two = sorted(ids.filter(pc.equal(keys, key)).to_pylist())[:2]
    raise ShardError(f"the ids {one!r} and {two!r} make one tar key.", cure="Rename one of them.")
