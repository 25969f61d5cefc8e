"""The commands that train, score and use models: signature, help text, lazy import, one call."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import click

from actionpairs.cli.completion import split_names
from actionpairs.cli.judges import judge_cost, judge_options
from actionpairs.cli.options import (
    device_option,
    json_option,
    named_values,
    recipe_argument,
    workers_option,
)
from actionpairs.cli.output import print_answer, print_facts, print_result, print_summary, print_tables


@click.command()
@recipe_argument
@click.option("--shards", required=True, multiple=True, help="Folder that `shard` wrote; several are mixed.")
@click.option("--videos", help="Folder or URL of the videos, for a recognizer with `clips: segments`.")
@click.option("--out", help="Folder for the model.")
@device_option
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True, help="Loader threads.")
@click.option(
    "--cache", metavar="DIR", help="Encoded pairs that several runs share; it stays. Default: of this run."
)
@click.option("--square", is_flag=True, help="Crop pictures to squares, as the paper's recipes do.")
@click.option(
    "--tracker",
    type=click.Choice(["tensorboard", "wandb", "trackio", "none"]),
    multiple=True,
    default=["tensorboard"],
    show_default=True,
    help="Where losses and sample grids go besides OUT; several are told alike.",
)
@click.option("--dry-run", is_flag=True, help="Say what an editor's training would take; no weights are loaded.")
@json_option
def train(recipe: str, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Fine-tune an editor, or the recognizer, as the recipe says.

    \b
    Examples:
      actionpairs train editaction --shards out/shards --dry-run
      actionpairs train editaction --shards out/shards --out out/model
      actionpairs train recognizer --shards out/shards --out out/recognizer
      actionpairs train recognizer-segments --shards out/shards --videos VIDEOS --out out/recognizer
      torchrun --nproc-per-node 8 -m actionpairs train editaction --shards out/shards --out out/model
    """
    if dry_run:
        from actionpairs.stages.dry_run import plan_training
        from actionpairs.training.dry_run import describe

        inputs = {name: options[name] for name in ("shards", "device", "square", "tracker")}
        plan = plan_training(recipe, **inputs)
        print_answer(plan.flat(), describe(plan), as_json)
        return
    if options["out"] is None:
        raise click.UsageError("--out is needed, except with --dry-run.")
    from actionpairs import train as run

    print_summary(run(recipe, **options), as_json)


_BENCHMARKS = "motionedit", "bytemorph", "aurora", "risebench", "gedit", "imgedit"


