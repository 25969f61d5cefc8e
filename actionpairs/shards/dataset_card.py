"""The data-set card of a shards folder: the Hugging Face hub shows it, and `load_dataset(FOLDER)` reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import yaml

from actionpairs import shards, templates
from actionpairs.configs import ShardConfig, SplitConfig
from actionpairs.curation import filters
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.manifest import FileDigest
from actionpairs.records import SampleMetadata, ShardIndex
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


def write_card(folder: Folder, config: ShardConfig, index: ShardIndex, assignment: SplitAssignment) -> FileDigest:
    """Write the card. Its front matter states the files of each split, and the features with their types."""
    splits = [_split(name, index) for name in _split_names(index, config.splits)]
    card = templates.render(
        "dataset_card.md",
        front=yaml.safe_dump(_front(config, splits), sort_keys=False, allow_unicode=True),
        dataset=config.dataset,
        shards=index.shards,
        megabytes=sum(shard.size_bytes for shard in index.shards) / 1e6,
        splits=splits,
        source=config.source,
        rules=_rules(config, assignment),
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


def _front(config: ShardConfig, splits: list[_Split]) -> dict[str, Any]:
    return {
        **({"license": config.source.license} if config.source.license else {}),
        "pretty_name": config.dataset,
        "task_categories": ["image-to-image"],
        "tags": ["actionpairs", "webdataset", "image-editing"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split.alias, "path": f"{split.name}-*.tar"} for split in splits],
            },
        ],
        # Without this, `datasets` guesses types from the first five samples, where a measure may be missing.
        "dataset_info": {"config_name": "default", "features": _features()},
    }


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
    return rules


_SPLIT_RULES = {
    "paper": "Tests are drawn from all samples by hash (seed {seed}), as the paper seems to do: "
    "videos and participants stand on both sides.",
    "leak-free": "Whole participants are held out (by hash, seed {seed}): "
    "no participant or video stands on both sides.",
}


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
