"""The commands for whole data sets: several as one, and one in numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import click

from actionpairs.cli.options import executor, executor_options, json_option, named_values, workers_option
from actionpairs.cli.output import print_answer, print_summary

_bits_option = click.option(
    "--near-duplicate-bits",
    type=click.IntRange(0, 16),
    default=4,
    show_default=True,
    help="By how many of their hashes' 128 bits two near-duplicates may differ.",
)
_merge_options = (
    click.option("--out", required=True, help="Folder for the new shards."),
    click.option("--name", help="Name of the new data set; without it, the names of the inputs, joined."),
    click.option(
        "--rename",
        multiple=True,
        callback=named_values,
        metavar="INPUT/SPLIT=NEW",
        help="Another name for a held-out split; may be repeated.",
    ),
    _bits_option,
    click.option(
        "--keep-duplicates",
        is_flag=True,
        help="Keep training samples that repeat another input's; those that repeat held-out ones go anyway.",
    ),
    click.option("--samples-per-shard", type=click.IntRange(min=1), default=1000, show_default=True),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the order of the samples."),
    workers_option,
    executor_options,
    json_option,
)


def _with_merge_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_merge_options):
        command = option(command)
    return command


@click.command()
@click.argument("shards", nargs=-1, required=True, metavar="[NAME=]FOLDER...")
@_with_merge_options
def merge(shards: tuple[str, ...], as_json: bool, executor_name: str, address: str | None, **options: Any) -> None:
    """Write several shards folders as one: one training split, and every held-out split under its own name.

    A sample's id becomes NAME/ID. Training samples that repeat a held-out sample of another folder are dropped,
    and so are those that repeat a training sample of an earlier one.

    \b
    Examples:
      actionpairs merge out/lc out/hc --out out/both
      actionpairs merge old=out/lc new=out/lc2 --rename new/LCtest500=LCtest500b --out out/both
    """
    from actionpairs.stages.merge import merge as run

    print_summary(run(shards, executor=executor(executor_name, address), **options), as_json)


@click.command()
@click.argument("shards", nargs=-1, required=True, metavar="[NAME=]FOLDER=WEIGHT...")
@click.option(
    "--samples", type=click.IntRange(min=1), help="Training samples; without it, as many as the weights allow."
)
@_with_merge_options
def mix(shards: tuple[str, ...], as_json: bool, executor_name: str, address: str | None, **options: Any) -> None:
    """As merge, with a part of the training samples of each folder, by weight; none is taken twice.

    Held-out splits stay whole. With the same seed, more --samples keep all that fewer take.

    \b
    Examples:
      actionpairs mix out/lc=0.7 out/hc=0.3 --samples 10000 --out out/mixed
      actionpairs mix out/lc=1 out/hc=1 --out out/even
    """
    from actionpairs.stages.mix import mix as run

    print_summary(run(_weights(shards), executor=executor(executor_name, address), **options), as_json)


@click.command()
@click.argument("shards")
@_bits_option
@json_option
def stats(shards: str, near_duplicate_bits: int, as_json: bool) -> None:
    """Count and measure a data set, and say what its held-out splits share with the training split.

    Only tables are read, no pictures.

    \b
    Example:
      actionpairs stats out/shards
    """
    from actionpairs.shards.statistics_text import format_statistics
    from actionpairs.stages.stats import stats as run

    statistics = run(shards, near_duplicate_bits=near_duplicate_bits)
    print_answer(dataclasses.asdict(statistics), format_statistics(statistics), as_json)


def _weights(texts: tuple[str, ...]) -> dict[str, float]:
    """FOLDER=WEIGHT, several times, as a mapping."""
    weights: dict[str, float] = {}
    for text in texts:
        folder, sign, weight = text.rpartition("=")
        try:
            value = float(weight)
        except ValueError:
            sign = ""
        if not sign or not folder or folder in weights:
            raise click.UsageError(f"{text}: write each folder once, as FOLDER=WEIGHT.")
        weights[folder] = value
    return weights
