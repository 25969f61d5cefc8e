"""eval --judge-dry-run: what a judge would be asked and what it would cost. Nothing is asked, made or written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actionpairs import benchmarks
from actionpairs.configs import JudgeOptions
from actionpairs.evaluation import judge_cost, samples
from actionpairs.evaluation.judge_cost import JudgeCost
from actionpairs.evaluation.models import common_multiple, own_resolution, resolve
from actionpairs.metrics import judge_models, judge_rubrics
from actionpairs.recipe import Recipe, load
from actionpairs.stages.bench import check_rubrics, load_config, load_questions
from actionpairs.storage import Folder


# 8 parameters: those of `eval --bench` that decide what is asked
def plan_benchmark(
    bench: str,
    *,
    vlm_judge: JudgeOptions,
    data: str,
    recipe: str | Path | Recipe | None = None,
    models: Sequence[str] = (),
    folders: int = 0,
    limit: int | None = None,
    square: bool = False,
) -> JudgeCost:
    """As `plan`, of a benchmark. Where only some samples have a target, a rubric that shows it asks less."""
    _, config = load_config(recipe, square=square)
    judge_models.settings_digest(vlm_judge, config.vlm_judge)
    questions = load_questions(benchmarks.load(bench, data), resolve(models), config, limit)
    check_rubrics(questions, config)
    has_targets = any(sample.target is not None for sample in questions.samples)
    return judge_cost.estimate(
        [each.instruction for each in questions.samples],
        list(questions.shape_of.values()),
        judge_rubrics.load(config.vlm_judge.rubrics),
        config.vlm_judge,
        rows=len(models) + folders + (2 if has_targets else 1),  # the copy of the input, and the target
    )


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
