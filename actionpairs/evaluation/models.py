"""The models that a report compares: where each lies, its name there, and its digest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from actionpairs import manifest, shards
from actionpairs.editors import families
from actionpairs.errors import ScoreError
from actionpairs.manifest import FileDigest
from actionpairs.storage import Folder
from actionpairs.training import without_weights


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """A model: its source as the user wrote it, its folder or file, its name in the report, and its digest."""

    name: str
    source: str
    path: Path
    digest: str

    @property
    def origin(self) -> str:
        """How a report names it: its name and its hub id, but no path, which differs by machine."""
        is_local = self.path == Path(self.source) or self.name == self.source
        return self.name if is_local else f"{self.name}: {self.source}"


def resolve(sources: Sequence[str]) -> tuple[EvaluatedModel, ...]:
    """Find every model, in the order given; a hub id is downloaded.

    Raises ModelError where there is no such model, ScoreError where one is given twice.
    """
    models = []
    for source, name in zip(sources, names(sources), strict=True):
        path = families.located(source)
        models.append(EvaluatedModel(name, source, path, _digest(path)))
    return tuple(models)


def own_resolution(models: Sequence[EvaluatedModel]) -> int:
    """The size that the models were trained at. Raises ScoreError if they differ, or there are none."""
    sizes = {model.name: families.defaults(str(model.path)).resolution for model in models}
    if len(set(sizes.values())) == 1:
        return next(iter(sizes.values()))
    each = ", ".join(f"{name} at {size}" for name, size in sizes.items())
    raise ScoreError(
        f"The models were trained at different sizes ({each})."
        if sizes
        else "No model says at which size to score.",
        cure="Set `eval.resolution`.",
    )


def common_multiple(models: Sequence[EvaluatedModel]) -> int:
    """The number of pixels of which both sides of a picture are multiples, for all of these models."""
    return math.lcm(_MULTIPLE, *(_multiple(model.path) for model in models))


_MULTIPLE = 8  # of pictures that no model of ours edits
_OF_FILES = 16  # a checkpoint file has no configs; no model needs more


def _multiple(path: Path) -> int:
    base = families.base_of(str(path))
    return _OF_FILES if Path(base).is_file() else without_weights.of_model(base).multiple


def _digest(path: Path) -> str:
    """The digest of a model's folder or file."""
    if path.is_dir():
        return manifest.folder_digest(Folder(path))
    return FileDigest.of_file(Folder(path.parent), path.name).sha256[:16]


def names(sources: Sequence[str]) -> tuple[str, ...]:
    """The shortest ends of the paths that differ, as file names: runs/a/model → model, or a-model."""
    paths = (Path(source).resolve() if Path(source).is_dir() else Path(source) for source in sources)
    parts = [path.parts for path in paths]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        ends = tuple(shards.key_of("-".join(part[-depth:])) for part in parts)
        if len(set(ends)) == len(ends):
            return ends
    raise ScoreError(f"A model is given twice in: {', '.join(sources)}.", cure="Give each model once.")
