"""Writes docs/cli.md, docs/recipes.md and the schema of report.json from the code: `python docs/reference.py`.

Tests keep them true.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import click
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from actionpairs import configs, formats
from actionpairs.cli import main
from actionpairs.cli.exit_codes import ExitCode
from actionpairs.recipe_files import builtin_names
from actionpairs.report import schema

HERE = Path(__file__).parent

_FOR_ALL = """\
## For all commands

### What is printed

The result goes to stdout. Progress, warnings and errors go to stderr.

| | stdout | stderr |
|---|---|---|
| without any | a summary; then the path of the page, if there is one | progress, warnings, errors |
| `-v`, `--verbose` | the same | the same, and a line for each video and each folder |
| `-q`, `--quiet` | one path: of the page, or else of what was written | warnings, errors |
| `--json` | one line of JSON | the path of the page, progress, warnings, errors |

`-q`, `-v` and `--debug` may stand before or after the command's name. What was asked for, such as the numbers of
`stats`, is printed with `-q` too. This opens the page of a report:

```sh
xdg-open "$(actionpairs eval hc -q --model out/model --shards out/shards --split HCtest500 --out out/report)"
```

With `--json` a command prints exactly one line on stdout, also when it fails. That line then has the key `error`:

```json
{"cure": "Check the path, or run `actionpairs extract` again: it continues where it stopped.", "error": \
"out/pairs: no manifest.json, so `extract` has not finished here.", "exit_code": 1, "kind": "StorageError"}
```

`kind` is the name of the error in `actionpairs.errors`, or `UsageError`, or `Interrupted`. People read the same on
stderr. Where JSON has no word for a number (NaN), there is `null`.

Tables use bold type on a terminal and none in a pipe. `NO_COLOR=1` takes it away, `FORCE_COLOR=1` keeps it in
a pipe.

### Exit codes

EXIT CODES

### Completion by the Tab key

Commands, options, recipes, splits and paths complete in bash (4.4 or newer), zsh and fish. Add the line of your
shell to its file, and open a new shell.

- bash, `~/.bashrc`: `eval "$(_ACTIONPAIRS_COMPLETE=bash_source actionpairs)"`
- zsh, `~/.zshrc`, below `compinit`: `eval "$(_ACTIONPAIRS_COMPLETE=zsh_source actionpairs)"`
- fish, `~/.config/fish/completions/actionpairs.fish`: `_ACTIONPAIRS_COMPLETE=fish_source actionpairs | source`