@click.command(name="eval")
@partial(recipe_argument, required=False)
@click.option("--model", "models", multiple=True, help="Model folder or hub id; several compare.")
@click.option(
    "--predictions",
    "--edits",
    "predictions",
    multiple=True,
    callback=named_values,
    metavar="NAME=DIR",
    help="Edits made with other tools: DIR/KEY.png.",
)
@click.option("--shards", help="Folder that `shard` wrote.")
@click.option("--split", shell_complete=split_names, help="Which split to score, for example LCtest500.")
@click.option(
    "--bench",
    type=click.Choice(_BENCHMARKS),
    help="A benchmark instead of a split: no --shards, no --split, and RECIPE may be left out.",
)
@click.option("--data", metavar="DIR", help="The benchmark's files as released.")
@click.option("--out", required=True, help="Folder for the report.")
@click.option(
    "--recognizer", "--recogniser", "recognizer", help="Folder of a trained recognizer, for action accuracy."
)
@click.option(
    "--features",
    multiple=True,
    callback=named_values,
    metavar="KIND=PATH",
    help="inception, clip, dinov2, lpips.",
)
@device_option
@click.option("--limit", type=click.IntRange(min=1), help="Score only the first so many samples.")
@click.option("--square", is_flag=True, help="Crop pictures to squares, as the paper's recipes do.")
@click.option(
    "--allow-missing", is_flag=True, help="Score a folder of edits that lacks some; its row says of how many."
)
@judge_options
@click.option("--rater-page", "--study", "rater_page", is_flag=True, help="Also write a page where people rate.")
@click.option("--answers", multiple=True, metavar="FILE", help="What raters saved; the report takes it in.")
@json_option
def evaluate(
    recipe: str | None,
    models: tuple[str, ...],
    predictions: dict[str, str],
    out: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Score models on a split: action accuracy, FID, SSIM, PSNR; a table and a page of pictures.

    The same command with --rater-page, and later with --answers, adds human ratings to a finished report.

    \b
    Examples:
      actionpairs eval hc --model out/model --shards out/shards --split HCtest500 --out out/report
      actionpairs eval hc --predictions theirs=DIR --shards out/shards --split HCtest500 --out out/report
      actionpairs eval --bench bytemorph --data DIR --model out/model --out out/bytemorph
      actionpairs eval hc --model out/model --shards out/shards --split HCtest500 --out out/report
          --judge https://api.openai.com/v1 --judge-model gpt-4.1 --judge-dry-run
    """
    if not models and not predictions:
        raise click.UsageError("Give a --model or --predictions.")
    if options.pop("judge_dry_run"):
        print_facts(judge_cost(recipe, models=models, folders=len(predictions), **options), as_json)
        return
    report = _report(recipe, models=models, predictions=predictions, out=out, **options)
    from actionpairs.report import terminal

    print_tables(report, partial(terminal.print_table, report), as_json, page=f"{out}/index.html")


def _report(
    recipe: str | None,
    *,
    shards: str | None,
    split: str | None,
    bench: str | None,
    data: str | None,
    **options: Any,
) -> Any:
    """The report of a split or of a benchmark; a UsageError says what is missing or does not go with it."""
    if bench is None:
        if data is not None:
            raise click.UsageError("--data goes with --bench.")
        if recipe is None or shards is None or split is None:
            needed = {"RECIPE": recipe, "--shards": shards, "--split": split}
            missing = ", ".join(name for name, value in needed.items() if value is None)
            raise click.UsageError(f"Missing {missing}. With --bench, --data takes their place.")
        from actionpairs import evaluate as run

        return run(recipe, shards=shards, split=split, **options)
    if data is None:
        raise click.UsageError("--bench needs --data, the folder with the benchmark's files.")
    from actionpairs import evaluate_benchmark

    others = {"shards": shards, "split": split, **options}
    taken = inspect.signature(evaluate_benchmark).parameters
    refused = [f"--{name.replace('_', '-')}" for name, value in others.items() if name not in taken and value]
    if refused:
        raise click.UsageError(f"With --bench there is no {' and no '.join(refused)}.")
    kept = {name: value for name, value in options.items() if name in taken}
    return evaluate_benchmark(bench, data=data, recipe=recipe, **kept)


@click.command()
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--out", required=True, help="Folder for the leaderboard.")
@json_option
def compare(reports: tuple[str, ...], out: str, as_json: bool) -> None:
    """Put reports of `eval` side by side: models in rows, splits in groups of columns, and tests between models.

    Reports that were not scored alike are refused, with what differs in which of them.

    \b
    Example:
      actionpairs compare out/report-lc out/report-hc out/report-other-models --out out/leaderboard
    """
    from actionpairs import compare as run

    board = run(reports, out=out)
    from actionpairs.report import compare_page

    draw = partial(compare_page.print_tables, board)
    print_tables(board, draw, as_json, page=f"{out}/index.html", out=out)


@click.command()
@click.argument("model")
@click.argument("image")
@click.argument("instruction")
@click.option("--out", required=True, help="Picture to write: .png, .jpg or .webp.")
@click.option(
    "--reference", "references", multiple=True, help="Further input picture, for models that take several."
)
@click.option("--lora", metavar="PATH", help="Adapters for the model: a file or folder.")
@click.option("--resolution", type=click.IntRange(min=8), help="Side of a square with the edit's area, in pixels.")
@click.option("--square", is_flag=True, help="Crop the picture to a square first.")
@click.option("--steps", type=click.IntRange(min=1), help="Sampling steps.")
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), help="0; several make a sheet.")
@click.option("--image-guidance", multiple=True, type=float, help="s_i; several make a sheet.")
@click.option("--text-guidance", multiple=True, type=float, help="s_c; several make a sheet.")
@click.option("--quantize", type=click.Choice(["nf4", "int8"]), help="Keep the denoiser in 4 or 8 bits.")
@click.option("--grid", is_flag=True, help="A sheet of four seeds by three text guidances, where not given.")
@device_option
@json_option
def edit(model: str, image: str, instruction: str, as_json: bool, **options: Any) -> None:
    """Edit one picture by an instruction; several seeds or scales make a labeled sheet.

    What is left out is taken from the model: the size that it was trained at, its steps and its guidance.

    \b
    Examples:
      actionpairs edit out/model kitchen.jpg "close the cupboard" --out closed.png
      actionpairs edit BASE kitchen.jpg "close the cupboard" --lora out/model/lora --out closed.png
    """
    from actionpairs import edit as run

    path = run(model, image, instruction, **options)
    print_result({"out": path}, path, as_json)


@click.command()
@click.option("--out", default="out/demo", show_default=True, help="Folder for everything the demo makes.")
@workers_option
@click.option("--editor", metavar="NAME", help="Train the editor of the recipe demo-NAME instead.")
@click.option("--only-videos", is_flag=True, help="Render twelve clips and a table of their actions, and stop.")
@json_option
def demo(out: str, workers: int | None, editor: str | None, only_videos: bool, as_json: bool) -> None:
    """Run all four commands on videos that the package renders itself; ends with a page to look at.

    \b
    Examples:
      actionpairs demo --out out/demo
      actionpairs demo --only-videos --out my-clips
    """
    from actionpairs import demo as run

    path = run(out=out, workers=workers, editor=editor, only_videos=only_videos)
    print_result({"out": out, "table" if only_videos else "page": path}, "", as_json, page=path)
