"""The models that a report compares: where each lies, its name there, and its digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diffusers import StableDiffusionInstructPix2PixPipeline

from actionpairs import manifest, shards
from actionpairs.errors import ModelError, ScoreError, one_line
from actionpairs.storage import Folder


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """A model: its source as the user wrote it, its local folder, its name in the report, and its digest."""

    name: str
    source: str
    folder: Path
    digest: str

    @property
    def origin(self) -> str:
        """How a report names it: its name and its hub id, but no path, which differs by machine."""
        return self.name if self.folder == Path(self.source) else f"{self.name}: {self.source}"


def resolve(sources: Sequence[str]) -> tuple[EvaluatedModel, ...]:
    """Find every model, in the order given; a hub id is downloaded.

    Raises ModelError where one is not a pipeline, ScoreError where one is given twice.
    """
    models = []
    for source, name in zip(sources, names(sources), strict=True):
        folder = locate(source)
        models.append(EvaluatedModel(name, source, folder, manifest.folder_digest(Folder(folder))))
    return tuple(models)


def names(sources: Sequence[str]) -> tuple[str, ...]:
    """The shortest ends of the paths that differ, as file names: runs/a/model → model, or a-model."""
    paths = (Path(source).resolve() if Path(source).is_dir() else Path(source) for source in sources)
    parts = [path.parts for path in paths]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        ends = tuple(shards.key_of("-".join(part[-depth:])) for part in parts)
        if len(set(ends)) == len(ends):
            return ends
    raise ScoreError(f"A model is given twice in: {', '.join(sources)}.", cure="Give each model once.")


def locate(source: str) -> Path:
    """The folder of a pipeline on this machine; a hub id is downloaded first.

    Raises ModelError where there is neither such a folder nor such an id.
    """
    path = Path(source)
    if path.is_dir():
        if not (path / "model_index.json").is_file():
            raise ModelError(
                f"{source}: no model_index.json, so this is no diffusers pipeline.",
                cure="Give a folder that `actionpairs train` finished, a diffusers folder, or a hub id.",
            )
        return path
    try:
        return Path(StableDiffusionInstructPix2PixPipeline.download(source))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{source}: neither a folder nor a model that could be downloaded: {one_line(error)}.",
            cure="Check the path, or the hub id and the network.",
        ) from error
