"""Whether an example fits: its options exist, its recipe has the section that the command needs, and its split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import click

from actionpairs.cli import main
from actionpairs.errors import ActionpairsError
from actionpairs.recipe import Recipe, load
from actionpairs.recipe_files import builtin_names, parse_value
from tests.examples.collection import Example

NEEDS = ("extract", "shard", "train", "eval")  # commands that are called like the section which they take


def problems(example: Example) -> Iterator[str]:
    """What keeps an example from running wherever its files are."""
    words = example.words
    command, rest = _command(words)
    if command is None:
        yield f"there is no command {words[0]}"
        return
    lenient = example.mention or "…" in words
    try:
        values = _parsed(command, [word for word in rest if word != "…"], lenient=lenient)
    except click.UsageError as error:
        yield error.format_message()
        return
    yield from _recipe_problems(command.name or "", values)


def _command(words: Sequence[str]) -> tuple[click.Command | None, Sequence[str]]:
    """The command that the first words name, and the words after them."""
    command: click.Command | None = main
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command = command.commands.get(rest.pop(0))
    return command, rest


def _parsed(command: click.Command, words: list[str], *, lenient: bool) -> dict[str, object]:
    """The values of the command's parameters. lenient: required ones may be missing."""
    options = {**main.context_settings, "resilient_parsing": lenient}
    context = click.Context(command, info_name=command.name, **options)  # type: ignore[arg-type]
    if lenient:  # click would not complain of an option that does not exist
        names = {name for option in command.get_params(context) for name in option.opts}
        for word in words:
            if word.startswith("--") and word.partition("=")[0] not in names:
                raise click.NoSuchOption(word, ctx=context)
    with context:
        command.parse_args(context, words)
    return context.params


def _recipe_problems(command: str, values: dict[str, object]) -> Iterator[str]:
    """What is wrong with the recipe, for a command that takes one from the package."""
    name = values.get("recipe") or values.get("parent")
    if not isinstance(name, str) or not name.islower() or name.endswith(".yaml"):
        return  # none, a placeholder, or a file of the reader's
    changes = values.get("changes") or {}
    assert isinstance(changes, dict)
    try:
        recipe = load(name, changes={key: parse_value(text) for key, text in changes.items()})
    except ActionpairsError as error:
        yield error.message
        return
    if command in NEEDS and command not in recipe.sections:
        yield f"{name} has no `{command}` section"
    split = values.get("split")
    if isinstance(split, str) and split not in (_splits(recipe) or _every_split()):
        yield f"{name} makes no split {split}"


def _splits(recipe: Recipe) -> set[str]:
    """The test splits that a recipe makes; none if it makes no data set."""
    if "shard" not in recipe.sections:
        return set()
    return {*recipe.shard.splits.tests, *recipe.shard.splits.subsets}


@cache
def _every_split() -> frozenset[str]:
    return frozenset(split for name in builtin_names() if "/" not in name for split in _splits(load(name)))
