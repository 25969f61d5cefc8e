"""What came of `shard`, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """What came of sharding: pairs = the samples of all splits + what the filters dropped.

    `subsets` counts the samples that stand in a second split besides their own, `unsure` the samples that could
    not be ranked for it because their displacement is unsure, `instructions` the pairs whose instruction is not
    that of extract, by where it is from, `notes` what would be too little to train on or to test with.
    """

    out: str
    pairs: int
    samples: Mapping[str, int]  # split → count
    dropped: Mapping[str, int]  # reason → count
    subsets: Mapping[str, int]  # subset → count
    lost: int = 0  # workers and nodes of a cluster that went away, and whose part was done elsewhere
    instructions: Mapping[str, int] = field(default_factory=dict)  # source → count
    unsure: Mapping[str, int] = field(default_factory=dict)  # subset → count
    notes: tuple[str, ...] = ()
