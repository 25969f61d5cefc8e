"""Writes docs/cli.md, docs/recipes.md and the schema of report.json from the code: `python docs/reference.py`.

Tests keep them true.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from actionpairs import configs, formats
from actionpairs.cli import main
from actionpairs.recipe_files import builtin_names
from actionpairs.report import schema

HERE = Path(__file__).parent


def cli() -> str:
    """The help of every command."""
    parts = ["# Commands\n\nWritten by `docs/reference.py` from the commands' own help.\n"]
    for path, command in _commands("actionpairs", main):
        with click.Context(command, info_name=path, **main.context_settings) as context:
            parts.append(f"## {path}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _commands(f"{path} {name}", inner)


def recipes() -> str:
    """Every section and key of a recipe, with its kind and default."""
    parts = [
        "# Recipes\n\nWritten by `docs/reference.py` from `actionpairs/configs/` and `actionpairs/formats/`.\n",
        "A recipe is a YAML file with a section per stage. `extends: NAME` starts from another recipe (one "
        "beside it, or one of the package) and states only what differs; mappings are merged key by key, anything "
        "else is replaced. With `extends: [table, kontext]`, each section is that of the last recipe that has it. "
        "`actionpairs recipe show NAME` prints a whole recipe, with the origin of each key; `--set KEY=VALUE` "
        "of every command changes one. The package comes with: "
        f"{', '.join(f'`{name}`' for name in builtin_names())}.\n",
    ]
    models = {
        **dict(inspect.getmembers(configs, inspect.isclass)),
        **dict(inspect.getmembers(formats, inspect.isclass)),
    }
    for name, model in sorted(models.items()):
        if issubclass(model, configs.Config) and name != "Config":
            parts.append(f"## {name}\n\n{inspect.cleandoc(model.__doc__ or '')}\n")
            parts.append("| key | kind | default |\n|---|---|---|")
            parts.append("\n".join(_rows(model)) + "\n")
    return "\n".join(parts)


def _rows(model: type[BaseModel]) -> Iterator[str]:
    for key, info in model.model_fields.items():
        if info.default_factory is not None:
            default = repr(info.get_default(call_default_factory=True, validated_data={}))
        elif info.default is PydanticUndefined:
            default = "needed"
        elif isinstance(info.default, BaseModel):
            default = f"a {type(info.default).__name__}"
        else:
            default = f"`{info.default!r}`"
        yield f"| `{key}` | {_kind(info.annotation)} | {default} |".replace("float('inf')", "inf")


def _kind(annotation: Any) -> str:
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    if get_args(annotation) and "Literal" in str(annotation).split("[")[0]:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if "Annotated" in str(annotation).split("[")[0]:
        return _kind(get_args(annotation)[0])
    origin = getattr(annotation, "__origin__", None)
    inner = [_kind(value) for value in get_args(annotation) if value is not Ellipsis]
    if origin is tuple:
        return f"list of {' / '.join(dict.fromkeys(inner))}"
    if origin is dict:
        return f"mapping of {inner[0]} to {inner[1]}"
    return " or ".join(inner)


if __name__ == "__main__":
    (HERE / "cli.md").write_text(cli())
    (HERE / "recipes.md").write_text(recipes())
    Path(schema.__file__).with_name("report.schema.json").write_text(schema.text())
