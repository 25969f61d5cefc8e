"""The commands about recipes."""

from __future__ import annotations

from pathlib import Path

import click

from actionpairs.cli.options import recipe_argument


@click.group()
def recipe() -> None:
    """List, show, check and start recipes."""


@recipe.command(name="list")
def list_recipes() -> None:
    """List the recipes that come with the package.

    \b
    Example:
      actionpairs recipe list
    """
    from actionpairs import recipe_text

    comments = {name: text for name, text in recipe_text.first_comments().items() if "/" not in name}
    width = max(map(len, comments))
    for name, text in comments.items():
        click.echo(f"{name:<{width}}  {text}")


@recipe.command()
@recipe_argument
def show(recipe: str) -> None:
    """Print a whole recipe as it is resolved, and where each key comes from.

    A comment names the file that states the key, `--set`, or `default`. The text is a recipe itself.

    \b
    Examples:
      actionpairs recipe show editaction
      actionpairs recipe show editaction --set train.steps=2000
    """
    from actionpairs import recipe_text
    from actionpairs.recipe import load

    click.echo(recipe_text.resolved(load(recipe)), nl=False)


@recipe.command()
@click.argument("name")
@click.option("--from", "parent", default="table", show_default=True, help="Recipe of the package to copy.")
def new(name: str, parent: str) -> None:
    """Write the recipe NAME.yaml to change: a copy of one of the package, with its comments.

    \b
    Example:
      actionpairs recipe new mine --from table
    """
    from actionpairs import recipe_text

    path = Path(name).with_suffix(".yaml")
    recipe_text.write_new(path, parent)
    click.echo(path)


@recipe.command()
@recipe_argument
def check(recipe: str) -> None:
    """Check every key and value of a recipe; exit code 1 if one is wrong.

    \b
    Example:
      actionpairs recipe check table
    """
    from actionpairs.recipe import load

    loaded = load(recipe)
    click.echo(f"{loaded.name}: every key of {', '.join(loaded.sections)} is known and has a valid value")
