"""merge: several shards folders in, one data set out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow.compute as pc
from pydantic import ValidationError

from actionpairs import manifest
from actionpairs.configs.merge import MergeConfig
from actionpairs.curation.between_sets import Role
from actionpairs.errors import ShardError
from actionpairs.executors import Executor, ExecutorName, get_executor
from actionpairs.manifest import FileDigest, StageSpec
from actionpairs.pairs import REJECTED_FILE, write_rejections
from actionpairs.shards import DatasetInfo, write_index
from actionpairs.shards.dataset_card import CARD_FILE, MergedPart, write_merged_card
from actionpairs.shards.merge_plan import MergePlan, plan_merge
from actionpairs.shards.merged_writing import write_merged_tars
from actionpairs.shards.sources import Source, default_name, load_sources
from actionpairs.storage import Folder

NEAR_DUPLICATE_BITS = 4  # other sizes and JPEG qualities of one pair differ by at most so many (docs/shards.md)


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """What came of a merge. `trained_from` counts each input's training samples, `dropped` the near-duplicates.

    `notes` are what a person should know of: what was left in although it looks alike.
    """

    out: str
    samples: Mapping[str, int]  # split → count
    trained_from: Mapping[str, int]  # input → count
    dropped: Mapping[str, int]
    notes: tuple[str, ...]
    lost: int = 0  # workers and nodes of a cluster that went away, and whose part was done elsewhere


# 10 parameters: one per option of the command.
def merge(
    shards: Sequence[str],
    *,
    out: str,
    name: str | None = None,
    rename: Mapping[str, str] | None = None,
    near_duplicate_bits: int = NEAR_DUPLICATE_BITS,
    keep_duplicates: bool = False,
    samples_per_shard: int = 1000,
    seed: int = 0,
    workers: int | None = None,
    executor: ExecutorName | Executor = "local",
) -> MergeSummary:
    """Write several finished shards folders as one.

    shards: FOLDER, or NAME=FOLDER; earlier ones are preferred where training samples repeat. name: of the new data
    set. rename: INPUT/SPLIT → another name for a held-out split. near_duplicate_bits, keep_duplicates: see
    `MergeConfig`. `workers=None` is one per core. The bytes depend on the inputs and these options alone. The same
    call again goes on where it stopped. Raises subclasses of ActionpairsError.
    """
    sources = load_sources(shards)
    config = merge_config(sources, name, rename, near_duplicate_bits, keep_duplicates, samples_per_shard, seed)
    return write_merged("merge", sources, config, out, workers=workers, executor=executor)


# 9 parameters: the options of the commands, in their order.
def merge_config(
    sources: Sequence[Source],
    name: str | None,
    rename: Mapping[str, str] | None,
    near_duplicate_bits: int,
    keep_duplicates: bool,
    samples_per_shard: int,
    seed: int,
    *,
    weights: Mapping[str, float] | None = None,
    samples: int | None = None,
) -> MergeConfig:
    """The config of a merge or a mix. Raises ShardError if an option has a value that cannot be."""
    dataset = default_name(sources) if name is None else name
    try:
        return MergeConfig(
            dataset=dataset,
            train=f"{dataset}-train",
            sets=tuple(each for source in sources for each in source.sets),
            renamed_splits=dict(rename or {}),
            near_duplicate_bits=near_duplicate_bits,
            keep_duplicates=keep_duplicates,
            seed=seed,
            samples_per_shard=samples_per_shard,
            weights=dict(weights or {}),
            samples=samples,
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise ShardError(f"{problem['loc'][0]}: {problem['msg']}.", cure="Give another value.") from None


# 6 parameters: what `merge` and `mix` share.
def write_merged(
    stage: str,
    sources: Sequence[Source],
    config: MergeConfig,
    out: str,
    *,
    workers: int | None,
    executor: ExecutorName | Executor,
) -> MergeSummary:
    """Plan and write a merged data set. stage: the command's name."""
    folder, lost = Folder(out), 0
    inputs = {f"shards {number}": source.manifest.digest for number, source in enumerate(sources)}
    spec = StageSpec("shard", stage, config, inputs)
    plan = plan_merge(sources, config)  # before the folder is touched: the cure of an error may be another option
    with manifest.working(folder, spec) as finished:
        if not finished:
            lost = _write(folder, spec, sources, config, plan, _runner(executor, workers))
    return _summarize(out, plan, lost)


def _runner(executor: ExecutorName | Executor, workers: int | None) -> Executor:
    """The executor with its number of workers; one worker is this process."""
    name = "serial" if executor == "local" and workers == 1 else executor
    return partial(get_executor(name), workers=workers)


# 6 parameters: the state of one run.
def _write(
    folder: Folder,
    spec: StageSpec,
    sources: Sequence[Source],
    config: MergeConfig,
    plan: MergePlan,
    run: Executor,
) -> int:
    """Write the data set, its manifest last; returns how many workers were lost."""
    info = DatasetInfo(config.dataset, config.digest(), config.train, plan.test_splits)
    written, lost = write_merged_tars(folder, sources, plan, run, recipe_digest=info.recipe_digest)
    index, files = write_index(folder, written, plan.rows, plan.shards, info)
    files |= {
        CARD_FILE: write_merged_card(folder, config, index, _parts(config, plan), plan.subsets),
        REJECTED_FILE: write_rejections(folder, plan.dropped),
        manifest.RECIPE_FILE: FileDigest.of_file(folder, manifest.RECIPE_FILE),
    }
    counts = {**index.samples_per_split, "dropped": len(plan.dropped)}
    manifest.finish(folder, spec, counts=counts, files=files, subsets=plan.subsets)
    return lost


def _parts(config: MergeConfig, plan: MergePlan) -> list[MergedPart]:
    """Each data set with the number of its training and its held-out samples."""
    roles = plan.rows["role"]
    parts = []
    for each in config.sets:
        of_set = roles.filter(pc.starts_with(plan.rows["id"], f"{each.name}/")).to_numpy()
        trained, held_out = (int((of_set == role).sum()) for role in (Role.TRAIN, Role.HELD_OUT))
        parts.append(MergedPart(each, trained, held_out))
    return parts


def _summarize(out: str, plan: MergePlan, lost: int) -> MergeSummary:
    leaking = len(plan.duplicates.leaking)
    dropped = {
        "repeat a held-out sample of another input": leaking,
        "repeat a training sample of an earlier input": len(plan.dropped) - leaking,
    }
    samples = {str(item["values"]): int(item["counts"]) for item in plan.rows["split"].value_counts().to_pylist()}
    return MergeSummary(out, samples, plan.trained, dropped, tuple(_notes(plan)), lost)


def _notes(plan: MergePlan) -> Iterator[str]:
    if plan.not_drawn:
        yield f"{plan.not_drawn:,} training samples were not drawn"
    if kept := len(plan.duplicates.repeated) + len(plan.duplicates.leaking) - len(plan.dropped):
        yield f"{kept:,} training samples repeat one of an earlier input, and stay"
    if plan.duplicates.held_out:
        yield f"{plan.duplicates.held_out:,} held-out samples repeat one of an earlier input, and stay"
    if plan.shared_videos:
        yield (
            f"{plan.shared_videos:,} training samples are of videos named like a held-out sample's of another "
            "input: if they are the same videos, they leak"
        )
