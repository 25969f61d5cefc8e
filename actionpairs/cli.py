"""The commands: signature, help text, lazy import, one call."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from actionpairs import summary_lines
from actionpairs.errors import ActionpairsError

if TYPE_CHECKING:
    from actionpairs.executors import Executor

_PANEL = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Commands(click.Group):
    """Turns every ActionpairsError into its message and cure, exit 1; --debug shows the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ActionpairsError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"error: {error.message}\n cure: {error.cure}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nstopped; run the same command again and it goes on from here.", err=True)
            ctx.exit(130)


recipe_argument = click.argument("recipe")
executor_option = click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes of this machine, or a Ray cluster.",
)
address_option = click.option("--address", help="HOST:PORT of the Ray cluster; RAY_ADDRESS or a new one without.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the summary as one line of JSON.")
device_option = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps, or auto."
)


@click.group(cls=_Commands, context_settings=_PANEL)
@click.version_option(package_name="actionpairs")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Turn annotated action videos into image-editing data sets, and train editors on them.

    RECIPE is a YAML file, or the name of one that comes with the package (hc, table, demo …). Every command
    may be stopped at any time: the same command again goes on where it stopped.
    """


@main.command()
@recipe_argument
@click.option("--videos", help="Folder or URL of the videos.")
@click.option("--frames", help="Folder or URL of frames released as JPEGs (folders or tars), instead of --videos.")
@click.option("--annotations", multiple=True, required=True, help="Annotation file or folder; may be repeated.")
@click.option("--out", help="Folder for the pairs.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; as many as there are cores by default.")
@click.option("--limit", type=click.IntRange(min=1), help="Take only the first so many segments.")
@executor_option
@address_option
@click.option("--dry-run", is_flag=True, help="Read the annotations only, and say what would be extracted.")
@json_option
def extract(
    recipe: str,
    videos: str | None,
    frames: str | None,
    annotations: tuple[str, ...],
    out: str | None,
    workers: int | None,
    limit: int | None,
    executor: str,
    address: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Cut the first and last frame of every annotated action segment.

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

        outline = plan.outline(load(recipe), annotations, limit=limit)
        click.echo(json.dumps(dataclasses.asdict(outline), sort_keys=True) if as_json else plan.describe(outline))
        return
    if (videos is None) == (frames is None) or out is None:
        raise click.UsageError("--out and one of --videos and --frames are needed, except with --dry-run.")
    from actionpairs.stages.extract import extract as run

    found = run(
        recipe,
        videos=videos,
        frames=frames,
        annotations=annotations,
        out=out,
        workers=workers,
        limit=limit,
        executor=_executor(executor, address),
    )
    _show(found, as_json)


@main.command()
@recipe_argument
@click.option("--pairs", required=True, help="Folder that `extract` wrote.")
@click.option("--out", required=True, help="Folder for the shards.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="One by default, in one pass; more write in two phases."
)
@executor_option
@address_option
@click.option("--check", "expected", help="Compare the result with a reviewed manifest.")
@json_option
def shard(
    recipe: str,
    pairs: str,
    out: str,
    workers: int | None,
    executor: str,
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

    workers = workers or (1 if executor == "local" else None)
    found = run(recipe, pairs=pairs, out=out, workers=workers, executor=_executor(executor, address))
    _show(found, as_json)
    if expected:
        from actionpairs.stages.verify import check

        check(out, expected)
        click.echo(f"as {expected} says")


@main.command()
@click.argument("shards")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; as many as there are cores by default.")
def verify(shards: str, workers: int | None) -> None:
    """Read every sample, open every picture, hash every file again, and name the first wrong thing.

    \b
    Example:
      actionpairs verify out/shards
    """
    from actionpairs.stages.verify import verify as run

    click.echo(f"{run(shards, workers=workers):,} samples, all whole")


@main.command()
@recipe_argument
@click.option("--shards", required=True, multiple=True, help="Folder that `shard` wrote; several are mixed.")
@click.option("--videos", help="Folder or URL of the videos, for a recognizer with `clips: segments`.")
@click.option("--out", required=True, help="Folder for the model.")
@device_option
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True, help="Loader threads.")
@json_option
def train(recipe: str, as_json: bool, **options: Any) -> None:
    """Fine-tune an editor, or the recognizer, as the recipe says.

    \b
    Examples:
      actionpairs train editaction --shards out/shards --out out/model
      actionpairs train recognizer --shards out/shards --out out/recognizer
      actionpairs train recognizer-segments --shards out/shards --videos VIDEOS --out out/recognizer
      torchrun --nproc-per-node 8 -m actionpairs train editaction --shards out/shards --out out/model
    """
    from actionpairs import train as run

    _show(run(recipe, **options), as_json)


def _named(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, given several times, as a mapping."""
    pairs = [value.partition("=") for value in values]
    if not all(name and sign and value for name, sign, value in pairs):
        raise click.BadParameter(f"write it as {option.metavar}.")
    named = {name: value for name, _, value in pairs}
    if len(named) < len(pairs):
        raise click.BadParameter("a name is given twice.")
    return named