`--split` completes with the splits of the shards folder that stands before it.
"""


def cli() -> str:
    """What all commands have in common, and the help of every command."""
    rows = "\n".join(f"| {code.value} | {code.meaning} |" for code in ExitCode)
    parts = ["# Commands\n\nWritten by `docs/reference.py` from the commands' own help.\n"]
    parts.append(_FOR_ALL.replace("EXIT CODES", f"| code | means |\n|---|---|\n{rows}"))
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
    """Every key of a recipe by its path, stage by stage, with its meaning, kind and default."""
    names = [name for name in builtin_names() if not name.startswith("study/")]
    parts = [
        "# Recipes\n\nWritten by `docs/reference.py` from `actionpairs/configs/` and `actionpairs/formats/`.\n",
        "A recipe is a YAML file with a section per stage: [extract](#extract), whose keys for each format of "
        "annotations are [a part of their own](#extractannotations); [shard](#shard); [train](#train); "
        "[eval](#eval). `extends: NAME` starts from another recipe (one beside it, or one of the package) and "
        "states only what differs; mappings are merged key by key, anything else is replaced. With `extends: "
        "[table, kontext]`, each section is that of the last recipe that has it. `actionpairs recipe show NAME` "
        "prints a whole recipe, with the origin of each key.\n",
        "Keys stand here as `--set` of every command takes them. `--set shard.filters.min_change=0.01` is\n\n"
        "```yaml\nshard:\n  filters:\n    min_change: 0.01\n```\n",
        f"The package comes with {', '.join(f'`{name}`' for name in names)}, and the recipes of the "
        "[study](study.md).\n",
    ]
    for stage, annotation in SECTIONS.items():
        parts.append(f"## {stage}\n")
        parts.extend(_tables(stage, annotation))
    return "\n".join(parts)


SECTIONS: dict[str, Any] = {
    "extract": configs.ExtractConfig,
    "shard": configs.ShardConfig,
    "train": configs.TrainConfig,
    "eval": configs.EvalConfig,
}
_FORMATS = "extract.annotations"


def _tables(path: str, annotation: Any) -> Iterator[str]:
    """What a part of a recipe means and its keys, then the same of each mapping in it; annotations come last."""
    models = list(_models(annotation))
    for model in models:
        if "." in path or len(models) > 1:
            yield f"### {_title(path, model, models)}\n"
        yield from _table(path, model, model.model_fields)
        inner = [(_inside(path, key, info), info.annotation) for key, info in model.model_fields.items()]
        for place, kind in sorted(inner, key=lambda part: part[0] == _FORMATS):
            if place == _FORMATS:
                yield f"## {_FORMATS}\n"
                yield f"{_kinds(kind, place).capitalize().replace(' or ', ', ')}.\n"
                yield from _table(place, formats.Annotations, formats.Annotations.model_fields)
            if any(_models(kind)):
                yield from _tables(place, kind)


def _table(path: str, model: type[BaseModel], keys: Mapping[str, FieldInfo]) -> Iterator[str]:
    introduction, meanings = _explained(model)
    yield f"{introduction}\n"
    if path == _FORMATS and model is not formats.Annotations:  # what every format has, only where it differs
        common = formats.Annotations.model_fields
        keys = {
            key: info for key, info in keys.items() if key not in common or info.default != common[key].default
        }
    yield "| key | meaning | kind | default |\n|---|---|---|---|"
    for key, info in keys.items():
        place = _inside(path, key, info)
        kind = f"[mapping]({_anchor(place)})" if place == _FORMATS else _kind(info, place)
        cells = f"`{path}.{key}`", _meaning(path, key, meanings), kind, _default(info)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _meaning(path: str, key: str, meanings: Mapping[str, str]) -> str:
    first = next((name for name, meaning in meanings.items() if meaning == meanings.get(key)), key)
    return meanings.get(key, "") if first == key else f"as `{path}.{first}`"


def _inside(path: str, key: str, info: FieldInfo) -> str:
    """The path of the mappings that a key has; NAME stands for any name."""
    return f"{path}.{key}.NAME" if get_origin(info.annotation) is dict else f"{path}.{key}"


def _title(path: str, model: type[BaseModel], models: Sequence[type[BaseModel]]) -> str:
    """The path; where it can be one of several mappings, with the key that tells them apart."""
    return f"`{path}`" if len(models) == 1 else f"`{path}` with `{_distinguished_by(model)}`"


def _distinguished_by(model: type[BaseModel]) -> str:
    for key, info in model.model_fields.items():
        if get_origin(info.annotation) is Literal and info.is_required():
            return f"{key}: {_yaml(get_args(info.annotation)[0])}"
    return next(key for key, info in model.model_fields.items() if info.is_required())


def _anchor(title: str) -> str:
    """What a heading's link is, on GitHub and in the site."""
    return "#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The mappings that a key can have."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _explained(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """The text of a mapping, and the meaning of each key, from docstrings such as `Text. key, key: meaning.`"""
    text, meanings = "", dict[str, str]()
    for base in (each for each in reversed(model.__mro__) if issubclass(each, configs.Config)):
        if base is configs.Config or (base is formats.Annotations and model is not base):
            continue
        names = "|".join((*base.model_fields, r"\w+_…"))
        whole = " ".join(inspect.cleandoc(base.__doc__ or "").replace("\n\n", "\n¶ ").split())
        text, *pieces = re.split(rf"(?<=[.;¶] )((?:{names})(?:(?:, | and )\w+)*): ", whole)
        for keys, meaning in zip(pieces[::2], pieces[1::2], strict=True):
            meaning, sign, fields = meaning.partition(". {")  # what comes then is of the whole format
            text += sign[2:] + fields
            for key in re.split(", | and ", keys):  # `sample_…` and `guidance` stand for all keys with such a part
                parts = [name for name in base.model_fields if key.strip("…") in name]
                named = [key] if key in base.model_fields else parts
                meanings |= dict.fromkeys(named, _with_paths(meaning.rstrip(" ¶.;")))
    return _with_paths(re.sub(" ?¶ ?", "\n\n", text).strip()), meanings


def _with_paths(text: str) -> str:
    """Links for the names of pages, and paths of keys for the names of our classes."""
    text = re.sub(r"\bdocs/(\w+\.md)", r"[\1](\1)", text)
    text = text.replace("`Measures`", "[measures](measures.md)")
    return re.sub(r"\b[A-Z]\w+(?:Config|Model)\b(\.\w+)?", lambda name: _path_of(name[0]), text)


def _path_of(name: str) -> str:
    """`train.model.source` for PretrainedModel.source."""
    wanted, dot, key = name.partition(".")
    todo = list(SECTIONS.items())
    for path, annotation in todo:
        if wanted in {model.__name__ for model in _models(annotation)}:
            return f"`{path}{dot}{key}`"
        fields = (field for model in _models(annotation) for field in model.model_fields.items())
        todo += [(_inside(path, key, info), info.annotation) for key, info in fields]
    raise LookupError(f"{name} is no part of a recipe")


def _kind(info: FieldInfo, place: str) -> str:
    return ", ".join([_kinds(info.annotation, place), *_bounds(info.metadata)])


def _bounds(constraints: Iterable[object]) -> Iterator[str]:
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "multiple_of": "a multiple of"}
    for each in constraints:
        yield from _bounds(each.metadata) if isinstance(each, FieldInfo) else ()
        for name in signs.keys() & set(dir(each)):
            yield f"{signs[name]} {getattr(each, name):g}"


