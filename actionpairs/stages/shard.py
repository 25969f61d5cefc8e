"""shard: frame pairs in, filtered and split WebDataset shards out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from actionpairs import duplicates, manifest, pairs, selection, shards, splits
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.duplicates import Duplicate
from actionpairs.errors import ShardError
from actionpairs.executors import Executor, local
from actionpairs.manifest import FileDigest, Order
from actionpairs.pairs import all_facts
from actionpairs.progress import Progress
from actionpairs.recipe import Recipe, load
from actionpairs.records import (
    FramePair,
    PairFacts,
    Places,
    Reason,
    Rejection,
    Sample,
    SampleMetadata,
    ShardIndex,
)
from actionpairs.stages import dataset_card, pairs_page, shuffle
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """What came of sharding: pairs = the samples of all splits + what the filters dropped.

    `subsets` counts the samples that stand in a second split besides their own.
    """

    out: str
    pairs: int
    samples: Mapping[str, int]  # split → count
    dropped: Mapping[str, int]  # reason → count
    subsets: Mapping[str, int]  # subset → count


def shard(
    recipe: str | Path | Recipe,
    *,
    pairs: str,
    out: str,
    workers: int | None = 1,
    executor: Executor = local.run,
) -> ShardSummary:
    """Filter, split and pack pairs; bytes depend on the pairs and the recipe alone.

    One worker writes in one pass, more of them in two phases (see shuffle.py); None is all that there are. The
    same call again starts over where it was cut off, and does nothing where all is done.
    """
    recipe = load(recipe)
    config = recipe.shard
    source = Folder(pairs)
    order = Order("shard", recipe.name, config, {"pairs": manifest.read(source, stage="extract").digest})
    folder = Folder(out)
    with manifest.working(folder, order) as finished:
        known = all_facts(source)
        kept, dropped = _filtered(known, config)
        places = _placed(kept, dropped, config, where=str(source))
        if not finished:
            written = _written(source, folder, config, places, executor=executor, workers=workers)
            _finish(source, folder, order, config, known, places, written)
        return ShardSummary(
            out,
            len(places.split_of) + len(places.dropped),
            dict(sorted(Counter(places.split_of.values()).items())),
            dict(sorted(Counter(str(item.reason) for item in places.dropped).items())),
            {name: len(subset.ids) for name, subset in places.subsets.items()},
        )


_Written = tuple[ShardIndex, dict[str, FileDigest]]


def _written(
    source: Folder,
    folder: Folder,
    config: ShardConfig,
    places: Places,
    *,
    executor: Executor,
    workers: int | None,
) -> _Written:
    """Write shards, tables and index, in one pass or in two phases."""
    digest, shard_of = config.digest(), _spread(places, config)
    if workers == 1:
        packed = shards.pack(folder, _samples(source, places, digest), shard_of=shard_of)
    else:
        packed = shuffle.write(
            source,
            folder,
            places,
            shard_of,
            _samples_of,
            recipe_digest=digest,
            executor=executor,
            workers=workers,
        )
    return shards.write_index(folder, packed, dataset=config.dataset, recipe_digest=digest)


def _finish(
    source: Folder,
    folder: Folder,
    order: Order,
    config: ShardConfig,
    known: Sequence[PairFacts],
    places: Places,
    written: _Written,
) -> None:
    index, files = written
    files[dataset_card.CARD_FILE] = dataset_card.write(folder, config, index, places)
    files[pairs.REJECTED_FILE] = pairs.write_rejections(folder, places.dropped)
    files[pairs_page.PAGE_FILE] = pairs_page.write_sharded(folder, source, known, config, places)
    files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
    counts = {**index.samples_per_split, "dropped": len(places.dropped)}
    manifest.finish(folder, order, counts=counts, files=files, subsets=places.subsets)


def _filtered(known: Sequence[PairFacts], config: ShardConfig) -> tuple[list[PairFacts], list[Rejection]]:
    kept: list[PairFacts] = []
    dropped: list[Rejection] = []
    for facts in known:
        verdict = selection.judge(facts, config.filters)
        if verdict is None:
            kept.append(facts)
        else:
            dropped.append(_dropped(facts, *verdict))
    return kept, dropped


def _placed(kept: Sequence[PairFacts], dropped: Sequence[Rejection], config: ShardConfig, *, where: str) -> Places:
    """Take near-duplicates out, split what is left, and choose the subsets.

    Near-duplicates go before anything is split: so no split holds one of another, and the tests are full.
    """
    ordered = sorted(kept, key=lambda facts: (facts.segment.video, facts.segment.start_seconds, facts.segment.id))
    near: list[Duplicate] = []
    if config.filters.near_duplicate_bits is not None and ordered:
        hashes = duplicates.pack([(item.measures.hash_before, item.measures.hash_after) for item in ordered])
        near = duplicates.later(hashes, most_bits=config.filters.near_duplicate_bits)
    gone = {item.index for item in near}
    left = [facts for index, facts in enumerate(ordered) if index not in gone]
    split_of = _split(left, config.splits, where=where)
    late = [_near_duplicate(ordered, item, split_of) for item in near]
    subsets = {
        name: splits.choose([facts for facts in left if split_of[facts.segment.id] == subset.of], subset)
        for name, subset in config.splits.subsets.items()
    }
    repeats = {ordered[item.index].segment.id: ordered[item.of].segment.id for item in near}
    every = sorted([*dropped, *late], key=lambda item: item.segment_id)
    return Places(split_of, subsets, tuple(every), repeats)


def _near_duplicate(ordered: Sequence[PairFacts], near: Duplicate, split_of: Mapping[str, str]) -> Rejection:
    other = ordered[near.of].segment.id
    detail = f"{near.bits} of 128 bits differ from {other} ({split_of[other]})"
    return _dropped(ordered[near.index], Reason.NEAR_DUPLICATE, detail)


def _dropped(facts: PairFacts, reason: Reason, detail: str) -> Rejection:
    return Rejection(facts.segment.id, facts.segment.video, "shard", reason, detail)


def _split(kept: Sequence[PairFacts], config: SplitConfig, *, where: str) -> dict[str, str]:
    """Segment id → split, for every pair that is kept."""
    split_of = splits.assign([facts.segment for facts in kept], config)
    sizes = Counter(split_of.values())
    if not sizes[config.train] or any(sizes[name] < count for name, count in config.tests.items()):
        raise ShardError(
            f"{where}: {len(kept)} pairs are kept, but the test splits hold out {sum(config.tests.values())}, "
            f"which leaves {sizes[config.train]} to train.",
            cure="Extract more, loosen `shard.filters`, or hold out less in `shard.splits`.",
        )
    return split_of


def _spread(places: Places, config: ShardConfig) -> dict[tuple[str, str], str]:
    """(split, key) → shard: samples of a split lie in hash order, so that every shard is a fair sample of it."""
    shard_of: dict[tuple[str, str], str] = {}
    filled: Counter[str] = Counter()
    ids_of_key: dict[str, str] = {}
    for segment_id in sorted(places.split_of, key=lambda item: splits.rank(item, seed=config.splits.seed)):
        key = shards.key_of(segment_id)
        if key in ids_of_key:
            raise ShardError(
                f"the ids {ids_of_key[key]!r} and {segment_id!r} make one tar key.", cure="Rename one of them."
            )
        ids_of_key[key] = segment_id
        for split in places.splits_of(segment_id):
            shard_of[split, key] = shards.shard_name(split, filled[split] // config.samples_per_shard)
            filled[split] += 1
    return shard_of


def _samples(source: Folder, places: Places, recipe_digest: str) -> Iterator[Sample]:
    """The kept pairs as samples, once for every split that they are in, in one pass over the videos' files."""
    with Progress(total=len(places.split_of), unit="pair", desc="shard") as bar:
        for name in pairs.names(source):
            for pair in pairs.read(source, name):
                found = places.splits_of(pair.facts.segment.id)
                yield from _samples_of(pair, found, recipe_digest)
                bar.update(bool(found))


def _samples_of(pair: FramePair, splits: Sequence[str], recipe_digest: str) -> Iterator[Sample]:
    """A pair as samples, one for each of its splits."""
    segment = pair.facts.segment
    known = {field.name: getattr(pair.facts, field.name) for field in fields(pair.facts)}
    for split in splits:
        yield Sample(
            key=shards.key_of(segment.id),
            original_image=pair.before_jpeg,
            edited_image=pair.after_jpeg,
            edit_prompt=segment.instruction,
            metadata=SampleMetadata(**known, split=split, recipe_digest=recipe_digest),
        )
