"""Check the entries of JSON documents and the levels of nested segments, with one error for a wrong file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from actionpairs.annotations.file_signs import describe_document
from actionpairs.annotations.rows import file_name
from actionpairs.annotations.times import quoted
from actionpairs.errors import AnnotationError


def need_object(url: str, document: object, *, format_name: str, is_of_format: bool) -> dict[str, object]:
    """The document, if it is an object of the format; the AnnotationError says what it is instead."""
    if isinstance(document, dict) and is_of_format:
        return document
    raise AnnotationError(
        f"{url}: not {format_name}; it is {describe_document(document)}.",
        cure="Check `extract.annotations.format` in the recipe, or give another file.",
    )


def need_level(wanted: str, present: set[str], finest_first: Sequence[str], urls: Sequence[str]) -> str:
    """The level of nested segments to use; `leaf` means the finest one that is among the files.

    Raises AnnotationError if no file has the wanted level.
    """
    level = next((level for level in finest_first if level in present), "") if wanted == "leaf" else wanted
    if level not in present:
        names = ", ".join(file_name(url) for url in urls)[:200]
        raise AnnotationError(
            f"{names}: no segments of the level {wanted} in these files.",
            cure=f"Give a file that has them, or set `level` to one of: leaf, {', '.join(finest_first)}.",
        )
    return level


def members(document: object, key: str) -> list[object]:
    """The items of the list, or the values of the object, that a document has below a key; empty without it."""
    value = document.get(key) if isinstance(document, dict) else None
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def any_has(entries: Iterable[object], *keys: str) -> bool:
    """Whether any of the entries is an object with all these keys."""
    return any(isinstance(entry, Mapping) and all(key in entry for key in keys) for entry in entries)


def entry_name(url: str, key: str) -> str:
    """Where an entry of a document is: the file's name and the entry's key."""
    return f"{file_name(url)}, {key if key.isprintable() else quoted(key)}"
