"""What is in a shards folder, in numbers. Computed from the tables: no tar is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from actionpairs.curation import filters
from actionpairs.curation.duplicates import find_near_pairs
from actionpairs.records import ShardIndex
from actionpairs.shards.split_columns import hashes_of, load_split
from actionpairs.storage import Folder

MEASURES = ("change", "displacement", "sharpness", "ssim", "camera_shift", "cut")
_TOP = 10
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How samples are spread over names. effective: exp(entropy), the number of equally frequent names that would
    be as varied. top: the most frequent names and their counts.
    """

    names: int
    effective: float
    top: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Quantiles of the samples that have the value, in percent → value, and how many samples lack it."""

    values: Mapping[str, float]
    missing: int


@dataclass(frozen=True, slots=True)
class SplitStatistics:
    """One split. near_duplicates: its samples that are near an earlier one of the same split. sizes: of the
    pictures in pixels, aspects: width by height; each with the number of samples. words: of an instruction.
    """

    samples: int
    videos: int
    groups: int
    near_duplicates: int
    actions: Distribution
    verbs: Distribution
    nouns: Distribution
    instructions: Distribution
    sizes: Mapping[str, int]
    aspects: Mapping[str, int]
    seconds: Quantiles
    words: Quantiles
    measures: Mapping[str, Quantiles]


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many samples of a held-out split share something with the training split."""

    split: str
    samples: int
    same_id: int
    same_video: int
    same_group: int
    same_instruction: int
    near_duplicate: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """A data set in numbers. `overlaps` is the leak report: a line per held-out split; none without a training
    split.
    """

    folder: str
    dataset: str
    shards: int
    size_bytes: int
    near_duplicate_bits: int
    train_split: str
    splits: Mapping[str, SplitStatistics]
    overlaps: tuple[Overlap, ...]


def compute_statistics(folder: Folder, index: ShardIndex, *, near_duplicate_bits: int) -> Statistics:
    """Count and measure a data set. near_duplicate_bits: of 128, by which two near-duplicates may differ."""
    names = sorted(index.samples_per_split, key=lambda name: (name != index.train_split, name))
    tables = {name: load_split(folder, index, name) for name in names}
    near = _NearPairs.among(tables, near_duplicate_bits)
    train = tables.get(index.train_split)
    return Statistics(
        folder=str(folder),
        dataset=index.dataset,
        shards=len(index.shards),
        size_bytes=sum(shard.size_bytes for shard in index.shards),
        near_duplicate_bits=near_duplicate_bits,
        train_split=index.train_split,
        splits={name: _split(rows, near.within(name)) for name, rows in tables.items()},
        overlaps=()
        if train is None
        else tuple(
            _overlap(name, train, tables[name], near.between(index.train_split, name))
            for name in names
            if name != index.train_split
        ),
    )


@dataclass(frozen=True, slots=True)
class _NearPairs:
    """All near pairs of a data set. pairs: M 2, numbers of samples; owners: N, the split of each sample."""

    pairs: NDArray[np.int64]
    owners: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def among(cls, tables: Mapping[str, pa.Table], bits: int) -> _NearPairs:
        hashes = np.concatenate([np.empty((0, 16), np.uint8), *(hashes_of(rows) for rows in tables.values())])
        owners = np.repeat(np.arange(len(tables)), [len(rows) for rows in tables.values()])
        return cls(find_near_pairs(hashes, max_bits=bits)[:, :2], owners, tuple(tables))

    def within(self, name: str) -> int:
        """How many samples of a split are near an earlier one of it."""
        return len(np.unique(self._of(name, name)[:, 1]))

    def between(self, train: str, held_out: str) -> int:
        """How many held-out samples are near a training sample, which comes first."""
        return len(np.unique(self._of(train, held_out)[:, 1]))

    def _of(self, one: str, two: str) -> NDArray[np.int64]:
        numbers = np.array([self.names.index(one), self.names.index(two)])
        matches: NDArray[np.int64] = self.pairs[(self.owners[self.pairs] == numbers).all(axis=1)]
        return matches


def _split(rows: pa.Table, near_duplicates: int) -> SplitStatistics:
    columns = rows.select(["action", "verb", "noun", "instruction", "group", "video"]).to_pydict()
    widths, heights = rows["width"].to_numpy(), rows["height"].to_numpy()
    seconds = rows["stop_seconds"].to_numpy() - rows["start_seconds"].to_numpy()
    words = np.array([len(text.split()) for text in columns["instruction"]], np.float64)
    shapes = list(zip(widths.tolist(), heights.tolist(), strict=True))
    return SplitStatistics(
        samples=len(rows),
        videos=len(set(columns["video"])),
        groups=len(set(columns["group"]) - {""}),
        near_duplicates=near_duplicates,
        actions=distribution(columns["action"]),
        verbs=distribution(columns["verb"]),
        nouns=distribution(columns["noun"]),
        instructions=distribution(columns["instruction"]),
        sizes=_top(Counter(f"{width} × {height}" for width, height in shapes)),
        aspects=_top(Counter(f"{width / max(height, 1):.2f}" for width, height in shapes)),
        seconds=quantiles(seconds),
        words=quantiles(words),
        measures={name: quantiles(filters.measure_values(rows, name)) for name in MEASURES},
    )


def distribution(names: Iterable[str]) -> Distribution:
    """How often each name comes; empty names are left out."""
    counts = Counter(name for name in names if name)
    shares = np.array(list(counts.values()), np.float64) / max(counts.total(), 1)
    effective = float(np.exp(-(shares * np.log(shares)).sum())) if counts else 0.0
    return Distribution(len(counts), round(effective, 2), _top(counts))


def quantiles(values: NDArray[np.float64]) -> Quantiles:
    """The quantiles of the values that are numbers."""
    present = values[np.isfinite(values)]
    at = _QUANTILES if len(present) else ()
    named = {f"{100 * share:g}": round(float(np.quantile(present, share)), 4) for share in at}
    return Quantiles(named, len(values) - len(present))


def _top(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP])


def _overlap(name: str, train: pa.Table, rows: pa.Table, near: int) -> Overlap:
    def shared(column: str) -> int:
        trained = pc.unique(train[column])
        inside = pc.and_(pc.is_in(rows[column], value_set=trained), pc.not_equal(rows[column], ""))
        return int(pc.sum(inside).as_py() or 0)

    return Overlap(name, len(rows), shared("id"), shared("video"), shared("group"), shared("instruction"), near)
