"""YAML → one frozen, validated config per stage."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
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


class _Content(Config):
    extract: ExtractConfig | None = None
    shard: ShardConfig | None = None
    train: TrainConfig | None = None
    eval: EvalConfig | None = None


class Recipe:
    """What is computed: a config for each stage that the recipe speaks of.

    Raises RecipeError where a stage is asked for that the recipe leaves out.
    """

    def __init__(self, name: str, content: _Content) -> None:
        self.name = name
        self._content = content

    @property
    def extract(self) -> ExtractConfig:
        """How pairs are cut."""
        if self._content.extract is None:
            raise self._without("extract")
        return self._content.extract

    @property
    def shard(self) -> ShardConfig:
        """How pairs are filtered, split and packed."""
        if self._content.shard is None:
            raise self._without("shard")
        return self._content.shard

    @property
    def train(self) -> EditorConfig | RecognizerConfig:
        """What is trained and how."""
        if self._content.train is None:
            raise self._without("train")
        return self._content.train

    @property
    def eval(self) -> EvalConfig:
        """How edits are generated and scored."""
        if self._content.eval is None:
            raise self._without("eval")
        return self._content.eval

    def _without(self, section: str) -> RecipeError:
        return RecipeError(
            f"{self.name}: this recipe has no `{section}` section.",
            cure=f"Add one, or use a recipe that has it: {_having(section)}.",
        )


def load(recipe: str | Path | Recipe) -> Recipe:
    """Read a recipe by its path, or by the name of one that comes with the package; a Recipe is given back.

    A recipe that says `extends: other` starts from that one and states only what differs.
    Raises RecipeError with the nearest spelling where a name or key is unknown.
    """
    if isinstance(recipe, Recipe):
        return recipe
    path = _find(str(recipe))
    data = _read(path, seen=())
    try:
        return Recipe(path.stem, _Content.model_validate(data))
    except ValidationError as error:
        raise RecipeError(f"{path}: {'; '.join(_problems(error))}.", cure=_CURE) from None


_CURE = "Mend the recipe; docs/recipes.md lists every key."


def builtin_names() -> list[str]:
    """The recipes that come with the package, by name; those of the study by their path below pipelines/."""
    folder = _builtin_folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("**/*.yaml"))


def _builtin_folder() -> Path:
    return Path(str(resources.files("actionpairs.pipelines")))


def _having(section: str) -> str:
    names = [path.stem for path in sorted(_builtin_folder().glob("*.yaml")) if section in _read(path, seen=())]
    return ", ".join(names)


def _find(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    known = builtin_names()
    if name in known:
        return _builtin_folder() / f"{name}.yaml"
    raise RecipeError(
        f"{name}: no such recipe.{_did_you_mean(path.stem, known)}",
        cure=f"Give a path to a YAML file or one of: {', '.join(known)}.",
    )


def _read(path: Path, *, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise RecipeError(f"{path}: `extends` goes round in a circle.", cure="Let one recipe start by itself.")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: cannot be read as YAML: {error}.", cure="Mend the file.") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys, not {type(data).__name__}.", cure=_CURE)
    parent = data.pop("extends", None)
    if parent is None:
        return data
    sibling = path.parent / f"{parent}.yaml"
    return _merged(_read(sibling if sibling.is_file() else _find(str(parent)), seen=(*seen, path)), data)


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`change` over `base`, mapping by mapping; anything else replaces what was there."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _problems(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        if problem["type"] == "extra_forbidden":
            yield f"unknown key `{'.'.join(place)}`{_did_you_mean(place[-1], _all_keys(_Content))}"
        else:
            yield f"`{'.'.join(place)}`: {problem['msg']}"


def _did_you_mean(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean `{near[0]}`?)" if near else ""


def _all_keys(model: type[BaseModel]) -> list[str]:
    """Every key of a config and of the configs inside it."""
    keys: list[str] = []
    for name, info in model.model_fields.items():
        keys.append(name)
        for inner in _configs_in(info.annotation):
            keys.extend(_all_keys(inner))
    return keys


def _configs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _configs_in(argument)
