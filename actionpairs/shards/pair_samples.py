"""Frame pairs of a pairs folder as samples, file by file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from actionpairs import pairs
from actionpairs.records import FramePair, PairFacts, Sample, SampleMetadata
from actionpairs.shards.layout import key_of
from actionpairs.shards.shard_plan import ShardPlan
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class PairsFile:
    """One file of a pairs folder and the samples planned of it: row in the file, split, shard, instruction."""

    name: str
    samples: Sequence[tuple[int, str, str, str]]


def planned_files(source: Folder, plan: ShardPlan, facts: pa.Table) -> Iterator[PairsFile]:
    """The files of a pairs folder in order, each with its samples.

    facts: a table of columns.FACTS, to which the plan's rows point; its instructions are those of the samples.
    """
    start = 0
    for name in pairs.file_names(source):
        stop = start + pairs.count(source, name)
        inside = slice(*np.searchsorted(plan.rows, [start, stop]))
        instructions = facts["instruction"].slice(start, stop - start).to_pylist()
        planned = zip((plan.rows[inside] - start).tolist(), plan.shards[inside].tolist(), strict=True)
        yield PairsFile(name, [(row, *plan.names[shard], instructions[row]) for row, shard in planned])
        start = stop


def iter_samples(source: Folder, file: PairsFile, *, recipe_digest: str) -> Iterator[tuple[str, Sample]]:
    """The samples of one file in the order of the plan, each with the name of its shard."""
    samples_of: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
    for row, split, shard, instruction in file.samples:
        samples_of[row].append((split, shard, instruction))
    for row, pair in enumerate(pairs.load_pairs(source, file.name)):
        for split, shard, instruction in samples_of.get(row, ()):
            yield shard, _sample(pair, split, instruction, recipe_digest)


_FACTS = tuple(field.name for field in fields(PairFacts))


def _sample(pair: FramePair, split: str, instruction: str, recipe_digest: str) -> Sample:
    """A sample. Its metadata keeps the words of the annotation, whatever the instruction is."""
    facts = {name: getattr(pair.facts, name) for name in _FACTS}
    return Sample(
        key=key_of(pair.facts.segment.id),
        original_image=pair.before_jpeg,
        edited_image=pair.after_jpeg,
        edit_prompt=instruction,
        metadata=SampleMetadata(**facts, split=split, recipe_digest=recipe_digest),
    )
