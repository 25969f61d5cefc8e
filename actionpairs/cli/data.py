"""The commands that make data sets: signature, help text, lazy import, one call."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from actionpairs.cli.options import (
    executor,
    executor_options,
    json_option,
    print_summary,
    recipe_argument,
    workers_option,
)


@click.command()
@recipe_argument
@click.option("--videos", help="Folder or URL of the videos.")
@click.option("--frames", help="Folder or URL of frames released as JPEGs (folders or tars), instead of --videos.")
@click.option("--annotations", multiple=True, required=True, help="Annotation file or folder; may be repeated.")
@click.option("--out", help="Folder for the pairs.")
@workers_option
@click.option("--limit", type=click.IntRange(min=1), help="Take only the first so many segments.")
@executor_options
@click.option("--dry-run", is_flag=True, help="Read the annotations only, and say what would be extracted.")
@json_option
def extract(
    recipe: str,
    annotations: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    executor_name: str,
    address: str | None,
    **options: Any,
) -> None:
    """Extract the first and last frame of every annotated action segment.

    \b
    Examples:
      actionpairs extract hc --annotations EPIC_100_train.csv --dry-run
      actionpairs extract hc --videos EPIC-KITCHENS --annotations EPIC_100_train.csv
          --annotations EPIC_100_verb_classes.csv --annotations EPIC_100_noun_classes.csv --out out/pairs
      actionpairs extract hc --frames EPIC-KITCHENS --annotations … --out out/pairs
    """
    from actionpairs.recipe import load

    if dry_run:
        from actionpairs.extraction import plan

        summary = plan.summarize_plan(load(recipe), annotations, limit=options["limit"])
        click.echo(json.dumps(dataclasses.asdict(summary), sort_keys=True) if as_json else plan.describe(summary))
        return
    if (options["videos"] is None) == (options["frames"] is None) or options["out"] is None:
        raise click.UsageError("--out and one of --videos and --frames are needed, except with --dry-run.")
    from actionpairs.stages.extract import extract as run

    where = executor(executor_name, address)
    print_summary(run(recipe, annotations=annotations, executor=where, **options), as_json)


@click.command()
@click.argument("pairs")
@click.option("--out", help="New folder for the result; without it, PAIRS is changed in place.")
@click.option("--force", is_flag=True, help="Also measure pairs that this very version has measured.")
@workers_option
@executor_options
@json_option
def measure(pairs: str, as_json: bool, executor_name: str, address: str | None, **options: Any) -> None:
    """Make the measures of extracted pairs again, from their stored pictures: no video is needed.

    It brings a folder of an earlier version up to date, and adds new measures to pairs that exist.

    \b
    Example:
      actionpairs measure out/pairs
    """
    from actionpairs.stages.measure import measure as run

    print_summary(run(pairs, executor=executor(executor_name, address), **options), as_json)


@click.command()
@recipe_argument
@click.option("--pairs", required=True, help="Folder that `extract` wrote.")
@click.option("--out", required=True, help="Folder for the shards.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="One by default, in one pass; more write in two phases."
)
@executor_options
@click.option("--check", "expected", help="Compare the result with a reviewed manifest.")
@json_option
# 8 parameters: one per option of the command.
def shard(
    recipe: str,
    pairs: str,
    out: str,
    workers: int | None,
    executor_name: str,
    address: str | None,
    expected: str | None,
    as_json: bool,
) -> None:
    """Filter, split and pack pairs into WebDataset shards.

    \b
    Example:
      actionpairs shard hc --pairs out/pairs --out out/shards
    """
    from actionpairs.stages.shard import shard as run

    workers = workers or (1 if executor_name != "ray" else None)
    summary = run(recipe, pairs=pairs, out=out, workers=workers, executor=executor(executor_name, address))
    print_summary(summary, as_json)
    if expected:
        from actionpairs.stages.verify import check

        check(out, expected)
        click.echo(f"as {expected} says")


@click.command()
@click.argument("shards")
@workers_option
def verify(shards: str, workers: int | None) -> None:
    """Read every sample, open every picture, hash every file again, and name the first wrong thing.

    \b
    Example:
      actionpairs verify out/shards
    """
    from actionpairs.stages.verify import verify as run

    click.echo(f"{run(shards, workers=workers):,} samples, all whole")
