"""What an export holds, from the shards: entries by split, validation pictures, sizes. Nothing read is trusted."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actionpairs import shards
from actionpairs.errors import ShardError
from actionpairs.records import Entry
from actionpairs.storage import Folder

_VALIDATION_PICTURES = 4
_SMALLEST_SIDE, _LARGEST_SIDE, _SIDE_STEP = 256, 1024, 64
_SIZE_STEP = 32  # every trainer's multiple divides it
_PLAIN_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\[\]{}$\\]+")


@dataclass(frozen=True, slots=True)
class ValidationPicture:
    """A picture of the test split to edit during training; width and height are those of the edit."""

    key: str
    prompt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Contents:
    """The entries of an export by split, and what its config says.

    name: of the data set, safe in file names. train: the training split; empty where it is not exported. test: the
    split of the validation pictures; empty where there are none. side: of the square with the largest area that
    the trainer should use, in pixels. sizes: (width, height) → number of pairs, the most frequent first.
    """

    name: str
    splits: Mapping[str, Sequence[Entry]]
    train: str
    test: str
    validation: Sequence[ValidationPicture]
    side: int
    sizes: Mapping[tuple[int, int], int]


def load_contents(source: Folder, names: Sequence[str]) -> Contents:
    """Load the entries of some splits of a shards folder; of all splits where none is named.

    Raises ShardError for an unknown split, and for a split or key that is no plain file name or comes twice.
    """
    index = shards.load_index(source)
    splits = {name: _load_split(source, name) for name in names or sorted(index.samples_per_split)}
    train = index.train_split if index.train_split in splits else ""
    test = next((name for name in index.test_splits if name in splits), "")
    side = _side(splits[train] if train else [entry for entries in splits.values() for entry in entries])
    validation = _validation(splits[test], side) if test else ()
    sizes = Counter((entry.width, entry.height) for entries in splits.values() for entry in entries)
    return Contents(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", index.dataset).strip("-") or "actionpairs",
        splits=splits,
        train=train,
        test=test if validation else "",
        validation=validation,
        side=side,
        sizes=dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))),
    )


def _load_split(source: Folder, name: str) -> tuple[Entry, ...]:
    entries = shards.load_entries(source, name)
    _check_name(name, where=f"{source}: the split")
    for entry in entries:
        _check_name(entry.key, where=f"{source}: a key of {name}")
    if len({entry.key for entry in entries}) < len(entries):
        raise ShardError(f"{source}: two samples of {name} have one key.", cure=shards.REMAKE)
    return entries


def _check_name(name: str, *, where: str) -> None:
    """Keys and splits become names of files, so they must not point elsewhere."""
    if not name or shards.key_of(name) != name:
        raise ShardError(
            f"{where} is {name!r}, which is no plain file name.",
            cure="Use letters, digits, `_` and `-` only, and make the shards anew.",
        )


def _side(entries: Sequence[Entry]) -> int:
    """The side of the square with the area of the largest picture, within what editors are trained at."""
    area = max((entry.width * entry.height for entry in entries), default=0)
    side = math.isqrt(area) // _SIDE_STEP * _SIDE_STEP
    return min(max(side, _SMALLEST_SIDE), _LARGEST_SIDE)


def _validation(entries: Sequence[Entry], side: int) -> tuple[ValidationPicture, ...]:
    """A few pairs spread over the split, of those whose instruction no trainer takes for an option or variable."""
    plain = [
        entry for entry in entries if _PLAIN_TEXT.fullmatch(entry.instruction) and " --" not in entry.instruction
    ]
    step = -(-len(plain) // _VALIDATION_PICTURES) or 1
    return tuple(ValidationPicture(entry.key, entry.instruction, *_size(entry, side)) for entry in plain[::step])


def _size(entry: Entry, side: int) -> tuple[int, int]:
    """The size of an edit: at most side² pixels in the picture's shape, in multiples that every trainer takes."""
    scale = min(1.0, side / math.sqrt(entry.width * entry.height))
    width, height = (
        max(1, round(length * scale / _SIZE_STEP)) * _SIZE_STEP for length in (entry.width, entry.height)
    )
    return width, height
