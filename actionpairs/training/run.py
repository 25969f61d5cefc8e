"""One training run: where it reads and writes, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from accelerate import Accelerator

from actionpairs.storage import Folder
from actionpairs.training.model_card import ModelCard
from actionpairs.training.trackers import Trackers


@dataclass(frozen=True, slots=True)
class TrainRun:
    """Where a run reads and writes, and on which device.

    videos: the folder that the pairs were extracted from, if the recipe trains on whole segments. cache: the
    folder of latents, embeddings and decoded pictures. workers: threads that decode pictures. stop_after: stop
    after so many steps, with a checkpoint. trackers: told of every step, in the main process alone.
    """

    shards: tuple[Folder, ...]
    videos: Folder | None
    out: Path
    cache: Path
    accelerator: Accelerator
    workers: int
    stop_after: int | None
    trackers: Trackers = field(default_factory=Trackers)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How many steps are done. card: None until the run is finished and the model is in its folder."""

    step: int
    counts: Mapping[str, int]
    card: ModelCard | None
