"""What a merged data set will hold, and what it leaves out, decided from the tables before a tar is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs.configs.merge import MergeConfig
from actionpairs.curation import mixing, splits
from actionpairs.curation.between_sets import Role, SetDuplicates, find_set_duplicates
from actionpairs.curation.duplicates import Duplicate
from actionpairs.errors import ShardError
from actionpairs.records import Reason, Rejection, Subset
from actionpairs.shards.shard_plan import ShardPlan
from actionpairs.shards.sources import Source, split_names
from actionpairs.shards.split_columns import byte_ranges, hashes_of, load_split


@dataclass(frozen=True, slots=True)
class MergePlan:
    """The samples of a merged data set in the order in which they are written, and the shard of each.

    rows: table.SCHEMA with the new ids and splits, and `input`, `role`, `start` and `stop`: the number of the
    source, what the sample is for, and its bytes in [start, stop) of its tar. `key` and `shard` are still those of
    the source. trained: source → how many of its pairs are trained on. shared_videos: training samples of a video
    that has the name of another source's held-out video. test_splits: the splits for evaluation.
    """

    rows: pa.Table
    shards: ShardPlan
    dropped: tuple[Rejection, ...]
    duplicates: SetDuplicates
    trained: Mapping[str, int]
    not_drawn: int
    shared_videos: int
    test_splits: tuple[str, ...]
    subsets: Mapping[str, Subset]

    def iter_shards(self) -> Iterator[tuple[str, pa.Table]]:
        """The name and the rows of every shard, in order."""
        for number, (_, name) in enumerate(self.shards.names):
            yield name, self.rows.take(np.flatnonzero(self.shards.shards == number))


def plan_merge(sources: Sequence[Source], config: MergeConfig) -> MergePlan:
    """Plan a merge from the tables of its sources.

    Of near-duplicates between sources, a training sample is dropped: for a held-out one, or for that of an earlier
    source. Each split is divided in hash order, so that every shard is a random part of all its sources.
    """
    names = split_names(sources, config.train, config.renamed_splits)
    rows = pa.concat_tables(
        part for number, source in enumerate(sources) for part in _parts(number, source, names[number])
    ).combine_chunks()
    inputs, roles = rows["input"].to_numpy(), rows["role"].to_numpy()
    duplicates = find_set_duplicates(hashes_of(rows), inputs, roles, max_bits=config.near_duplicate_bits)
    repeated = () if config.keep_duplicates else duplicates.repeated
    kept = np.ones(len(rows), bool)
    kept[np.fromiter((item.index for item in (*duplicates.leaking, *repeated)), np.int64)] = False
    candidates = np.flatnonzero(kept & (roles == Role.TRAIN))
    drawn = _draw(rows, candidates, [source.name for source in sources], config)
    kept[candidates] = False
    kept[drawn] = True
    ordered, plan = _divide(rows, kept, config)
    return MergePlan(
        rows=ordered,
        shards=plan,
        dropped=_rejections(rows, duplicates.leaking, repeated),
        duplicates=duplicates,
        trained={source.name: int((inputs[drawn] == number).sum()) for number, source in enumerate(sources)},
        not_drawn=len(candidates) - len(drawn),
        shared_videos=_shared_videos(rows, drawn),
        test_splits=tuple(
            own[split]
            for source, own in zip(sources, names, strict=True)
            for split in source.index.test_splits
            if split in own
        ),
        subsets=dict(item for source, own in zip(sources, names, strict=True) for item in _subsets(source, own)),
    )


def _subsets(source: Source, names: Mapping[str, str]) -> Iterator[tuple[str, Subset]]:
    """The subsets of a source under their new names, with the new ids."""
    for split, subset in source.manifest.subsets.items():
        if split in names:
            yield names[split], Subset(subset.rule, tuple(f"{source.prefix}{each}" for each in subset.ids))


def _parts(number: int, source: Source, names: Mapping[str, str]) -> Iterator[pa.Table]:
    """The samples of one source, split by split, the training split first; with their new ids and splits."""
    sizes = {shard.name: shard.size_bytes for shard in source.index.shards}
    trained = pa.array([], pa.string())
    for split, name in names.items():
        rows = load_split(source.folder, source.index, split)
        role = Role.HELD_OUT
        if split == source.index.train_split:
            role, trained = Role.TRAIN, rows["id"].combine_chunks()
        elif pc.all(pc.is_in(rows["id"], value_set=trained)).as_py():
            role = Role.COPY
        starts, stops = byte_ranges(rows, sizes)
        constants = {"split": pa.repeat(name, len(rows)), "input": pa.repeat(number, len(rows))}
        ids = pc.binary_join_element_wise(pa.scalar(source.prefix), rows["id"], "")
        changes = {"id": ids, **constants, "role": pa.repeat(pa.scalar(int(role), pa.int8()), len(rows))}
        if pc.count_distinct(ids).as_py() < len(rows):
            raise ShardError(f"{source.folder}: {split} has an id twice.", cure="Make these shards anew.")
        columns = {field: rows[field] for field in rows.column_names}
        yield pa.table({**columns, **changes, "start": starts, "stop": stops})


def _draw(
    rows: pa.Table, candidates: NDArray[np.int64], names: Sequence[str], config: MergeConfig
) -> NDArray[np.int64]:
    """The training samples that are taken: all, or with weights the first of each source in hash order."""
    if not config.weights:
        return candidates
    inputs = rows["input"].to_numpy()[candidates]
    of_source = {name: candidates[inputs == number] for number, name in enumerate(names)}
    sizes = {name: len(of_source[name]) for name in names}
    counts = mixing.apportion(config.weights, sizes, samples=config.samples)
    parts = []
    for name, count in counts.items():
        order = splits.hash_order(rows["id"].take(of_source[name]).to_pylist(), seed=config.seed)
        parts.append(of_source[name][order[:count]])
    return np.sort(np.concatenate(parts))


def _divide(rows: pa.Table, kept: NDArray[np.bool_], config: MergeConfig) -> tuple[pa.Table, ShardPlan]:
    """The kept samples in the order of writing, and the shard of each."""
    split_of = rows["split"].combine_chunks().dictionary_encode()
    codes, ids = split_of.indices.to_numpy(), rows["id"].to_pylist()
    order, shards = [], []
    for code, split in sorted(enumerate(split_of.dictionary.to_pylist()), key=lambda item: item[1]):
        inside = np.flatnonzero(kept & (codes == code))
        order.append(inside[splits.hash_order([ids[row] for row in inside.tolist()], seed=config.seed)])
        shards += [(split, number // config.samples_per_shard) for number in range(len(inside))]
    return rows.take(np.concatenate(order).astype(np.int64)), ShardPlan.of_shards(shards)


def _rejections(
    rows: pa.Table, leaking: Sequence[Duplicate], repeated: Sequence[Duplicate]
) -> tuple[Rejection, ...]:
    """The dropped training samples, sorted by id, each with the sample that it repeats."""
    ids, videos, split_of = (rows[name] for name in ("id", "video", "split"))
    dropped = [
        Rejection(
            ids[item.index].as_py(),
            videos[item.index].as_py(),
            "merge",
            Reason.NEAR_DUPLICATE,
            f"{item.bits} of 128 bits differ from {ids[item.kept_index]} ({split_of[item.kept_index]})",
        )
        for item in (*leaking, *repeated)
    ]
    return tuple(sorted(dropped, key=lambda item: item.segment_id))


def _shared_videos(rows: pa.Table, drawn: NDArray[np.int64]) -> int:
    """How many training samples are of a video whose name is also that of another source's held-out sample."""
    trained, held_out = rows.take(drawn), rows.filter(pc.equal(rows["role"], int(Role.HELD_OUT)))
    inputs_of: dict[str, set[int]] = {}
    for video, number in zip(held_out["video"].to_pylist(), held_out["input"].to_pylist(), strict=True):
        inputs_of.setdefault(video, set()).add(number)
    counts = Counter(zip(trained["video"].to_pylist(), trained["input"].to_pylist(), strict=True))
    return sum(count for (video, number), count in counts.items() if inputs_of.get(video, set()) - {number})
