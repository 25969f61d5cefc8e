"""The inputs of a merge: finished shards folders, with the names that their samples and splits get."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actionpairs import manifest
from actionpairs.configs import SourceConfig
from actionpairs.configs.merge import MergedSetConfig
from actionpairs.errors import ShardError
from actionpairs.manifest import Manifest
from actionpairs.records import ShardIndex
from actionpairs.shards.reading import load_index
from actionpairs.shards.split_columns import is_safe_name
from actionpairs.shards.tar import REMAKE
from actionpairs.storage import Folder

_NAMED = re.compile(r"([A-Za-z0-9_-]+)=(.+)")


@dataclass(frozen=True, slots=True)
class Source:
    """A shards folder that becomes part of another one.

    name: of the input; `prefix` is what its samples' ids get in front. sets: the data sets in it; more than one if
    it was merged before.
    """

    folder: Folder
    name: str
    prefix: str
    index: ShardIndex
    manifest: Manifest
    sets: tuple[MergedSetConfig, ...]

    @property
    def held_out(self) -> tuple[str, ...]:
        """All its splits but the training split, sorted."""
        return tuple(sorted(set(self.index.samples_per_split) - {self.index.train_split}))


def load_sources(inputs: Sequence[str]) -> tuple[Source, ...]:
    """Load the inputs of a merge: FOLDER, or NAME=FOLDER to give a data set another name.

    A sample's id becomes NAME/ID, with the name of its data set, and its key is the key of that. A folder that was
    merged before has such ids already and keeps them, unless it gets a NAME. Raises ShardError if a folder cannot
    be merged or two data sets have one name, StorageError if a folder is not finished or of another version.
    """
    sources = tuple(_load(each) for each in inputs)
    owners: dict[str, Source] = {}
    for source in sources:
        for name in {source.name, *(each.name for each in source.sets)}:
            if name in owners:
                raise ShardError(
                    f"{owners[name].folder} and {source.folder} both have the data set {name!r}.",
                    cure=f"Give one of them a name: NAME={source.folder}.",
                )
            owners[name] = source
    return sources


def split_names(sources: Sequence[Source], train: str, renamed: Mapping[str, str]) -> list[dict[str, str]]:
    """Of each source: split → the name that it gets. All training splits become `train`; the others keep theirs.

    renamed: INPUT/SPLIT → another name. Raises ShardError if two splits would have one name, also to `datasets`,
    which knows no hyphen and calls the training split `train`.
    """
    if not is_safe_name(train):
        raise ShardError(f"{train!r} cannot name files.", cure="Give --name letters, digits, `_` and `-`.")
    unused, names = dict(renamed), []
    places = {"train": "the training split"}
    for source in sources:
        own = (
            {source.index.train_split: train} if source.index.train_split in source.index.samples_per_split else {}
        )
        for split in source.held_out:
            place = f"{source.name}/{split}"
            own[split] = unused.pop(place, split)
            alias = re.sub(r"\W", "_", own[split])
            if not is_safe_name(own[split]) or alias in places or own[split] == train:
                other = places.get(alias, "the training split")
                why = f"has the name of {other}" if is_safe_name(own[split]) else "cannot name files"
                raise ShardError(f"The split {place} {why}.", cure=f"Rename it: --rename {place}=NEW.")
            places[alias] = place
        names.append(own)
    if unused:
        renamable = ", ".join(place for place in places.values() if "/" in place)
        raise ShardError(f"{min(unused)}: no input has this split to rename.", cure=f"Choose one of: {renamable}.")
    return names


def default_name(sources: Sequence[Source]) -> str:
    """The name of a merged data set: its inputs' names, joined."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(source.name for source in sources)).strip("-") or "merged"


def _load(text: str) -> Source:
    named = _NAMED.fullmatch(text)
    folder = Folder(named[2] if named else text)
    finished, index = manifest.load(folder, stage="shard"), load_index(folder)
    check_index(folder, index)
    name = named[1] if named else index.dataset
    config = _recipe_config(folder)
    try:
        merged = tuple(MergedSetConfig.model_validate(each) for each in config.get("sets", ()))
        if not merged:
            source = SourceConfig.model_validate(config.get("source", {}))
            merged = (MergedSetConfig(name=name, recipe_digest=index.recipe_digest, source=source),)
            return Source(folder, name, f"{_checked(folder, name)}/", index, finished, merged)
    except (ValueError, TypeError) as error:
        raise ShardError(f"{folder}/{manifest.RECIPE_FILE}: no recipe: {error}.", cure=REMAKE) from None
    if not named:
        return Source(folder, name, "", index, finished, merged)
    merged = tuple(each.model_copy(update={"name": f"{name}/{each.name}"}) for each in merged)
    return Source(folder, name, f"{name}/", index, finished, merged)


def _recipe_config(folder: Folder) -> Mapping[str, Any]:
    try:
        config = json.loads(folder.read_bytes(manifest.RECIPE_FILE))["config"]
        return dict(config)
    except (ValueError, TypeError, KeyError) as error:
        raise ShardError(f"{folder}/{manifest.RECIPE_FILE}: no recipe: {error}.", cure=REMAKE) from None


def _checked(folder: Folder, name: str) -> str:
    if not name or "/" in name or not name.isprintable():
        raise ShardError(
            f"{folder}: the name {name!r} cannot stand before an id.", cure=f"Give another: NAME={folder}."
        )
    return name


def check_index(folder: Folder, index: ShardIndex) -> None:
    """Raise ShardError for an index whose values are of other types than they should be."""
    names = [index.dataset, index.recipe_digest, index.train_split, *index.test_splits]
    counts = index.samples_per_split
    valid = isinstance(counts, dict) and all(isinstance(value, int) for value in counts.values())
    if not (valid and all(isinstance(name, str) for name in names)):
        raise ShardError(f"{folder}/index.json: not an index: a value is of another type.", cure=REMAKE)
    sizes = [(shard.name, shard.size_bytes) for shard in index.shards]
    if not all(isinstance(name, str) and isinstance(size, int) for name, size in sizes):
        raise ShardError(f"{folder}/index.json: not an index: a shard has no name or size.", cure=REMAKE)
