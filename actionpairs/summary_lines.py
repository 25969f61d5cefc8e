"""Format a stage's summary as text lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any


def format_lines(summary: Any) -> Iterator[str]:
    """One line per field of a summary record, with counts and texts indented below the field's name."""
    names = {field.name: field.name.replace("_", " ") for field in fields(summary)}
    width = max(10, *(len(name) for name in names.values()))
    for field, name in names.items():
        value = getattr(summary, field)
        if isinstance(value, Mapping):
            yield from _mapping(value, name, width)
        elif isinstance(value, tuple):
            yield from (f"{name:>{width}}  {text}" for text in value)
        else:
            yield f"{name:>{width}}  {_text(value)}"


def _text(value: object) -> str:
    """Counts with commas, other numbers with four digits that count."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _mapping(values: Mapping[str, Any], name: str, width: int) -> Iterator[str]:
    if not values:
        yield f"{name:>{width}}  none"
    elif all(isinstance(value, int) for value in values.values()):
        # the counts of a training are of unlike things, and have no sum
        yield f"{name:>{width}}" if name == "counts" else f"{name:>{width}}  {sum(values.values()):,}"
        yield from (f"{count:>{width + 2},}  {key}" for key, count in values.items())
    else:
        yield f"{name:>{width}}"
        yield from (f"{'':>{width}}  {key}: {_text(text)}" for key, text in values.items())
