"""What differs between the run that made a folder and the one that wants to go on in it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MOST_NAMES = 4


def difference(owner: Mapping[str, Any], config: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """How a folder was made otherwise: `by another recipe (KEYS) and from other inputs (NAMES)`.

    owner: the content of its recipe.json. Without names if that says nothing of them.
    """
    old_config, old_inputs = owner.get("config"), owner.get("inputs")
    parts = []
    if isinstance(old_config, dict) and (keys := list(_changed(old_config, config))):
        parts.append(f"by another recipe ({_listed(keys)})")
    if isinstance(old_inputs, dict) and (names := list(_changed(old_inputs, inputs))):
        parts.append(f"from other inputs ({_listed(names)})")
    return " and ".join(parts) or "by another recipe or from other inputs"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], place: str = "") -> Iterator[str]:
    for name in [*new, *(name for name in old if name not in new)]:
        one, other = old.get(name), new.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _changed(one, other, f"{place}{name}.")
        elif one != other:
            yield f"{place}{name}"


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
