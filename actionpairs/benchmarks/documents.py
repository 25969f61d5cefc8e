"""The JSON files of benchmarks, and the files that they name. They come from the web: no path may lead outside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from actionpairs.benchmarks.benchmark import Faults
from actionpairs.errors import ScoreError
from actionpairs.evaluation.predictions import listed
from actionpairs.manifest import FileDigest
from actionpairs.storage import Folder

_LONGEST_NAME = 200  # bytes; file systems take 255, and temporary names are longer


def find_document(title: str, folder: Folder, names: Sequence[str]) -> str:
    """The path of the first of these files that is below a folder, the nearest to its top; else ScoreError."""
    there = folder.names(".json")
    for name in names:
        paths = [path for path in there if PurePosixPath(path).name == name]
        if paths:
            return min(paths, key=lambda path: (path.count("/"), path))
    has = listed(there) if there else "no JSON file"
    raise ScoreError(
        f"{title}: {folder} has no {' or '.join(names)}; it has {has}.",
        cure=f"Give the folder of {title} as it is released: docs/benchmarks.md says from where.",
    )


def load_json(folder: Folder, name: str) -> object:
    """The content of a JSON file; raises ScoreError if it is not JSON."""
    try:
        return json.loads(folder.read_bytes(name))
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {error}"
        raise ScoreError(f"{folder}/{name}: {what}.", cure="Get it again.") from None


def load_objects(folder: Folder, name: str, faults: Faults) -> list[dict[str, object]]:
    """The objects of a JSON list; other items are faults. Raises ScoreError if the file is no list."""
    content = load_json(folder, name)
    if not isinstance(content, list):
        raise ScoreError(
            f"{folder}/{name}: {type(content).__name__}, not a list of objects.", cure="Get it again."
        )
    for number, item in enumerate(content):
        if not isinstance(item, dict):
            faults.add("not objects", f"{name}[{number}]")
    return [item for item in content if isinstance(item, dict)]


def is_inside(path: str) -> bool:
    """Whether a path that a file names stays in the folder."""
    parts = PurePosixPath(path).parts
    return bool(path) and path.isprintable() and path[0] != "/" and "\\" not in path and ".." not in parts


def is_name(text: str) -> bool:
    """Whether a key or category can be the name of one file or folder."""
    is_plain = text.isprintable() and not set(text) & set("/\\")
    return is_plain and text not in {"", ".", ".."} and len(text.encode()) <= _LONGEST_NAME


def digest_of(folder: Folder, names: Iterable[str]) -> str:
    """A digest of files, by name and content: 16 hexadecimal digits."""
    digests = [(name, FileDigest.of_file(folder, name).sha256) for name in sorted(set(names))]
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:16]
