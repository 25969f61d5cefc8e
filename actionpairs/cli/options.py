"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from actionpairs.cli.completion import recipe_names

if TYPE_CHECKING:
    from actionpairs.executors import Executor


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
    return click.argument("recipe", required=required, shell_complete=recipe_names)(option(with_changes))


workers_option = click.option(
    "--workers", type=click.IntRange(min=1), help="Processes; as many as there are cores by default."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one line of JSON, and errors so too.")
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
