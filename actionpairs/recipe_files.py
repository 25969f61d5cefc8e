"""The files of recipes: YAML, `extends`, and the names of those that come with the package."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from actionpairs import compatibility
from actionpairs.errors import RecipeError

CURE = "Correct the recipe; docs/recipes.md lists every key."


@dataclass(frozen=True, slots=True)
class Layer:
    """Keys that one file, or `--set`, states; later layers replace those of earlier ones."""

    origin: str
    keys: Mapping[str, Any]


def builtin_names() -> list[str]:
    """The names of the recipes that come with the package; for the study's, the path below pipelines/."""
    folder = _builtin_folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("**/*.yaml"))


def builtin_path(name: str) -> Path:
    """The file of a recipe that comes with the package."""
    return _builtin_folder() / f"{name}.yaml"


def _builtin_folder() -> Path:
    return Path(str(resources.files("actionpairs.pipelines")))


def find(name: str) -> Path:
    """The file of a recipe, by its path or its name in the package; raises RecipeError if there is none."""
    path = Path(name)
    if path.is_file():
        return path
    if name in compatibility.RECIPES:
        _warn_renamed(f"the recipe `{name}`", compatibility.RECIPES[name])
        name = compatibility.RECIPES[name]
    names = builtin_names()
    if name in names:
        return builtin_path(name)
    raise _no_recipe(name, path, names)


def _no_recipe(name: str, path: Path, names: Sequence[str]) -> RecipeError:
    files = [f"{name}{end}" for end in (".yaml", ".yml") if Path(f"{name}{end}").is_file()]
    hint = f" (did you mean `{files[0]}`?)" if files else did_you_mean(path.stem, names)
    listed = [] if files else [each for each in names if "/" not in each]
    near = difflib.get_close_matches(path.stem, listed, n=3, cutoff=0.5)
    such_as = f", such as {', '.join(near)}" if near else ""
    return RecipeError(
        f"{name}: no such recipe{hint}.",
        cure=f"Give a path to a YAML file or the name of a recipe{such_as}; `actionpairs recipe list` lists all.",
    )


def parse_value(text: str) -> object:
    """A value as a recipe would have it: `2000`, `true`, `[a, b]`, `{rate: 30}` or a word."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text


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
    """Reads only true and false as booleans, as YAML 1.2 does: `on`, `off`, `yes` and `no` are words.

    A key that stands twice in one mapping is an error, as in YAML 1.2; PyYAML takes the last one.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in some if tag != "tag:yaml.org,2002:bool"]
        for first, some in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if isinstance(key, str) and key in seen and key != "<<":
            raise yaml.YAMLError(
                f"the key `{key}` stands twice, in lines {seen[key]} and {line}; put both into one"
            )
        if isinstance(key, str):
            seen[key] = line
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load_layers(path: Path, *, seen: tuple[Path, ...]) -> list[Layer]:
    """The keys of a recipe, after those of the recipe that it extends, or of several."""
    if path in seen:
        raise RecipeError(f"{path}: `extends` goes in a circle.", cure="Remove `extends` from one of the recipes.")
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: cannot be read as YAML: {error}.", cure="Correct the file.") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys, not {type(data).__name__}.", cure=CURE)
    data = _with_new_names(data, path)
    parents = data.pop("extends", [])
    groups = []
    for parent in parents if isinstance(parents, list) else [parents]:
        sibling = path.parent / f"{parent}.yaml"
        groups.append(load_layers(sibling if sibling.is_file() else find(str(parent)), seen=(*seen, path)))
    return [*_last_sections(groups), Layer(path.name, data)]


def _last_sections(groups: Sequence[Sequence[Layer]]) -> list[Layer]:
    """The layers of several recipes. Each section is that of the last one that has it: parts of two do not mix."""
    layers = []
    for number, group in enumerate(groups):
        later = {section for after in groups[number + 1 :] for layer in after for section in layer.keys}
        layers += [Layer(each.origin, {k: v for k, v in each.keys.items() if k not in later}) for each in group]
    return layers


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """The keys of all layers: mappings key by key; of any other value, the last one."""
    return reduce(_merged, (dict(layer.keys) for layer in layers), {})


def nested(changes: Mapping[str, object]) -> dict[str, Any]:
    """`{"train.steps": 1}` as `{"train": {"steps": 1}}`."""
    keys: dict[str, Any] = {}
    for key, value in changes.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        keys = _merged(keys, value)  # type: ignore[arg-type]
    return keys


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`change` merged into `base`: mappings key by key; other values, and those of another task, are replaced."""
    if change.get("task", base.get("task")) != base.get("task") and "task" in base:
        return change  # the keys of an editor mean nothing to a recognizer
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def did_you_mean(word: str, names: Sequence[str]) -> str:
    """` (did you mean `NAME`?)` for the most similar name, or nothing."""
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f" (did you mean `{near[0]}`?)" if near else ""
