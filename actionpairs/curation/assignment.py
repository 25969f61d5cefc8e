"""Which pairs are kept, and the split of each. Works on columns: a million pairs take some hundred MB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs.configs import FilterConfig, SplitConfig, SubsetConfig
from actionpairs.curation import duplicates, filters, splits
from actionpairs.curation.duplicates import Duplicate
from actionpairs.errors import ShardError
from actionpairs.records import Reason, Rejection, Subset


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    """The split of every pair, the subsets, and the pairs that were dropped."""

    facts: pa.Table  # columns.FACTS of every pair
    split_numbers: NDArray[np.int16]  # per row of `facts`: index into `split_names`, -1 where the pair is dropped
    split_names: tuple[str, ...]  # the training split first
    subsets: Mapping[str, Subset]
    unsure: Mapping[str, int]  # subset → pairs of its split that are left out, for their displacement is unsure
    dropped: tuple[Rejection, ...]
    duplicate_of: Mapping[str, str]  # id of a dropped near-duplicate → id of the pair that is kept

    @property
    def counts(self) -> dict[str, int]:
        """Split → number of pairs, sorted by name; splits without pairs are left out."""
        numbers, counts = np.unique(self.split_numbers[self.split_numbers >= 0], return_counts=True)
        return dict(sorted(zip([self.split_names[number] for number in numbers], counts.tolist(), strict=True)))


def assign_splits(
    facts: pa.Table, filter_config: FilterConfig, split_config: SplitConfig, *, where: str
) -> SplitAssignment:
    """Apply the filters, drop near-duplicates, assign the rest to splits, and choose the subsets.

    Near-duplicates are dropped before the split. So no split holds a near-duplicate of another split's pair, and
    the test splits have their full size.

    facts: a table of columns.FACTS. where: names the pairs in errors. Raises ShardError if too few pairs are left
    for the splits.
    """
    reasons = filters.apply_filters(facts, filter_config)
    kept = np.ones(len(facts), bool)
    kept[np.fromiter(reasons, np.int64)] = False
    near_duplicates = _near_duplicates(facts, np.flatnonzero(kept), max_bits=filter_config.near_duplicate_bits)
    kept[np.fromiter((item.index for item in near_duplicates), np.int64)] = False
    split_numbers = np.full(len(facts), -1, np.int16)
    split_numbers[kept] = _split_numbers(facts, kept, split_config, where=where)
    duplicate_of = dict[str, str]()
    for item in near_duplicates:
        dropped_id, kept_id = facts["id"][item.index].as_py(), facts["id"][item.kept_index].as_py()
        split = split_config.names[split_numbers[item.kept_index]]
        detail = f"{item.bits} of 128 bits differ from {kept_id} ({split})"
        reasons[item.index] = Reason.NEAR_DUPLICATE, detail
        duplicate_of[dropped_id] = kept_id
    chosen = {
        name: _subset(facts, split_numbers == split_config.names.index(subset.of), subset)
        for name, subset in split_config.subsets.items()
    }
    return SplitAssignment(
        facts=facts,
        split_numbers=split_numbers,
        split_names=split_config.names,
        subsets={name: subset for name, (subset, _) in chosen.items()},
        unsure={name: unsure for name, (_, unsure) in chosen.items() if unsure},
        dropped=_rejections(facts, reasons),
        duplicate_of=duplicate_of,
    )


def _near_duplicates(facts: pa.Table, rows: NDArray[np.int64], *, max_bits: int | None) -> list[Duplicate]:
    """Near-duplicates among some rows, by row; of two, the one that comes later in its video is dropped."""
    if max_bits is None or not len(rows):
        return []
    columns = facts.select(["video", "start_seconds", "id", "hash_before", "hash_after"]).take(rows)
    order = pc.sort_indices(columns, [(name, "ascending") for name in columns.column_names[:3]]).to_numpy()
    columns, rows = columns.take(order), rows[order]
    hashes = duplicates.pack_hashes(
        list(zip(columns["hash_before"].to_pylist(), columns["hash_after"].to_pylist(), strict=True))
    )
    near_duplicates = duplicates.find_duplicates(hashes, max_bits=max_bits)
    return [Duplicate(int(rows[item.index]), int(rows[item.kept_index]), item.bits) for item in near_duplicates]


def _subset(facts: pa.Table, in_split: NDArray[np.bool_], config: SubsetConfig) -> tuple[Subset, int]:
    """Choose a subset; also returns how many pairs of the split are too unsure to be ranked.

    in_split: whether each row is in the split that the subset is taken from.
    """
    names = (config.by, "displacement_confidence", "id", "action")
    values, confidences, *columns = (facts[name].filter(in_split).to_pylist() for name in names)
    least = config.min_confidence if config.by == "displacement" else None
    unsure = [least is not None and (sure is None or sure < least) for sure in confidences]
    ranked = (None if left_out else value for value, left_out in zip(values, unsure, strict=True))
    return splits.choose_subset(zip(ranked, *columns, strict=True), config), sum(unsure)


def _rejections(facts: pa.Table, reasons: Mapping[int, tuple[Reason, str]]) -> tuple[Rejection, ...]:
    """The dropped pairs, sorted by id. reasons: row → reason and detail."""
    columns = facts.select(["id", "video"]).take(np.fromiter(reasons, np.int64))
    rows = zip(columns["id"].to_pylist(), columns["video"].to_pylist(), reasons.values(), strict=True)
    dropped = [Rejection(pair_id, video, "shard", *reason) for pair_id, video, reason in rows]
    return tuple(sorted(dropped, key=lambda item: item.segment_id))


def _split_numbers(
    facts: pa.Table, kept: NDArray[np.bool_], config: SplitConfig, *, where: str
) -> NDArray[np.int16]:
    """The split of every kept pair: index into `config.names`."""
    ids, *columns = (facts[name].filter(kept) for name in ("id", "video", "verb", "group"))
    numbers = np.array(splits.assign(config, ids.to_pylist(), *map(_shared_strings, columns)), np.int16)
    sizes = dict(zip(config.names, np.bincount(numbers, minlength=len(config.names)).tolist(), strict=True))
    if not sizes[config.train] or any(sizes[name] < count for name, count in config.tests.items()):
        first = next(iter(config.tests), config.train)
        raise ShardError(
            f"{where}: {len(numbers)} pairs are kept, but the test splits hold out {sum(config.tests.values())}, "
            f"which leaves {sizes[config.train]} to train.",
            cure="Extract more, loosen `shard.filters`, or hold out less, such as "
            f"`--set shard.splits.tests.{first}=1`.",
        )
    return numbers


def _shared_strings(column: pa.ChunkedArray) -> list[str]:
    """A column as Python strings. Equal strings are one object, which saves memory."""
    coded = column.combine_chunks().dictionary_encode()
    values: list[str] = np.array(coded.dictionary.to_pylist(), object)[coded.indices.to_numpy()].tolist()
    return values
