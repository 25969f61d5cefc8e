"""The commands about recipes."""

from __future__ import annotations

from pathlib import Path

import click

from actionpairs.cli.completion import package_recipes
from actionpairs.cli.options import json_option, recipe_argument
from actionpairs.cli.output import print_answer, print_result


@click.group()
def recipe() -> None:
    """List, show, check and start recipes."""


@recipe.command(name="list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the recipes that come with the package.

    \b
    Example:
      actionpairs recipe list
    """
    from actionpairs import recipe_text

    comments = {name: text for name, text in recipe_text.first_comments().items() if "/" not in name}
    width = max(map(len, comments))
    text = "\n".join(f"{name:<{width}}  {comment}" for name, comment in comments.items())
    print_answer({"recipes": comments}, text, as_json)


@recipe.command()
@recipe_argument
@json_option
def show(recipe: str, as_json: bool) -> None:
    """Print a whole recipe as it is resolved, and where each key comes from.

    A comment names the file that states the key, `--set`, or `default`. The text is a recipe itself.

    \b
    Examples:
      actionpairs recipe show editaction
      actionpairs recipe show editaction --set train.steps=2000
    """
    from actionpairs import recipe_text
    from actionpairs.recipe import load

    loaded = load(recipe)
    sections = {name: section.model_dump(mode="json") for name, section in loaded.sections.items()}
    record = {"name": loaded.name, "recipe": sections, "extends": [layer.origin for layer in loaded.layers]}
    print_answer(record, recipe_text.resolved(loaded).rstrip("\n"), as_json)


@recipe.command()
@click.argument("name")
@click.option(
    "--from",
    "parent",
    default="table",
    show_default=True,
    shell_complete=package_recipes,
    help="Recipe of the package to copy.",
)
@json_option
def new(name: str, parent: str, as_json: bool) -> None:
    """Write the recipe NAME.yaml to change: a copy of one of the package, with its comments.

    \b
    Example:
      actionpairs recipe new mine --from table
    """
    from actionpairs import recipe_text

    path = Path(name).with_suffix(".yaml")
    recipe_text.write_new(path, parent)
    text = f"{path}\nChange it, and pass {path} in place of a recipe's name to extract, shard, train and eval."
    print_result({"out": str(path)}, text, as_json)


@recipe.command()
@recipe_argument
@json_option
def check(recipe: str, as_json: bool) -> None:
    """Check every key and value of a recipe; exit code 1 if one is wrong.

    \b
    Example:
      actionpairs recipe check table
    """
    from actionpairs.recipe import load

    loaded = load(recipe)
    text = f"{loaded.name}: every key of {', '.join(loaded.sections)} is known and has a valid value"
    print_result({"name": loaded.name, "sections": list(loaded.sections)}, text, as_json)
