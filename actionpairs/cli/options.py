"""Options that several commands share, and what the commands do around their one call."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from actionpairs import summary_lines
from actionpairs.errors import ActionpairsError, StoppedError

if TYPE_CHECKING:
    from actionpairs.executors import Executor

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """Turns every ActionpairsError into its message and cure, exit 1; --debug shows the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _plain_warnings():
                return super().invoke(ctx)
        except StoppedError as error:
            click.echo(f"\n{error.message}\n{error.cure}", err=True)
            ctx.exit(error.exit_code)
        except ActionpairsError as error:
            if ctx.params.get("debug"):
                raise
            click.echo(f"error: {error.message}\n cure: {error.cure}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nstopped; run the same command again and it goes on from here.", err=True)
            ctx.exit(130)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show our own warnings (names that have changed) as one line, without the place in the code."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        if category is FutureWarning and "old name" in str(message):
            click.echo(f"warning: {message}", err=True)
        else:
            usual(message, category, *place, **options)

    with warnings.catch_warnings():
        usual = warnings.showwarning
        warnings.showwarning = show
        yield


def recipe_argument(command: Callable[..., Any], *, required: bool = True) -> Callable[..., Any]:
    """RECIPE, and `--set`, which changes keys of it: then the command gets the loaded recipe for its name."""

    @wraps(command)
    def with_changes(*, recipe: str | None, changes: dict[str, str], **options: Any) -> Any:
        if not changes:
            return command(recipe=recipe, **options)
        if recipe is None:
            raise click.UsageError("--set changes a key of RECIPE, and there is no RECIPE.")
        from actionpairs import recipe_files
        from actionpairs.recipe import load

        values = {key: recipe_files.parse_value(text) for key, text in changes.items()}
        return command(recipe=load(recipe, changes=values), **options)

    option = click.option(
        "--set",
        "changes",
        multiple=True,
        callback=named_values,
        metavar="KEY=VALUE",
        help="Change a key of the recipe, for example train.steps=2000; may be repeated.",
    )
    return click.argument("recipe", required=required)(option(with_changes))


workers_option = click.option(
    "--workers", type=click.IntRange(min=1), help="Processes; as many as there are cores by default."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the summary as one line of JSON.")
device_option = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps, or auto."
)
_executor_option = click.option(
    "--executor",
    "executor_name",
    type=click.Choice(["local", "serial", "ray"]),
    default="local",
    show_default=True,
    help="Processes of this machine, this process alone (for a debugger), or a Ray cluster.",
)
_address_option = click.option("--address", help="HOST:PORT of the Ray cluster; RAY_ADDRESS or a new one without.")


def executor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command whose work can run in several places."""
    return _executor_option(_address_option(command))


def executor(name: str, address: str | None) -> Executor:
    """The executor that these options choose."""
    from actionpairs.executors import get_executor

    if address and name != "ray":
        raise click.UsageError("--address goes with --executor ray.")
    return get_executor(name, address=address)  # type: ignore[arg-type]


def named_values(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, given several times, as a mapping."""
    pairs = [value.partition("=") for value in values]
    if not all(name and sign and value for name, sign, value in pairs):
        raise click.BadParameter(f"write it as {option.metavar}.")
    named = {name: value for name, _, value in pairs}
    if len(named) < len(pairs):
        raise click.BadParameter("a name is given twice.")
    return named


def print_summary(summary: Any, as_json: bool) -> None:
    """Print a summary record: one line of JSON, or lines to read."""
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(summary), sort_keys=True, default=str))
        return
    for line in summary_lines.format_lines(summary):
        click.echo(line)
