"""shard: frame pairs in, filtered and split WebDataset shards out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from actionpairs import manifest
from actionpairs.configs import ShardConfig
from actionpairs.curation.assignment import SplitAssignment, assign_splits
from actionpairs.executors import Executor, ExecutorName, get_executor
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.pairs import REJECTED_FILE, all_facts, write_rejections
from actionpairs.progress import Progress
from actionpairs.recipe import Recipe, load
from actionpairs.records import Sample, ShardIndex
from actionpairs.report import pairs_page
from actionpairs.shards import DatasetInfo, ShardPlan, plan_shards, write_shards
from actionpairs.shards.dataset_card import CARD_FILE, write_card
from actionpairs.shards.pair_samples import iter_samples, planned_files
from actionpairs.shards.parallel_writing import write_shards_in_parallel
from actionpairs.shards.summary import ShardSummary
from actionpairs.storage import Folder

_MAX_OPEN_SHARDS = 960  # many systems allow a process 1,024 open files


def shard(
    recipe: str | Path | Recipe,
    *,
    pairs: str,
    out: str,
    workers: int | None = 1,
    executor: ExecutorName | Executor = "local",
) -> ShardSummary:
    """Filter pairs, assign them to splits, and write them as shards.

    The bytes depend on the pairs and the recipe alone. One worker writes in one pass; several workers, or very
    many shards, take two phases. `workers=None` is one per core. The same call again starts over if it was
    interrupted, and does nothing if the stage is finished.
    """
    recipe = load(recipe)
    config = recipe.shard
    source, folder = Folder(pairs), Folder(out)
    spec = StageSpec("shard", recipe.name, config, {"pairs": manifest.load(source, stage="extract").digest})
    lost = 0
    with manifest.working(folder, spec) as finished:
        assignment = assign_splits(all_facts(source), config.filters, config.splits, where=str(source))
        if not finished:
            info = DatasetInfo.of(config)
            plan = plan_shards(assignment, samples_per_shard=config.samples_per_shard, seed=config.splits.seed)
            if workers == 1 and len(plan.names) <= _MAX_OPEN_SHARDS:
                samples = _iter_samples(source, plan, info.recipe_digest)
                index, files = write_shards(folder, samples, assignment.facts, plan, info)
            else:
                run = partial(get_executor(executor), workers=workers)
                index, files, lost = write_shards_in_parallel(source, folder, assignment.facts, plan, info, run)
            files |= _write_pages(folder, source, config, assignment, index)
            counts = {**index.samples_per_split, "dropped": len(assignment.dropped)}
            manifest.finish(folder, spec, counts=counts, files=files, subsets=assignment.subsets)
    return _summarize(out, assignment, lost)


def _iter_samples(source: Folder, plan: ShardPlan, recipe_digest: str) -> Iterator[Sample]:
    """All samples in the order of the plan, in one pass over the pairs folder."""
    with Progress(total=len(plan.rows), unit="sample", desc="shard") as bar:
        for file in planned_files(source, plan):
            for _, sample in iter_samples(source, file, recipe_digest=recipe_digest):
                yield sample
            bar.update(len(file.samples))


def _write_pages(
    folder: Folder, source: Folder, config: ShardConfig, assignment: SplitAssignment, index: ShardIndex
) -> dict[str, FileDigest]:
    """Write card, rejections and page; returns the digests of these files and of the recipe."""
    return {
        CARD_FILE: write_card(folder, config, index, assignment),
        REJECTED_FILE: write_rejections(folder, assignment.dropped),
        pairs_page.PAGE_FILE: pairs_page.write_sharded(folder, source, config.filters, assignment),
        manifest.RECIPE_FILE: FileDigest.of_file(folder, manifest.RECIPE_FILE),
    }


def _summarize(out: str, assignment: SplitAssignment, lost: int) -> ShardSummary:
    return ShardSummary(
        out,
        len(assignment.facts),
        assignment.counts,
        dict(sorted(Counter(str(item.reason) for item in assignment.dropped).items())),
        {name: len(subset.ids) for name, subset in assignment.subsets.items()},
        lost,
    )
