"""What a layout is: the names of a pair's pictures, the files that list them, and the config files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actionpairs.records import Entry

PictureNames = Callable[[str], tuple[str, str]]
Lists = Callable[[str, Sequence[Entry]], Mapping[str, bytes]]


def in_two_folders(key: str) -> tuple[str, str]:
    """`before/KEY.jpg` and `after/KEY.jpg`: most trainers look for two pictures of one name."""
    return f"before/{key}.jpg", f"after/{key}.jpg"


def no_lists(split: str, entries: Sequence[Entry]) -> Mapping[str, bytes]:
    """No file that lists the pairs: the trainer looks into the folders."""
    return {}


@dataclass(frozen=True, slots=True)
class Target:
    """The layout of one trainer.

    pictures: key → the names of the picture before and after, below the split's folder. has_captions: the
    instruction is also a text file beside the picture after. lists: split and entries → files below the split's
    folder. pages, configs: templates, each rendered into a file of its name; configs need a training split. start:
    how training starts, with {script} for the folder's train.sh.
    """

    start: str
    pictures: PictureNames = in_two_folders
    has_captions: bool = False
    lists: Lists = no_lists
    pages: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()


def json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """One JSON object per line, in ASCII: some trainers open the file in the encoding of the locale."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
