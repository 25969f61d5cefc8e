"""What the shell offers after the Tab key: recipes, splits, and files wherever nothing better is known."""

from __future__ import annotations

import json
from pathlib import Path

import click
from click.shell_completion import CompletionItem

INDEX_FILE = "index.json"  # of a shards folder; shards/reading.py loads pyarrow, which takes too long here


class _FileText(click.types.StringParamType):
    """A text that may be a path. Click's own texts complete as nothing, not even as the files of this folder."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell, which completes files."""
        return _files(incomplete)


def complete_files(command: click.Command) -> None:
    """Make every text of a command complete as a file, as the shell would without us."""
    for parameter in command.params:
        if type(parameter.type) is click.types.StringParamType:
            parameter.type = _FileText()


def recipe_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The recipes of the package and the YAML files of this folder; below a folder, files."""
    names = package_recipes(ctx, param, incomplete)
    here = sorted(path.name for path in Path().glob("*.yaml") if path.name.startswith(incomplete))
    return [*names, *map(CompletionItem, here)] or _files(incomplete)


def package_recipes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The recipes of the package, with the first line of each; the study's only where its folder is typed."""
    from actionpairs import recipe_files

    names = [name for name in recipe_files.builtin_names() if name.startswith(incomplete)]
    wanted = [name for name in names if "/" not in name or "/" in incomplete]
    return [CompletionItem(name, help=_first_comment(recipe_files.builtin_path(name))) for name in wanted]


def split_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The splits of the shards folder that stands on the command line already."""
    # Click stops parsing at an option without its value: arguments before it are then still in `args`.
    folder = ctx.params.get("shards") or next(iter(ctx.args), "")
    try:
        splits = json.loads(Path(str(folder), INDEX_FILE).read_text(encoding="utf-8"))["samples_per_split"]
        counts = [(str(name), f"{int(count):,} samples") for name, count in splits.items()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []
    return [CompletionItem(name, help=count) for name, count in counts if name.startswith(incomplete)]


def _first_comment(recipe: Path) -> str:
    with recipe.open(encoding="utf-8") as file:
        return file.readline().strip("# \n")


def _files(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]