def _kinds(annotation: Any, place: str) -> str:
    """The kind of a value in words; of a mapping, with a link to its keys."""
    if annotation is Any:
        return "anything"
    if annotation in _WORDS:
        return _WORDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        title = f"`{place}`"
        return f"[mapping]({_anchor(title)})"
    origin, inner = get_origin(annotation), [each for each in get_args(annotation) if each is not Ellipsis]
    if origin is Literal:
        return " or ".join(f"`{_yaml(value)}`" for value in inner)
    if origin is Annotated:
        return ", ".join([_kinds(inner[0], place), *_bounds(inner[1:])])
    if len(list(_models(annotation))) > 1:
        models = list(_models(annotation))
        links = [f"[`{_distinguished_by(each)}`]({_anchor(_title(place, each, models))})" for each in models]
        return f"mapping with {' or '.join(links)}" + (" or null" if type(None) in inner else "")
    if origin is tuple:
        return f"list of: {_kinds(inner[0], place)}"
    if origin is dict:
        return f"mapping of names to: {_kinds(inner[1], place)}"
    kinds = [_kinds(each, place) for each in inner]
    return ("; or " if ", " in "".join(kinds) else " or ").join(kinds)


_WORDS = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`", type(None): "null"}


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "needed"
    value = info.get_default(call_default_factory=True, validated_data={})
    return "its defaults" if isinstance(value, BaseModel) else f"`{_yaml(value)}`"


def _yaml(value: object) -> str:
    """A value as a recipe has it, on one line."""
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump([plain], default_flow_style=True, allow_unicode=True, width=math.inf)
    return " ".join(text.split())[1:-1]


if __name__ == "__main__":
    (HERE / "cli.md").write_text(cli())
    (HERE / "recipes.md").write_text(recipes())
    Path(schema.__file__).with_name("report.schema.json").write_text(schema.text())
