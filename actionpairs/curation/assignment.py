"""Which pairs are kept and who is in which split, worked out on columns: a million pairs take some hundred MB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.curation import duplicates, filters, splits
from actionpairs.errors import ShardError
from actionpairs.records import Reason, Rejection, Subset


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    """Who goes where and who does not: splits, subsets, what was dropped, which id repeats which."""

    known: pa.Table  # columns.FACTS of every pair
    split: NDArray[np.int16]  # of every row: its split's number in `names`, -1 where it is dropped
    names: tuple[str, ...]
    subsets: Mapping[str, Subset]
    dropped: tuple[Rejection, ...]
    repeats: Mapping[str, str]  # id of a near-duplicate → id of the pair that is kept

    @property
    def counts(self) -> dict[str, int]:
        """Split → how many pairs are in it, of those that have any; sorted."""
        numbers, counts = np.unique(self.split[self.split >= 0], return_counts=True)
        return dict(sorted(zip([self.names[number] for number in numbers], counts.tolist(), strict=True)))


def place(known: pa.Table, config: ShardConfig, *, where: str) -> SplitAssignment:
    """Filter, take near-duplicates out, split what is left, and choose the subsets.

    Near-duplicates go before anything is split: so no split holds one of another, and the tests are full.
    """
    verdicts = filters.judge(known, config.filters)
    kept = np.ones(len(known), bool)
    kept[np.fromiter(verdicts, np.int64)] = False
    near = _near_duplicates(known, np.flatnonzero(kept), most_bits=config.filters.near_duplicate_bits)
    kept[np.fromiter((item.index for item in near), np.int64)] = False
    split = np.full(len(known), -1, np.int16)
    split[kept] = _split(known, kept, config.splits, where=where)
    repeats = dict[str, str]()
    for item in near:
        one, other = known["id"][item.index].as_py(), known["id"][item.of].as_py()
        detail = f"{item.bits} of 128 bits differ from {other} ({config.splits.names[split[item.of]]})"
        verdicts[item.index] = Reason.NEAR_DUPLICATE, detail
        repeats[one] = other
    subsets = {}
    for name, subset in config.splits.subsets.items():
        inside = split == config.splits.names.index(subset.of)
        told = (known[each].filter(inside).to_pylist() for each in (subset.by, "id", "action"))
        subsets[name] = splits.choose(zip(*told, strict=True), subset)
    return SplitAssignment(known, split, config.splits.names, subsets, _rejections(known, verdicts), repeats)


def _near_duplicates(
    known: pa.Table, rows: NDArray[np.int64], *, most_bits: int | None
) -> list[duplicates.Duplicate]:
    """Near-duplicates among some rows, by row; of two, the one that comes later in its video goes."""
    if most_bits is None or not len(rows):
        return []
    found = known.select(["video", "start_seconds", "id", "hash_before", "hash_after"]).take(rows)
    order = pc.sort_indices(found, [(name, "ascending") for name in found.column_names[:3]]).to_numpy()
    found, rows = found.take(order), rows[order]
    hashes = duplicates.pack(
        list(zip(found["hash_before"].to_pylist(), found["hash_after"].to_pylist(), strict=True))
    )
    near = duplicates.later(hashes, most_bits=most_bits)
    return [duplicates.Duplicate(int(rows[item.index]), int(rows[item.of]), item.bits) for item in near]


def _rejections(known: pa.Table, verdicts: Mapping[int, tuple[Reason, str]]) -> tuple[Rejection, ...]:
    """What was dropped, sorted by id."""
    found = known.select(["id", "video"]).take(np.fromiter(verdicts, np.int64))
    told = zip(found["id"].to_pylist(), found["video"].to_pylist(), verdicts.values(), strict=True)
    dropped = [Rejection(name, video, "shard", *verdict) for name, video, verdict in told]
    return tuple(sorted(dropped, key=lambda item: item.segment_id))


def _split(known: pa.Table, kept: NDArray[np.bool_], config: SplitConfig, *, where: str) -> NDArray[np.int16]:
    """The split of every pair that is kept."""
    ids, *others = (known[name].filter(kept) for name in ("id", "video", "verb", "group"))
    split = np.array(splits.assign(config, ids.to_pylist(), *map(_shared, others)), np.int16)
    sizes = dict(zip(config.names, np.bincount(split, minlength=len(config.names)).tolist(), strict=True))
    if not sizes[config.train] or any(sizes[name] < count for name, count in config.tests.items()):
        raise ShardError(
            f"{where}: {len(split)} pairs are kept, but the test splits hold out {sum(config.tests.values())}, "
            f"which leaves {sizes[config.train]} to train.",
            cure="Extract more, loosen `shard.filters`, or hold out less in `shard.splits`.",
        )
    return split


def _shared(column: pa.ChunkedArray) -> list[str]:
    """A column's values; one that many rows have is one object."""
    coded = column.combine_chunks().dictionary_encode()
    values: list[str] = np.array(coded.dictionary.to_pylist(), object)[coded.indices.to_numpy()].tolist()
    return values
