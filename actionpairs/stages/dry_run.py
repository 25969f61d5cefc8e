"""train --dry-run: what a training run would take. Nothing is written, and no weights are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from actionpairs.configs import EditorConfig
from actionpairs.data import examples
from actionpairs.errors import TrainingError
from actionpairs.recipe import Recipe, load
from actionpairs.storage import Folder
from actionpairs.training import dry_run, trackers
from actionpairs.training.dry_run import DryRun


def plan_training(
    recipe: str | Path | Recipe,
    *,
    shards: Sequence[str],
    device: str = "auto",
    square: bool = False,
    tracker: Sequence[str] = trackers.DEFAULT,
) -> DryRun:
    """Count what `train` would take with these options, and say where its trackers would write.

    device: weights have the type that they have there; auto stands for a GPU. Raises ActionpairsError.
    """
    tracked_by = trackers.choose(tracker)
    config = load(recipe, square=square).train
    if not isinstance(config, EditorConfig):
        raise TrainingError(
            "A dry run is for editors, and this recipe trains a recognizer.", cure="Leave --dry-run out."
        )
    pairs = examples.load_train([Folder(url) for url in shards])
    if not pairs:
        raise TrainingError("The shards have no training pairs.", cure="Give shards with a training split.")
    plan = dry_run.plan(config, pairs, on_gpu=device != "cpu")
    return replace(plan, trackers=tuple(trackers.describe(tracked_by)))
