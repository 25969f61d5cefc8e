"""A recipe: YAML, loaded into one frozen, validated config per stage."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from actionpairs import compatibility
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
    """A loaded recipe: one config per section.

    A property raises RecipeError if the recipe has no such section.
    """

    def __init__(self, name: str, content: _Content) -> None:
        self.name = name
        self._content = content

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
        )

    def _missing(self, section: str) -> RecipeError:
        return RecipeError(
            f"{self.name}: this recipe has no `{section}` section.",
            cure=f"Add one, or use a recipe that has it: {_having(section)}.",
        )


def load(recipe: str | Path | Recipe, *, square: bool = False) -> Recipe:
    """Load a recipe by its path, or by the name of one in the package. A Recipe is returned unchanged.

    square: with `square: true` in training and scoring, whatever it says.

    A recipe with `extends: other` starts from that one and states only the keys that differ. Names of the previous
    version still work, with a FutureWarning that gives the new name. Raises RecipeError if a name or key does not
    exist, with the most similar one.
    """
    if square:
        return load(recipe).square()
    if isinstance(recipe, Recipe):
        return recipe
    path = _find(str(recipe))
    data = _load_yaml(path, seen=())
    try:
        return Recipe(path.stem, _Content.model_validate(data))
    except ValidationError as error:
        raise RecipeError(f"{path}: {'; '.join(_problems(error))}.", cure=_CURE) from None


_CURE = "Correct the recipe; docs/recipes.md lists every key."


def builtin_names() -> list[str]:
    """The names of the recipes that come with the package; for the study's, the path below pipelines/."""
    folder = _builtin_folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("**/*.yaml"))


def _builtin_folder() -> Path:
    return Path(str(resources.files("actionpairs.pipelines")))


def _having(section: str) -> str:
    names = [
        path.stem for path in sorted(_builtin_folder().glob("*.yaml")) if section in _load_yaml(path, seen=())
    ]
    return ", ".join(names)


def _find(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    if name in compatibility.RECIPES:
        _warn_renamed(f"the recipe `{name}`", compatibility.RECIPES[name])
        name = compatibility.RECIPES[name]
    names = builtin_names()
    if name in names:
        return _builtin_folder() / f"{name}.yaml"
    raise RecipeError(
        f"{name}: no such recipe.{_did_you_mean(path.stem, names)}",
        cure=f"Give a path to a YAML file or one of: {', '.join(names)}.",
    )


def _with_new_names(data: dict[str, Any], path: Path, *, inside: tuple[str, ...] = ()) -> dict[str, Any]:
    """A recipe's mapping, with old names of keys and values replaced by the new ones."""
    renamed = {}
    for key, value in data.items():
        place = (*inside, str(key))
        if isinstance(value, dict):
            value = _with_new_names(value, path, inside=place)
        elif isinstance(value, str) and value in (values := compatibility.VALUES.get(place, {})):
            _warn_renamed(f"{path}: `{'.'.join(place)}: {value}`", values[value])
            value = values[value]
        new_key = compatibility.KEYS.get(place, key)
        if new_key != key and new_key in data:
            raise RecipeError(f"{path}: `{key}` and `{new_key}` are one key.", cure=f"Keep `{new_key}`.")
        if new_key != key:
            _warn_renamed(f"{path}: `{'.'.join(place)}`", new_key)
        renamed[new_key] = value
    return renamed


def _warn_renamed(old: str, new: str) -> None:
    message = f"{old} is now called `{new}`; the old name works in this version only."
    warnings.warn(message, FutureWarning, stacklevel=2)


class _Loader(yaml.SafeLoader):
    """Reads only true and false as booleans, as YAML 1.2 does: `on`, `off`, `yes` and `no` are words."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in some if tag != "tag:yaml.org,2002:bool"]
        for first, some in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def _load_yaml(path: Path, *, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise RecipeError(f"{path}: `extends` goes in a circle.", cure="Remove `extends` from one of the recipes.")
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: cannot be read as YAML: {error}.", cure="Correct the file.") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys, not {type(data).__name__}.", cure=_CURE)
    data = _with_new_names(data, path)
    parent = data.pop("extends", None)
    if parent is None:
        return data
    sibling = path.parent / f"{parent}.yaml"
    return _merged(_load_yaml(sibling if sibling.is_file() else _find(str(parent)), seen=(*seen, path)), data)


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`change` merged into `base`: mappings key by key; any other value replaces the old one."""
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


def _did_you_mean(word: str, names: list[str]) -> str:
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
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
