"""eval --judge-dry-run: what a judge would be asked and what it would cost. Nothing is asked, made or written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actionpairs.configs import JudgeOptions
from actionpairs.evaluation import judge_cost, samples
from actionpairs.evaluation.judge_cost import JudgeCost
from actionpairs.evaluation.models import common_multiple, own_resolution, resolve
from actionpairs.metrics import judge_models, judge_rubrics
from actionpairs.recipe import Recipe, load
from actionpairs.storage import Folder


# 8 parameters: those of `eval` that decide what is asked
def plan(
    recipe: str | Path | Recipe,
    *,
    vlm_judge: JudgeOptions,
    models: Sequence[str] = (),
    folders: int = 0,
    shards: str,
    split: str,
    limit: int | None = None,
    square: bool = False,
) -> JudgeCost:
    """Count the questions, pictures and tokens of `eval` with these options.

    folders: how many folders of edits are scored besides the models. Raises ActionpairsError where the options are
    wrong; whether the server answers is not tried.
    """
    config = load(recipe, square=square).eval
    judge_models.settings_digest(vlm_judge, config.vlm_judge)  # raises where there can be no such judge
    chosen = samples.select(Folder(shards), split, limit=limit)
    resolved = resolve(models)
    shape_of = samples.shape_of_each(
        chosen,
        resolution=config.resolution or own_resolution(resolved),
        multiple=common_multiple(resolved),
        square=config.square,
    )
    return judge_cost.estimate(
        [each.entry.instruction for each in chosen],
        list(shape_of.values()),
        judge_rubrics.load(config.vlm_judge.rubrics),
        config.vlm_judge,
        rows=len(models) + folders + 2,  # the copy of the input and the real last frame
    )
