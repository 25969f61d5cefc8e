"""Which sample lies in which shard, and the samples of a file of pairs with their shards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs import pairs, shards
from actionpairs.configs import ShardConfig
from actionpairs.curation import splits
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.errors import ShardError
from actionpairs.records import FramePair, PairFacts, Sample, SampleMetadata
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """A seat per sample, sorted by row: a pair has one in its split and one in every subset that it is in."""

    rows: NDArray[np.int64]  # of the table of facts, which are in the order of the pairs' files
    shards: NDArray[np.int64]  # numbers in `names`
    names: tuple[tuple[str, str], ...]  # split, shard

    def rows_of(self, shard: str) -> NDArray[np.int64]:
        """Whose samples a shard holds, in its order."""
        number = [name for _, name in self.names].index(shard)
        return self.rows[np.flatnonzero(self.shards == number)]


@dataclass(frozen=True, slots=True)
class PairsFile:
    """A file of pairs and the seats of its samples: row in the file, split, shard."""

    name: str
    seats: Sequence[tuple[int, str, str]]


def spread(places: SplitAssignment, config: ShardConfig) -> ShardPlan:
    """Seat all samples: those of a split lie in hash order, so that every shard is a fair sample of it."""
    kept = np.flatnonzero(places.split >= 0)
    ids = places.known["id"].take(kept)
    _check_keys(ids)
    order = kept[splits.hash_order(ids.to_pylist(), seed=config.splits.seed)]
    members = {name: order[places.split[order] == number] for number, name in enumerate(places.names)}
    for name, subset in places.subsets.items():
        chosen = pc.is_in(places.known["id"], value_set=pa.array(subset.ids, pa.string())).to_numpy()
        members[name] = order[chosen[order]]
    numbers: list[NDArray[np.int64]] = []
    names: list[tuple[str, str]] = []
    for split, rows in members.items():
        numbers.append(len(names) + np.arange(len(rows)) // config.samples_per_shard)
        needed = -(-len(rows) // config.samples_per_shard)
        names += [(split, shards.shard_name(split, number)) for number in range(needed)]
    every, seats = np.concatenate(list(members.values())), np.concatenate(numbers)
    by_row = np.lexsort((seats, every))
    return ShardPlan(every[by_row], seats[by_row], tuple(names))


def _check_keys(ids: pa.ChunkedArray) -> None:
    """Raise where two ids would make one tar key."""
    keys = pa.array((shards.key_of(name.as_py()) for name in ids), pa.string())
    if pc.count_distinct(keys).as_py() == len(keys):
        return
    [(key, _)] = Counter(keys.to_pylist()).most_common(1)
    one, two = sorted(ids.filter(pc.equal(keys, key)).to_pylist())[:2]
    raise ShardError(f"the ids {one!r} and {two!r} make one tar key.", cure="Rename one of them.")


def files(source: Folder, seats: ShardPlan) -> Iterator[PairsFile]:
    """The files of pairs, one after the other, with their seats."""
    start = 0
    for name in pairs.names(source):
        stop = start + pairs.count(source, name)
        inside = slice(*np.searchsorted(seats.rows, [start, stop]))
        taken = zip(seats.rows[inside].tolist(), seats.shards[inside].tolist(), strict=True)
        yield PairsFile(name, [(row - start, *seats.names[shard]) for row, shard in taken])
        start = stop


def samples(source: Folder, file: PairsFile, *, recipe_digest: str) -> Iterator[tuple[str, Sample]]:
    """A file's pairs as samples, each with the name of its shard."""
    seats_of: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row, split, shard in file.seats:
        seats_of[row].append((split, shard))
    for row, pair in enumerate(pairs.read(source, file.name)):
        for split, shard in seats_of.get(row, ()):
            yield shard, _sample(pair, split, recipe_digest)


_FACTS = tuple(field.name for field in fields(PairFacts))


def _sample(pair: FramePair, split: str, recipe_digest: str) -> Sample:
    segment = pair.facts.segment
    known = {name: getattr(pair.facts, name) for name in _FACTS}
    return Sample(
        key=shards.key_of(segment.id),
        original_image=pair.before_jpeg,
        edited_image=pair.after_jpeg,
        edit_prompt=segment.instruction,
        metadata=SampleMetadata(**known, split=split, recipe_digest=recipe_digest),
    )
