"""The commands that make data sets: signature, help text, lazy import, one call."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from actionpairs.cli.completion import split_names
from actionpairs.cli.options import executor, executor_options, json_option, recipe_argument, workers_option
from actionpairs.cli.output import print_answer, print_result, print_summary
from actionpairs.exports import TARGETS


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
        print_answer(dataclasses.asdict(summary), plan.describe(summary), as_json)
        return
    if (options["videos"] is None) == (options["frames"] is None) or options["out"] is None:
        raise click.UsageError("--out and one of --videos and --frames are needed, except with --dry-run.")
    from actionpairs.stages.extract import extract as run

    where = executor(executor_name, address)
    result = run(recipe, annotations=annotations, executor=where, **options)
    print_summary(result, as_json, page=f"{result.out}/index.html")


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

    result = run(pairs, executor=executor(executor_name, address), **options)
    print_summary(result, as_json, page=f"{result.out}/index.html")


@click.command()
@recipe_argument
@click.option("--pairs", required=True, help="Folder that `extract` wrote.")
@click.option("--out", required=True, help="Folder for the shards.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="One by default, in one pass; more write in two phases."
)
@executor_options
@click.option("--check", "expected", help="Compare the result with a reviewed manifest.")
@click.option("--cache", metavar="DIR", help="Where a language model's answers are kept; in --out by default.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Questions to a language model at a time.",
)
@json_option
# 8 parameters: those that this command uses itself.
def shard(
    recipe: str,
    out: str,
    workers: int | None,
    executor_name: str,
    address: str | None,
    expected: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Filter, split and pack pairs into WebDataset shards.

    \b
    Example:
      actionpairs shard hc --pairs out/pairs --out out/shards
    """
    from actionpairs.stages.shard import shard as run

    workers = workers or (1 if executor_name != "ray" else None)
    where = executor(executor_name, address)
    summary = run(recipe, out=out, workers=workers, executor=where, **options)
    if expected:
        from actionpairs.progress import print_note
        from actionpairs.stages.verify import check

        check(out, expected)
        print_note(f"as {expected} says")
    print_summary(summary, as_json, page=f"{out}/index.html")


@click.command()
@click.argument("shards")
@workers_option
@json_option
def verify(shards: str, workers: int | None, as_json: bool) -> None:
    """Read every sample, open every picture, hash every file again, and name the first wrong thing.

    \b
    Example:
      actionpairs verify out/shards
    """
    from actionpairs.stages.verify import verify as run

    samples = run(shards, workers=workers)
    print_result({"shards": shards, "samples": samples}, f"{samples:,} samples, all whole", as_json)


@click.command()
@click.argument("shards")
@click.option(
    "--to", required=True, type=click.Choice(TARGETS), help="The layout: of a trainer, or a plain folder."
)
@click.option("--out", required=True, help="New folder for the pictures and the config.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    shell_complete=split_names,
    help="Split to export; may be repeated. All by default.",
)
@workers_option
@executor_options
@json_option
def export(shards: str, as_json: bool, executor_name: str, address: str | None, **options: Any) -> None:
    """Write shards as pictures and a config for another project's trainer.

    Every split has a folder of its own. JPEGs are copied as they are, in their own shape. The config trains on
    the training split, and has validation pictures of a test split where the trainer makes some. docs/export.md
    describes each layout.

    \b
    Examples:
      actionpairs export out/shards --to ai-toolkit --out out/ai-toolkit
      actionpairs export out/shards --to folder --split LCtest500 --out out/test
    """
    from actionpairs.stages.export import export as run

    print_summary(run(shards, executor=executor(executor_name, address), **options), as_json)
