"""shard: frame pairs in, filtered and split WebDataset shards out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from tqdm import tqdm

from actionpairs import manifest, pairs, selection, shards, splits
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.errors import ShardError
from actionpairs.manifest import FileDigest, Order
from actionpairs.recipe import Recipe, load
from actionpairs.records import PairFacts, Rejection, Sample, SampleMetadata
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """What came of sharding: pairs = the samples of all splits + what the filters dropped."""

    out: str
    pairs: int
    samples: Mapping[str, int]  # split → count
    dropped: Mapping[str, int]  # reason → count


def shard(recipe: str | Path | Recipe, *, pairs: str, out: str) -> ShardSummary:
    """Filter, split and pack pairs; bytes depend on the pairs and the recipe alone.

    The same call again starts over where it was cut off, and does nothing where all is done.
    """
    recipe = load(recipe)
    config = recipe.shard
    source = Folder(pairs)
    order = Order("shard", recipe.name, config, {"pairs": manifest.read(source, stage="extract").digest})
    folder = Folder(out)
    with manifest.working(folder, order) as finished:
        kept, dropped = _filtered(source, config)
        split_of = _split(kept, config.splits, where=str(source))
        if not finished:
            _pack(source, folder, order, config, split_of, dropped)
        return ShardSummary(
            out,
            len(kept) + len(dropped),
            dict(sorted(Counter(split_of.values()).items())),
            dict(sorted(Counter(str(item.reason) for item in dropped).items())),
        )


def _pack(
    source: Folder,
    folder: Folder,
    order: Order,
    config: ShardConfig,
    split_of: Mapping[str, str],
    dropped: Sequence[Rejection],
) -> None:
    index, files = shards.write(
        folder,
        _samples(source, split_of, order.config.digest()),
        shard_of=_spread(split_of, config),
        dataset=config.dataset,
        recipe_digest=order.config.digest(),
    )
    files[pairs.REJECTED_FILE] = pairs.write_rejections(folder, dropped)
    files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
    counts = {**index.samples_per_split, "dropped": len(dropped)}
    manifest.finish(folder, order, counts=counts, files=files)


def _filtered(source: Folder, config: ShardConfig) -> tuple[list[PairFacts], list[Rejection]]:
    kept: list[PairFacts] = []
    dropped: list[Rejection] = []
    for name in pairs.names(source):
        for facts in pairs.facts(source, name):
            verdict = selection.judge(facts, config.filters)
            if verdict is None:
                kept.append(facts)
            else:
                dropped.append(Rejection(facts.segment.id, facts.segment.video, "shard", *verdict))
    return kept, sorted(dropped, key=lambda item: item.segment_id)


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


def _spread(split_of: Mapping[str, str], config: ShardConfig) -> dict[str, str]:
    """Key → shard: samples of a split lie in hash order, so that every shard is a fair sample of it."""
    shard_of: dict[str, str] = {}
    filled: Counter[str] = Counter()
    ids_of_key: dict[str, str] = {}
    for segment_id in sorted(split_of, key=lambda item: splits.rank(item, seed=config.splits.seed)):
        split, key = split_of[segment_id], shards.key_of(segment_id)
        if key in ids_of_key:
            raise ShardError(
                f"the ids {ids_of_key[key]!r} and {segment_id!r} make one tar key.", cure="Rename one of them."
            )
        ids_of_key[key] = segment_id
        shard_of[key] = shards.shard_name(split, filled[split] // config.samples_per_shard)
        filled[split] += 1
    return shard_of


def _samples(source: Folder, split_of: Mapping[str, str], recipe_digest: str) -> Iterator[Sample]:
    """The kept pairs as samples, in one pass over the videos' files."""
    with tqdm(total=len(split_of), unit="pair", desc="shard") as bar:
        for name in pairs.names(source):
            for pair in pairs.read(source, name):
                segment = pair.facts.segment
                if segment.id not in split_of:
                    continue
                known = {field.name: getattr(pair.facts, field.name) for field in fields(pair.facts)}
                yield Sample(
                    key=shards.key_of(segment.id),
                    original_image=pair.before_jpeg,
                    edited_image=pair.after_jpeg,
                    edit_prompt=segment.instruction,
                    metadata=SampleMetadata(**known, split=split_of[segment.id], recipe_digest=recipe_digest),
                )
                bar.update()