@main.command(name="eval")
@recipe_argument
@click.option("--model", "models", multiple=True, help="Model folder or hub id; several compare.")
@click.option(
    "--edits", multiple=True, callback=_named, metavar="NAME=DIR", help="Predictions by other tools: DIR/KEY.png."
)
@click.option("--shards", required=True, help="Folder that `shard` wrote.")
@click.option("--split", required=True, help="Which split to score, for example LCtest500.")
@click.option("--out", required=True, help="Folder for the report.")
@click.option("--recognizer", help="Folder of a trained recognizer, for action accuracy.")
@click.option(
    "--features",
    multiple=True,
    callback=_named,
    metavar="KIND=PATH",
    help="inception, clip, dinov2, lpips.",
)
@device_option
@click.option("--limit", type=click.IntRange(min=1), help="Score only the first so many samples.")
@click.option("--study", is_flag=True, help="Also write study.html, on which people judge the edits.")
@click.option("--answers", multiple=True, metavar="FILE", help="What raters saved; the report takes it in.")
@json_option
def evaluate(
    recipe: str,
    models: tuple[str, ...],
    edits: dict[str, str],
    out: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Score models on a split: action accuracy, FID, SSIM, PSNR; a table and a page of pictures.

    The same command with --study, and later with --answers, adds what people say to a finished report.

    \b
    Examples:
      actionpairs eval hc --model out/model --shards out/shards --split HCtest500 --out out/report
      actionpairs eval hc --edits theirs=DIR --shards out/shards --split HCtest500 --out out/report --study
    """
    if not models and not edits:
        raise click.UsageError("Give a --model or --edits.")
    from actionpairs import evaluate as run

    _show(run(recipe, models=models, edits=edits, out=out, **options), as_json)
    click.echo(f"{out}/index.html", err=as_json)


@main.command()
@click.argument("model")
@click.argument("image")
@click.argument("instruction")
@click.option("--out", required=True, help="Picture to write: .png, .jpg or .webp.")
@click.option("--resolution", default=256, show_default=True, type=click.IntRange(min=8), help="Short side.")
@click.option("--steps", default=100, show_default=True, type=click.IntRange(min=1), help="Sampling steps.")
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), help="0; several make a sheet.")
@click.option("--image-guidance", multiple=True, type=float, help="s_i, 1.5; several make a sheet.")
@click.option("--text-guidance", multiple=True, type=float, help="s_c, 7.5; several make a sheet.")
@click.option("--grid", is_flag=True, help="A sheet of seeds 0 to 3 by s_c 5, 7.5, 10, where not given.")
@device_option
def edit(
    model: str,
    image: str,
    instruction: str,
    seeds: tuple[int, ...],
    image_guidance: tuple[float, ...],
    text_guidance: tuple[float, ...],
    grid: bool,
    **options: Any,
) -> None:
    """Edit one picture by an instruction; several seeds or scales make a labeled sheet.

    \b
    Example:
      actionpairs edit out/model kitchen.jpg "close the cupboard" --out closed.png
    """
    from actionpairs import edit as run

    written = run(
        model,
        image,
        instruction,
        seeds=seeds or (range(4) if grid else (0,)),
        image_guidance=image_guidance or (1.5,),
        text_guidance=text_guidance or ((5, 7.5, 10) if grid else (7.5,)),
        **options,
    )
    click.echo(written)


@main.command()
@click.option("--out", default="out/demo", show_default=True, help="Folder for everything the demo makes.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; as many as there are cores by default.")
def demo(out: str, workers: int | None) -> None:
    """Run all four commands on videos that the package renders itself; ends with a page to look at.

    \b
    Example:
      actionpairs demo --out out/demo
    """
    from actionpairs import demo as run

    click.echo(run(out=out, workers=workers))


def _executor(name: str, address: str | None) -> Executor:
    """What runs the tasks."""
    if name == "ray":
        from actionpairs.executors import ray

        return ray.at(address)
    if address:
        raise click.UsageError("--address goes with --executor ray.")
    from actionpairs.executors import local

    return local.run


def _show(summary: Any, as_json: bool) -> None:
    """Print a summary record: one line of JSON, or lines to read."""
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(summary), sort_keys=True, default=str))
        return
    for line in summary_lines.of(summary):
        click.echo(line)
