"""Paths of this machine do not go up: in texts they are shortened to their last part, other files are refused."""

from __future__ import annotations

import json
import re
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from actionpairs.errors import StorageError, one_line
from actionpairs.storage import Folder

_TEXTS = frozenset({".json", ".md", ".tex", ".html", ".csv", ".txt", ".yaml"})
_MOST_HEADER_BYTES = 100 << 20
# Folders in which people keep their files. The character before it keeps web addresses and pictures in pages out.
_COMMON = r"/(?:home|Users|root|mnt|media|Volumes|data|work(?:space)?|projects?|scratch|srv|nfs|fsx|gpfs|lustre)"
_REST = r"(?:/(?:\\u[0-9a-f]{4}|[^\s\"'`<>|,;:)\]}\\])+)"  # JSON may write other letters as \uXXXX
_BEFORE = r"(?:(?<=file://)|(?<![\w/.+%-]))"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Texts without paths of this machine: file → its new content; and path → what stands there now."""

    texts: Mapping[str, bytes]
    replaced: Mapping[str, str]


def clean(folder: Folder, names: Sequence[str], config: Mapping[str, Any]) -> Cleaned:
    """Shorten the paths of this machine in the texts of a folder to their last parts.

    config: the recipe's section; every absolute path in it counts, wherever it leads. Raises StorageError where a
    path stands in a file that cannot be changed: the header of adapters, or a table.
    """
    pattern = _pattern(folder, config)
    texts: dict[str, bytes] = {}
    replaced: dict[str, str] = {}
    for name in names:
        suffix = PurePosixPath(name).suffix
        if suffix in _TEXTS:
            text = folder.read_bytes(name).decode(errors="surrogateescape")
            paths = {match[0] for match in pattern.finditer(text)}
            if paths:
                replaced |= {path: _last_part(path) for path in paths}
                texts[name] = pattern.sub(lambda match: _last_part(match[0]), text).encode(
                    errors="surrogateescape"
                )
        else:
            _refuse(folder, name, pattern, _values(folder, name, suffix))
    return Cleaned(texts, dict(sorted(replaced.items())))


def _last_part(path: str) -> str:
    return path.rstrip("/.").rpartition("/")[2] or "folder"


def _pattern(folder: Folder, config: Mapping[str, Any]) -> re.Pattern[str]:
    """What a path of this machine looks like: those of the recipe as they are, then those below such folders."""
    exact = _as_written({path.rstrip("/") for path in _paths(config)})
    own = {Path.home(), Path.cwd(), folder.local_path().absolute().parent, Path(tempfile.gettempdir())}
    below = _as_written({str(path) for path in own | {each.resolve() for each in own} if len(path.parts) > 1})
    options = [*(rf"{re.escape(path)}{_REST}?" for path in exact)]
    options += [rf"{_BEFORE}{re.escape(path)}{_REST}" for path in below]
    return re.compile("|".join([*options, rf"{_BEFORE}{_COMMON}{_REST}"]))


def _as_written(paths: set[str]) -> list[str]:
    """Paths in a text, and with the escapes that JSON may have; the longest first."""
    return sorted(paths | {json.dumps(path)[1:-1] for path in paths}, key=len, reverse=True)


def _paths(value: Any) -> Iterator[str]:
    """Every absolute path in a config."""
    if isinstance(value, str) and re.match(r"(?:~|/)[^/]*/.", value):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _paths(each)
    elif isinstance(value, list):
        for each in value:
            yield from _paths(each)


def _values(folder: Folder, name: str, suffix: str) -> Iterator[str]:
    """The texts in a file that is no text: a header of weights, the columns of a table."""
    if suffix == ".safetensors":
        with folder.open(name) as file, _readable(folder, name):
            (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
            header = json.loads(file.read(min(length, _MOST_HEADER_BYTES)))
        yield from map(str, header.get("__metadata__", {}).values())
    elif suffix == ".parquet":
        with folder.open(name) as file, _readable(folder, name):
            table = pq.ParquetFile(file)
            columns = [each.name for each in table.schema_arrow if pa.types.is_string(each.type)]
            for batch in table.iter_batches(columns=columns):
                for column in batch.columns:
                    yield from (value for value in column.unique().to_pylist() if value)


@contextmanager
def _readable(folder: Folder, name: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, pa.ArrowException) as error:
        raise StorageError(
            f"{folder}/{name}: cannot be read: {one_line(error)}.", cure="Make the folder anew. Nothing was sent."
        ) from None


def _refuse(folder: Folder, name: str, pattern: re.Pattern[str], values: Iterator[str]) -> None:
    for value in values:
        if match := pattern.search(value):
            raise StorageError(
                f"{folder}/{name}: it names {match[0]}, a path of this machine, which push does not send.",
                cure="Make it anew with a path or a hub id that others may see, such as OWNER/NAME.",
            )
