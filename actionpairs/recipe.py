"""A recipe: YAML, loaded into one frozen, validated config per stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from actionpairs.configs import (
    Config,
    EditorConfig,
    EvalConfig,
    ExtractConfig,
    RecognizerConfig,
    ShardConfig,
    TrainConfig,
)
from actionpairs.errors import RecipeError
from actionpairs.recipe_files import (
    CURE,
    Layer,
    builtin_names,
    builtin_path,
    did_you_mean,
    find,
    load_layers,
    merge,
    nested,
)

_MOST_PLACES = 3  # that the error for an unknown key suggests


class _Content(Config):
    extract: ExtractConfig | None = None
    shard: ShardConfig | None = None
    train: TrainConfig | None = None
    eval: EvalConfig | None = None


class Recipe:
    """A loaded recipe: one config per section.

    layers: where its keys come from, the recipe that it extends first. A property raises RecipeError if the recipe
    has no such section.
    """

    def __init__(self, name: str, content: _Content, layers: Sequence[Layer] = ()) -> None:
        self.name = name
        self.layers = tuple(layers)
        self._content = content

    @property
    def sections(self) -> dict[str, Config]:
        """The sections that the recipe has."""
        every = {name: getattr(self._content, name) for name in _Content.model_fields}
        return {name: section for name, section in every.items() if section is not None}

    @property
    def extract(self) -> ExtractConfig:
        """The `extract` section."""
        if self._content.extract is None:
            raise self._missing("extract")
        return self._content.extract

    @property
    def shard(self) -> ShardConfig:
        """The `shard` section."""
        if self._content.shard is None:
            raise self._missing("shard")
        return self._content.shard

    @property
    def train(self) -> EditorConfig | RecognizerConfig:
        """The `train` section."""
        if self._content.train is None:
            raise self._missing("train")
        return self._content.train

    @property
    def eval(self) -> EvalConfig:
        """The `eval` section."""
        if self._content.eval is None:
            raise self._missing("eval")
        return self._content.eval

    def square(self) -> Recipe:
        """The same recipe, with every picture cropped to a square, in training and in scoring."""
        change = {"square": True}
        train, scores = self._content.train, self._content.eval
        return Recipe(
            self.name,
            self._content.model_copy(
                update={
                    "train": train.model_copy(update=change) if isinstance(train, EditorConfig) else train,
                    "eval": scores and scores.model_copy(update=change),
                }
            ),
            self.layers,
        )

    def _missing(self, section: str) -> RecipeError:
        return RecipeError(
            f"{self.name}: this recipe has no `{section}` section.",
            cure=f"Add one, or use a recipe that has it: {_having(section)}.",
        )


def load(
    recipe: str | Path | Recipe, *, square: bool = False, changes: Mapping[str, object] | None = None
) -> Recipe:
    """Load a recipe by its path, or by the name of one in the package. A Recipe is returned unchanged.

    square: with `square: true` in training and scoring, whatever it says. changes: values by key, such as
    `{"train.steps": 2000}`, that replace those of the recipe.

    A recipe with `extends: other` starts from that one and states only the keys that differ. Names of the previous
    version still work, with a FutureWarning that gives the new name. Raises RecipeError if a name or key does not
    exist, with the most similar one.
    """
    if square:
        return load(recipe, changes=changes).square()
    if isinstance(recipe, Recipe):
        name, where, layers = recipe.name, recipe.name, recipe.layers
        if not changes:
            return recipe
    else:
        path = find(str(recipe))
        name, where, layers = path.stem, str(path), tuple(load_layers(path, seen=()))
    if changes:
        layers = (*layers, Layer("--set", nested(changes)))
    merged = merge(layers)
    try:
        return Recipe(name, _Content.model_validate(merged), layers)
    except ValidationError as error:
        problems = "; ".join(_problems(error, merged))
        if changes and _is_valid(merge(layers[:-1])):
            raise RecipeError(f"--set: {problems}.", cure="docs/recipes.md lists every key.") from None
        raise RecipeError(f"{where}: {problems}.", cure=CURE) from None


def _having(section: str) -> str:
    names = [name for name in builtin_names() if "/" not in name]
    return ", ".join(name for name in names if section in merge(load_layers(builtin_path(name), seen=())))


def _problems(error: ValidationError, merged: Mapping[str, Any]) -> Iterator[str]:
    for problem in error.errors():
        place = _place(problem["loc"], merged, is_missing=problem["type"] == "missing")
        if problem["type"] == "extra_forbidden":
            yield f"unknown key `{'.'.join(place)}`{_hint(place, merged)}"
        else:
            yield f"`{'.'.join(place)}`: {problem['msg']}"


def _hint(written: Sequence[str], merged: Mapping[str, Any]) -> str:
    """What an unknown key could be: one that belongs elsewhere in this recipe, or is written otherwise."""
    keys, key = dict.fromkeys(_all_keys(_Content)), written[-1]
    places = [place for place in keys if place[-1] == key and place != tuple(written)]
    allowed = [f"`{'.'.join(place)}`" for place in places if _is_allowed(place, merged)]
    if allowed:
        *others, last = allowed[:_MOST_PLACES]
        return f" (did you mean {', '.join(others)}{' or ' if others else ''}{last}?)"
    names = list(dict.fromkeys(place[-1] for place in keys))
    return " (a key of another kind)" if key in names else did_you_mean(key, names)


def _is_allowed(place: Sequence[str], merged: Mapping[str, Any]) -> bool:
    """Whether this recipe can have a key here: an editor's has no place for a key of recognizers."""
    keys = merge([Layer("", merged), Layer("", nested({".".join(place): None}))])
    try:
        _Content.model_validate(keys)
    except ValidationError as error:
        unknown = [each["loc"] for each in error.errors() if each["type"] == "extra_forbidden"]
        refused = [_place(each, keys, is_missing=False) for each in unknown]
        return not any(list(place[: len(each)]) == each for each in refused)
    return True


def _place(place: Sequence[str | int], merged: Mapping[str, Any], *, is_missing: bool) -> list[str]:
    """A key as one writes it: without the kinds that pydantic puts between keys and after them, such as `editor`.

    is_missing: the last part is a key that is not there.
    """
    written: list[str] = []
    values: Any = merged
    for number, part in enumerate(place):
        if isinstance(values, list | tuple):
            is_inside = isinstance(part, int) and part < len(values)
        else:
            is_inside = isinstance(values, Mapping) and part in values
        if is_inside or (is_missing and number + 1 == len(place)):
            written.append(str(part))
            values = values[part] if is_inside else None
    return written


def _is_valid(keys: Mapping[str, Any]) -> bool:
    try:
        _Content.model_validate(keys)
    except ValidationError:
        return False
    return True


def _all_keys(model: type[BaseModel], *, inside: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The place of every key of a config and of the configs inside it."""
    for name, info in model.model_fields.items():
        yield (*inside, name)
        for inner in _configs_in(info.annotation):
            yield from _all_keys(inner, inside=(*inside, name))


def _configs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _configs_in(argument)
