"""The config files of an export: filled templates. Paths in them are relative, so an export can be moved."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from actionpairs import templates
from actionpairs.exports.contents import Contents
from actionpairs.exports.target import Target

_SIZES = 6  # so many are named in a comment


def render_configs(name: str, target: Target, contents: Contents) -> Mapping[str, bytes]:
    """File name → content of every page and config; no config without a training split. name: of the target."""
    files = [*target.pages, *(target.configs if contents.train else ())]
    values = _values(target, contents)
    return {file: (templates.render(f"export/{name}/{file}", **values) + "\n").encode() for file in files}


def _values(target: Target, contents: Contents) -> dict[str, Any]:
    """What the templates may use."""
    validation = [
        {
            "prompt": picture.prompt,
            "path": f"{contents.test}/{target.pictures(picture.key)[0]}",
            "width": picture.width,
            "height": picture.height,
        }
        for picture in contents.validation
    ]
    frequent = list(contents.sizes.items())[:_SIZES]
    more = len(contents.sizes) - len(frequent)
    sizes = ", ".join(f"{width} x {height} ({count:,} pairs)" for (width, height), count in frequent)
    return {
        "name": contents.name,
        "train": contents.train,
        "splits": {_alias(split, contents.train): split for split in contents.splits},
        "pairs": len(contents.splits.get(contents.train, ())),
        "validation": validation,
        "side": contents.side,
        "sizes": f"{sizes} and {more} more sizes" if more else sizes,
        "quoted": _quoted,
        "shell": shlex.quote,
    }


def _alias(split: str, train: str) -> str:
    """What `datasets` calls a split: scripts expect `train`, and no hyphen is allowed."""
    return "train" if split == train else re.sub(r"\W", "_", split)


def _quoted(text: str) -> str:
    """A text between double quotes, as YAML reads it."""
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.strip()
