"""A recipe as text: resolved, with the origin of each key; and copies to start one's own from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from actionpairs.errors import RecipeError
from actionpairs.recipe import Recipe
from actionpairs.recipe_files import Layer, builtin_names, builtin_path

_DEFAULT = "default"


def resolved(recipe: Recipe) -> str:
    """The whole recipe as YAML, every key with a comment: the file that states it, `--set`, or `default`."""
    content = {name: section.model_dump(mode="json") for name, section in recipe.sections.items()}
    lines = list(_lines(content, recipe.layers, ()))
    width = min(60, max((len(text) for text, _ in lines), default=0))
    return "\n".join(f"{text:<{width}}  # {origin}" if origin else text for text, origin in lines) + "\n"


def first_comments() -> dict[str, str]:
    """What each recipe of the package says of itself: the first line of its file."""
    texts = {name: builtin_path(name).read_text(encoding="utf-8") for name in builtin_names()}
    return {name: text.partition("\n")[0].removeprefix("#").strip() for name, text in texts.items()}


def write_new(path: Path, parent: str) -> None:
    """Write a recipe to change: the text of the package's recipe `parent`, comments and all.

    Raises RecipeError if there is no such recipe, or if the file is there already.
    """
    if parent not in builtin_names():
        raise RecipeError(f"{parent}: no such recipe.", cure=f"Start from one of: {', '.join(builtin_names())}.")
    text = builtin_path(parent).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RecipeError(f"{path}: this file is there already.", cure="Give another name.") from None


def _lines(
    values: Mapping[str, Any], layers: Sequence[Layer], inside: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """A line per key, and its origin; mappings open a block."""
    indent = "  " * len(inside)
    for key, value in values.items():
        place = (*inside, key)
        if isinstance(value, dict) and value:
            yield f"{indent}{key}:", ""
            yield from _lines(value, layers, place)
        else:
            yield f"{indent}{_inline(key)}: {_inline(value)}", _origin(layers, place)


def _inline(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=math.inf)
    return text.strip()[1:-1]


def _origin(layers: Sequence[Layer], place: Sequence[str]) -> str:
    """The last layer that states a key, or a mapping or value above it."""
    for layer in reversed(layers):
        values: Any = layer.keys
        for part in place:
            values = values.get(part, _MISSING) if isinstance(values, Mapping) else _MISSING
        if values is not _MISSING:
            return layer.origin
    return _DEFAULT


_MISSING = object()
