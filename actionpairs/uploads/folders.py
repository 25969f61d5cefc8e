"""Which kind of folder is pushed, by its manifest, and which of its files go up: those of the manifest alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from actionpairs import manifest
from actionpairs.errors import StorageError
from actionpairs.hub.address import Kind
from actionpairs.manifest import MANIFEST_FILE, RECIPE_FILE, FileDigest, Manifest
from actionpairs.storage import Folder

CARD_FILE = "README.md"
Content = Literal["shards", "editor", "adapters", "recognizer", "report", "leaderboard"]
_MOST_PER_FOLDER = 10_000  # the hub's limit


@dataclass(frozen=True, slots=True)
class PushedFolder:
    """A finished folder: what it holds, its manifest, and its recipe.json."""

    folder: Folder
    content: Content
    manifest: Manifest
    recipe: Mapping[str, Any]

    @property
    def kind(self) -> Kind:
        """The repository that suits it. A report is a page, so it is a static Space, which shows it."""
        if self.content == "shards":
            return "dataset"
        return "space" if self.is_report else "model"

    @property
    def is_report(self) -> bool:
        """Whether it is a page with scores."""
        return self.content in {"report", "leaderboard"}

    @property
    def config(self) -> Mapping[str, Any]:
        """The section of the recipe that made it."""
        config = self.recipe.get("config")
        return config if isinstance(config, dict) else {}


def recognize(folder: Folder) -> PushedFolder:
    """What a folder of this machine holds. Raises StorageError if it is unfinished, or is nothing to push."""
    folder.local_path()
    finished = _finished(folder)
    recipe = _recipe(folder)
    content = _content(finished, recipe)
    if content is None:
        raise StorageError(
            f"{folder}: made by `{finished.stage}`.",
            cure="Push what `shard`, `merge`, `mix`, `train`, `eval` or `compare` wrote.",
        )
    _check_names(folder, finished)
    return PushedFolder(folder, content, finished, recipe)


def check_files(pushed: PushedFolder) -> None:
    """Hash every file of the manifest again; raises StorageError with the first that is not what was written."""
    for name, expected in pushed.manifest.files.items():
        if not pushed.folder.exists(name):
            raise StorageError(
                f"{pushed.folder}/{name}: not there.", cure="Copy the folder again, or make it anew."
            )
        if FileDigest.of_file(pushed.folder, name) != expected:
            raise StorageError(
                f"{pushed.folder}/{name}: not the bytes that `{pushed.manifest.stage}` wrote.",
                cure="Copy the folder again, or make it anew. Nothing was sent.",
            )


def names(pushed: PushedFolder) -> list[str]:
    """The files that go up: those of the manifest, and what says what made them. No checkpoint, cache or log."""
    return sorted({*pushed.manifest.files, MANIFEST_FILE, RECIPE_FILE})


def _finished(folder: Folder) -> Manifest:
    if not folder.exists(MANIFEST_FILE):
        stage = _recipe(folder).get("stage") if folder.exists(RECIPE_FILE) else None
        what = f"`{stage}` has not finished here" if stage else "it is no folder that actionpairs wrote"
        raise StorageError(
            f"{folder}: no {MANIFEST_FILE}, so {what}.",
            cure="Run its command again: it continues where it stopped." if stage else "Check the path.",
        )
    stage = manifest.parse(folder.read_bytes(MANIFEST_FILE), where=f"{folder}/{MANIFEST_FILE}").stage
    return manifest.load(folder, stage=stage)


def _recipe(folder: Folder) -> Mapping[str, Any]:
    try:
        content = json.loads(folder.read_bytes(RECIPE_FILE))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise StorageError(f"{folder}/{RECIPE_FILE}: not a recipe.", cure="Copy the folder again.")
    return content


def _content(finished: Manifest, recipe: Mapping[str, Any]) -> Content | None:
    if finished.stage != "train":
        contents: dict[str, Content] = {"shard": "shards", "eval": "report", "compare": "leaderboard"}
        return contents.get(finished.stage)
    config = recipe.get("config")
    if isinstance(config, dict) and config.get("task") == "recognizer":
        return "recognizer"
    return "editor" if "model_index.json" in finished.files else "adapters"


def _check_names(folder: Folder, finished: Manifest) -> None:
    """Raise StorageError for a name that leads out of the folder, or more files than the hub takes."""
    for name in finished.files:
        path = PurePosixPath(name)
        if path.is_absolute() or {"..", "."} & set(name.split("/")) or str(path) != name:
            raise StorageError(
                f"{folder}/{MANIFEST_FILE}: {name!r} is no file of it.", cure="Make the folder anew."
            )
    for parent, count in Counter(PurePosixPath(name).parent for name in finished.files).items():
        if count > _MOST_PER_FOLDER:
            raise StorageError(
                f"{folder}/{parent}: {count:,} files, and the hub takes {_MOST_PER_FOLDER:,} in one folder.",
                cure="For shards, raise `samples_per_shard`; for a report, score fewer samples (--limit).",
            )
