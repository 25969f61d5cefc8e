"""The options of `eval` that concern a judge."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--judge",
        "judge_source",
        metavar="URL|local:MODEL",
        help="A vision-language model that judges edits: an OpenAI-compatible server, or a model of transformers.",
    ),
    click.option("--judge-model", metavar="NAME", help="The judge's name on its server."),
    click.option("--judge-cache", metavar="DIR", help="Where its answers are kept; in --out by default."),
    click.option(
        "--judge-concurrency",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Questions to a server at a time.",
    ),
    click.option(
        "--judge-allow-gaps", is_flag=True, help="Take means over the edits that the judge has answered for."
    ),
    click.option("--judge-dry-run", is_flag=True, help="Say what the judge would cost; nothing is asked."),
)


def judge_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a judge; the command gets `vlm_judge` and `judge_dry_run` for them."""

    @wraps(command)
    def with_judge(
        *,
        judge_source: str | None,
        judge_model: str | None,
        judge_cache: str | None,
        judge_concurrency: int,
        judge_allow_gaps: bool,
        judge_dry_run: bool,
        **options: Any,
    ) -> Any:
        chosen = None
        if judge_source is not None:
            from actionpairs.configs import JudgeOptions

            chosen = JudgeOptions(judge_source, judge_model, judge_cache, judge_concurrency, judge_allow_gaps)
        elif judge_model or judge_cache or judge_allow_gaps or judge_dry_run:
            raise click.UsageError("Options of the judge go with --judge.")
        return command(vlm_judge=chosen, judge_dry_run=judge_dry_run, **options)

    for option in reversed(_OPTIONS):
        with_judge = option(with_judge)
    return with_judge


def judge_cost(recipe: str | None, *, models: tuple[str, ...], folders: int, **options: Any) -> Any:
    """What a judge would cost with these options of `eval`; a UsageError says what is missing."""
    if options["bench"] is not None and options["data"] is not None:
        from actionpairs.stages.judge_dry_run import plan_benchmark

        inputs = {name: options[name] for name in ("vlm_judge", "data", "limit", "square")}
        return plan_benchmark(options["bench"], recipe=recipe, models=models, folders=folders, **inputs)
    if recipe is None or options["shards"] is None or options["split"] is None:
        raise click.UsageError("--judge-dry-run needs RECIPE, --shards and --split; or --bench and --data.")
    from actionpairs.stages.judge_dry_run import plan

    inputs = {name: options[name] for name in ("vlm_judge", "shards", "split", "limit", "square")}
    return plan(recipe, models=models, folders=folders, **inputs)
