"""The data-set card of a shards folder: the Hugging Face hub shows it, and `load_dataset(FOLDER)` reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import yaml

from actionpairs import shards, templates
from actionpairs.configs import ShardConfig, SourceConfig, SplitConfig
from actionpairs.configs.merge import MergeConfig, MergedSetConfig
from actionpairs.curation import filters, instructions
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.manifest import FileDigest
from actionpairs.records import SampleMetadata, ShardIndex, Subset
from actionpairs.storage import Folder

CARD_FILE = "README.md"
_TYPES = {int: "int64", float: "float64", float | None: "float64", str: "string"}


@dataclass(frozen=True, slots=True)
class _Split:
    """A split as the card lists it; `alias` is what `datasets` calls it."""

    name: str
    alias: str
    samples: int
    actions: int


@dataclass(frozen=True, slots=True)
class MergedPart:
    """A data set of a merged one, and how many of its samples are there."""

    set: MergedSetConfig
    train: int
    held_out: int


def write_card(folder: Folder, config: ShardConfig, index: ShardIndex, assignment: SplitAssignment) -> FileDigest:
    """Write the card. Its front matter states the files of each split, and the features with their types."""
    names = _split_names(index, config.splits)
    rules = _rules(config, assignment)
    return _write(folder, index, names, config.source.license, rules, source=config.source, parts=())


def write_merged_card(
    folder: Folder,
    config: MergeConfig,
    index: ShardIndex,
    parts: Sequence[MergedPart],
    subsets: Mapping[str, Subset],
) -> FileDigest:
    """Write the card of a merged data set, with the source and the license of each of its parts."""
    names = sorted(index.samples_per_split, key=lambda name: (name != index.train_split, name))
    licenses = sorted({part.set.source.license or "unknown" for part in parts})
    rules = _merge_rules(config, parts, subsets)
    return _write(
        folder, index, names, licenses[0] if len(licenses) == 1 else licenses, rules, source=None, parts=parts
    )


# 7 parameters: the parts of a card.
def _write(
    folder: Folder,
    index: ShardIndex,
    names: Sequence[str],
    license_ids: str | list[str],
    rules: Sequence[str],
    *,
    source: SourceConfig | None,
    parts: Sequence[MergedPart],
) -> FileDigest:
    splits = [_split(name, index) for name in names]
    front = _front(index.dataset, license_ids, splits)
    card = templates.render(
        "dataset_card.md",
        front=yaml.safe_dump(front, sort_keys=False, allow_unicode=True),
        dataset=index.dataset,
        shards=index.shards,
        megabytes=sum(shard.size_bytes for shard in index.shards) / 1e6,
        splits=splits,
        source=source,
        parts=parts,
        rules=rules,
        recipe_digest=index.recipe_digest,
    ).encode()
    folder.write_bytes(CARD_FILE, card)
    return FileDigest.of(card)


def _split_names(index: ShardIndex, config: SplitConfig) -> list[str]:
    """Every split that has samples, in the recipe's order."""
    return [name for name in (*config.names, *config.subsets) if name in index.samples_per_split]


def _split(name: str, index: ShardIndex) -> _Split:
    """A split's row. The training split is called `train`, as scripts expect; `datasets` allows no hyphen."""
    alias = "train" if name == index.train_split else re.sub(r"\W", "_", name)
    return _Split(name, alias, index.samples_per_split[name], len(index.samples_per_action[name]))


def _front(dataset: str, license_ids: str | list[str], splits: list[_Split]) -> dict[str, Any]:
    return {
        **({"license": license_ids} if license_ids else {}),
        "pretty_name": dataset,
        "task_categories": ["image-to-image"],
        "tags": ["actionpairs", "webdataset", "image-editing"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split.alias, "path": _pattern(split.name, splits)} for split in splits],
            },
        ],
        # Without this, `datasets` guesses types from the first five samples, where a measure may be missing.
        "dataset_info": {"config_name": "default", "features": _features()},
    }


def _pattern(name: str, splits: list[_Split]) -> str:
    """The tars of a split. Where another split's name goes on from this one, six digits keep the two apart."""
    goes_on = any(split.name.startswith(f"{name}-") for split in splits)
    return f"{name}-{'[0-9]' * 6 if goes_on else '*'}.tar"


def _features() -> list[dict[str, Any]]:
    images = [{"name": name, "dtype": "image"} for name in (shards.ORIGINAL, shards.EDITED)]
    texts = [{"name": name, "dtype": "string"} for name in ("__key__", "__url__", shards.PROMPT)]
    return [*images, *texts, {"name": shards.METADATA, "struct": _struct(SampleMetadata)}]


def _struct(record: type) -> list[dict[str, Any]]:
    """The fields of a record as features in the hub's format."""
    return [
        {"name": name, "dtype": _TYPES[kind]} if kind in _TYPES else {"name": name, "struct": _struct(kind)}
        for name, kind in get_type_hints(record).items()
    ]


def _rules(config: ShardConfig, assignment: SplitAssignment) -> list[str]:
    """How pairs became samples, a sentence each."""
    kept = [
        f"{threshold.measure} {'≥' if threshold.is_minimum else '≤'} {threshold.bound:g}"
        for threshold in filters.thresholds(config.filters)
    ]
    rules = [f"Kept: pairs with {', '.join(kept)}." if kept else "No filter: every pair is kept."]
    bits = config.filters.near_duplicate_bits
    if bits is not None:
        rules.append(f"Of pairs whose perceptual hashes differ by at most {bits} of 128 bits, the first is kept.")
    if assignment.dropped:
        rules.append(f"Dropped: {_counted(Counter(str(item.reason) for item in assignment.dropped))}.")
    rules.append(_SPLIT_RULES[config.splits.rule].format(seed=config.splits.seed))
    for name, verbs in config.splits.unseen_verbs.items():
        rules.append(f"{name} has the verbs that never train: {', '.join(verbs)}.")
    rules += [
        f"{name}: {subset.rule}. Its samples stand in their own split too."
        for name, subset in assignment.subsets.items()
    ]
    if config.instructions is not None:
        rules.append(instructions.describe(config.instructions))
    return rules


def _merge_rules(config: MergeConfig, parts: Sequence[MergedPart], subsets: Mapping[str, Subset]) -> list[str]:
    """How samples of several data sets became one, a sentence each."""
    bits = config.near_duplicate_bits
    rules = [
        "Ids are NAME/ID, with the name of the data set and its own id. All training splits are one; the others "
        "are held out under their own names, whole.",
        f"Training samples whose perceptual hashes differ by at most {bits} of 128 bits from a held-out sample of "
        "another input are dropped"
        + (
            "."
            if config.keep_duplicates
            else ", and so are those that repeat a training sample of an earlier one."
        ),
    ]
    if config.weights:
        shares = ", ".join(f"{name} {weight:g}" for name, weight in config.weights.items())
        count = sum(part.train for part in parts)
        rules.append(
            f"{count:,} training samples are drawn by weight: {shares}; in hash order (seed {config.seed}), and "
            "none twice."
        )
    rules += [f"{old} is called {new}." for old, new in sorted(config.renamed_splits.items())]
    rules += [
        f"{name}: {subset.rule}. Its samples stand in their own split too." for name, subset in subsets.items()
    ]
    return rules


_SPLIT_RULES = {
    "paper": "Tests are drawn from all samples by hash (seed {seed}), as the paper seems to do: "
    "videos and participants stand on both sides.",
    "leak-free": "Whole participants are held out (by hash, seed {seed}): "
    "no participant or video stands on both sides.",
}


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
