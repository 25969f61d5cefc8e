"""One training run: what it is given, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from actionpairs.storage import Folder
from actionpairs.training.model_card import Card


@dataclass(frozen=True, slots=True)
class Job:
    """Where a run finds its pairs and puts its work.

    videos: what the pairs were cut from, where the recipe learns from whole segments. workers: threads that decode
    pictures ahead.
    """

    shards: tuple[Folder, ...]
    videos: Folder | None
    out: Path
    accelerator: Accelerator
    workers: int
    stop_after: int | None

    @property
    def cache(self) -> Path:
        """The folder for what is computed once; gone when the run is finished."""
        return self.out / "cache"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far a run came. A card only where it is finished and the model is in place."""

    step: int
    counts: Mapping[str, int]
    card: Card | None
