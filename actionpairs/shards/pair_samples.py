"""Frame pairs of a pairs folder as samples, file by file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from actionpairs import pairs
from actionpairs.records import FramePair, PairFacts, Sample, SampleMetadata
from actionpairs.shards.layout import key_of
from actionpairs.shards.shard_plan import ShardPlan
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class PairsFile:
    """One file of a pairs folder and the samples planned of it: row in the file, split, shard."""

    name: str
    samples: Sequence[tuple[int, str, str]]


def planned_files(source: Folder, plan: ShardPlan) -> Iterator[PairsFile]:
    """The files of a pairs folder in order, each with its samples."""
    start = 0
    for name in pairs.file_names(source):
        stop = start + pairs.count(source, name)
        inside = slice(*np.searchsorted(plan.rows, [start, stop]))
        planned = zip(plan.rows[inside].tolist(), plan.shards[inside].tolist(), strict=True)
        yield PairsFile(name, [(row - start, *plan.names[shard]) for row, shard in planned])
        start = stop


def iter_samples(source: Folder, file: PairsFile, *, recipe_digest: str) -> Iterator[tuple[str, Sample]]:
    """The samples of one file in the order of the plan, each with the name of its shard."""
    shards_of: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row, split, shard in file.samples:
        shards_of[row].append((split, shard))
    for row, pair in enumerate(pairs.load_pairs(source, file.name)):
        for split, shard in shards_of.get(row, ()):
            yield shard, _sample(pair, split, recipe_digest)


_FACTS = tuple(field.name for field in fields(PairFacts))


def _sample(pair: FramePair, split: str, recipe_digest: str) -> Sample:
    segment = pair.facts.segment
    facts = {name: getattr(pair.facts, name) for name in _FACTS}
    return Sample(
        key=key_of(segment.id),
        original_image=pair.before_jpeg,
        edited_image=pair.after_jpeg,
        edit_prompt=segment.instruction,
        metadata=SampleMetadata(**facts, split=split, recipe_digest=recipe_digest),
    )
