"""shard: frame pairs in, filtered and split WebDataset shards out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from actionpairs import manifest
from actionpairs.configs import ShardConfig, TemplateInstructions
from actionpairs.curation.assignment import SplitAssignment, assign_splits
from actionpairs.curation.instructions import from_templates
from actionpairs.curation.rewriting import Asking, rewritten
from actionpairs.errors import StorageError
from actionpairs.executors import Executor, ExecutorName, get_executor
from actionpairs.language_models import ChatClient
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

_FEW_TO_TRAIN, _FEW_TO_TEST = 50, 10  # pairs
_MAX_OPEN_SHARDS = 960  # many systems allow a process 1,024 open files
_CACHE_FOLDER = "language_model"
_INSTRUCTIONS = "instructions: "  # before the names of their counts in the manifest


# 7 parameters: those of the other stages, and two for the recipes that ask a language model.
def shard(
    recipe: str | Path | Recipe,
    *,
    pairs: str,
    out: str,
    workers: int | None = 1,
    executor: ExecutorName | Executor = "local",
    cache: str | Path | None = None,
    concurrency: int = 8,
) -> ShardSummary:
    """Filter pairs, assign them to splits, and write them as shards.

    The bytes depend on the pairs and the recipe alone, and on a language model's answers if the recipe asks one.
    One worker writes in one pass; several workers, or very many shards, take two phases. `workers=None` is one per
    core. cache: a local folder for a language model's answers, by default in `out`; concurrency: questions at a
    time. The same call again starts over if it was interrupted, with the answers that it has, and does nothing if
    the stage is finished.
    """
    recipe = load(recipe)
    config = recipe.shard
    source, folder = Folder(pairs), Folder(out)
    spec = StageSpec("shard", recipe.name, config, {"pairs": manifest.load(source, stage="extract").digest})
    with manifest.working(folder, spec) as finished:
        assignment = assign_splits(all_facts(source), config.filters, config.splits, where=str(source))
        if finished:
            return _summarize(out, config, assignment, _instruction_counts(finished.counts))
        assignment, instructions = _with_instructions(assignment, config, folder, cache, concurrency)
        index, files, lost = _write(source, folder, config, assignment, executor, workers)
        files |= _write_pages(folder, source, config, assignment, index)
        counts = {**index.samples_per_split, "dropped": len(assignment.dropped)}
        counts |= {f"{_INSTRUCTIONS}{name}": count for name, count in instructions.items()}
        manifest.finish(folder, spec, counts=counts, files=files, subsets=assignment.subsets)
    return _summarize(out, config, assignment, instructions, lost)


def _write(
    source: Folder,
    folder: Folder,
    config: ShardConfig,
    assignment: SplitAssignment,
    executor: ExecutorName | Executor,
    workers: int | None,
) -> tuple[ShardIndex, dict[str, FileDigest], int]:
    """Write tars, tables and index; also returns their digests, and how many workers were lost."""
    info = DatasetInfo.of(config)
    plan = plan_shards(assignment, samples_per_shard=config.samples_per_shard, seed=config.splits.seed)
    if workers == 1 and len(plan.names) <= _MAX_OPEN_SHARDS:
        samples = _iter_samples(source, plan, assignment.facts, info.recipe_digest)
        return *write_shards(folder, samples, assignment.facts, plan, info), 0
    run = partial(get_executor(executor), workers=workers)
    return write_shards_in_parallel(source, folder, assignment.facts, plan, info, run)


def _with_instructions(
    assignment: SplitAssignment, config: ShardConfig, folder: Folder, cache: str | Path | None, concurrency: int
) -> tuple[SplitAssignment, Mapping[str, int]]:
    """The assignment with the recipe's instructions in its facts, and where they are from: source → count."""
    if config.instructions is None:
        return assignment, {}
    kept = assignment.split_numbers >= 0
    if isinstance(config.instructions, TemplateInstructions):
        instructions = from_templates(assignment.facts, kept, config.instructions)
    else:
        asking = Asking(_cache_folder(folder, cache), concurrency)
        model = ChatClient(config.instructions.server)
        instructions = rewritten(assignment.facts, kept, config.instructions, model, asking)
    return replace(assignment, facts=instructions.replaced_in(assignment.facts)), instructions.counts


def _cache_folder(folder: Folder, cache: str | Path | None) -> Path:
    if cache is not None:
        return Path(cache)
    if not folder.is_local:
        raise StorageError(
            f"{folder}: a language model's answers are kept on this machine's disk.",
            cure="Give a folder for them: --cache DIR.",
        )
    return folder.local_path(_CACHE_FOLDER)


def _instruction_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Source → count, from the counts of a manifest."""
    prefix = _INSTRUCTIONS
    return {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}


def _iter_samples(source: Folder, plan: ShardPlan, facts: pa.Table, recipe_digest: str) -> Iterator[Sample]:
    """All samples in the order of the plan, in one pass over the pairs folder."""
    with Progress(total=len(plan.rows), unit="sample", desc="shard") as bar:
        for file in planned_files(source, plan, facts):
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


def _summarize(
    out: str, config: ShardConfig, assignment: SplitAssignment, instructions: Mapping[str, int], lost: int = 0
) -> ShardSummary:
    return ShardSummary(
        out,
        len(assignment.facts),
        assignment.counts,
        dict(sorted(Counter(str(item.reason) for item in assignment.dropped).items())),
        {name: len(subset.ids) for name, subset in assignment.subsets.items()},
        lost,
        instructions,
        assignment.unsure,
        tuple(_notes(config, assignment.counts)),
    )


def _notes(config: ShardConfig, counts: Mapping[str, int]) -> Iterator[str]:
    """What is so little that training or scores say nothing."""
    pairs = counts.get(config.splits.train, 0)
    if pairs < _FEW_TO_TRAIN:
        yield f"{config.splits.train} has {pairs:,} pairs: an editor learns little from fewer than about 100."
    for name in config.splits.tests:
        if counts.get(name, 0) < _FEW_TO_TEST:
            yield f"{name} has {counts.get(name, 0):,} pairs: scores of so few say little; 100 or more are better."
