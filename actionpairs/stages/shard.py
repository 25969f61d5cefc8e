"""shard: frame pairs in, filtered and split WebDataset shards out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from actionpairs import manifest, shards
from actionpairs.configs import ShardConfig
from actionpairs.curation import assignment
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.executors import Executor, local
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.pairs import REJECTED_FILE, all_facts, write_rejections
from actionpairs.progress import Progress
from actionpairs.recipe import Recipe, load
from actionpairs.records import Sample, ShardIndex
from actionpairs.report import pairs_page
from actionpairs.shards import dataset_card, parallel_writing, shard_plan
from actionpairs.shards.shard_plan import ShardPlan
from actionpairs.shards.summary import ShardSummary
from actionpairs.storage import Folder

_MOST_OPEN = 960  # shards written at once; many systems allow a process 1,024 files


def shard(
    recipe: str | Path | Recipe,
    *,
    pairs: str,
    out: str,
    workers: int | None = 1,
    executor: Executor = local.run,
) -> ShardSummary:
    """Filter, split and pack pairs; bytes depend on the pairs and the recipe alone.

    One worker writes in one pass; more of them, and one that has very many shards, in two phases.
    None is all workers that there are. The same call again starts over where it was cut off, and does nothing
    where all is done.
    """
    recipe = load(recipe)
    config = recipe.shard
    source = Folder(pairs)
    order = StageSpec("shard", recipe.name, config, {"pairs": manifest.read(source, stage="extract").digest})
    folder = Folder(out)
    with manifest.working(folder, order) as finished:
        places = assignment.place(all_facts(source), config, where=str(source))
        lost = 0
        if not finished:
            index, files, lost = _packed(source, folder, places, config, executor=executor, workers=workers)
            files[dataset_card.CARD_FILE] = dataset_card.write(folder, config, index, places)
            files[REJECTED_FILE] = write_rejections(folder, places.dropped)
            files[pairs_page.PAGE_FILE] = pairs_page.write_sharded(folder, source, config, places)
            files[manifest.RECIPE_FILE] = FileDigest.of_file(folder, manifest.RECIPE_FILE)
            counts = {**index.samples_per_split, "dropped": len(places.dropped)}
            manifest.finish(folder, order, counts=counts, files=files, subsets=places.subsets)
        return ShardSummary(
            out,
            len(places.known),
            places.counts,
            dict(sorted(Counter(str(item.reason) for item in places.dropped).items())),
            {name: len(subset.ids) for name, subset in places.subsets.items()},
            lost,
        )


def _packed(
    source: Folder,
    folder: Folder,
    places: SplitAssignment,
    config: ShardConfig,
    *,
    executor: Executor,
    workers: int | None,
) -> tuple[ShardIndex, dict[str, FileDigest], int]:
    """Write shards, tables and index, in one pass or in two phases; counts the workers that were lost, too."""
    digest, seated = config.digest(), shard_plan.spread(places, config)
    if workers == 1 and len(seated.names) <= _MOST_OPEN:
        packed, lost = shards.pack(folder, _samples(source, seated, digest)), 0
    else:
        packed, lost = parallel_writing.write(
            source, folder, seated, recipe_digest=digest, executor=executor, workers=workers
        )
    index, files = shards.write_index(
        folder,
        packed,
        lambda name: places.known.take(seated.rows_of(name)),
        dataset=config.dataset,
        recipe_digest=digest,
    )
    return index, files, lost


def _samples(source: Folder, seated: ShardPlan, recipe_digest: str) -> Iterator[tuple[str, Sample]]:
    """All samples, each with the name of its shard, in one pass over the videos' files."""
    with Progress(total=len(seated.rows), unit="sample", desc="shard") as bar:
        for file in shard_plan.files(source, seated):
            yield from shard_plan.samples(source, file, recipe_digest=recipe_digest)
            bar.update(len(file.seats))
