"""Columns that a table may lack: under the names that the package's own recipe gives them, they are optional.

A name that only somebody's own recipe states is there on purpose, so a file without it is an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from actionpairs.annotations.rows import name_list
from actionpairs.annotations.tables.column_guess import names_of
from actionpairs.formats import TableColumns, TableFormat

_OPTIONAL = {"id": "segment_id", "verb": "verb", "noun": "noun", "group": "participant"}  # as in table.yaml
_INSTEAD = {
    "id": "ids are made from video, times and words",
    "verb": "an action is the whole instruction",
    "noun": "an action is the verb alone",
    "group": "a leak-free split goes by video alone",
}


def required(table: TableFormat) -> list[str]:
    """The names of the columns without which no row can be read."""
    optional = _optional(table)
    return [name for role, name in _named(table).items() if role not in optional]


def present(table: TableFormat, names: Sequence[str]) -> TableColumns:
    """The recipe's columns, without the optional ones that a file with these names does not have."""
    assert isinstance(table.columns, TableColumns)
    return table.columns.model_copy(update=dict.fromkeys(_absent(table, names)))


def describe_needs(table: TableFormat) -> str:
    """A sentence about which columns are required, and which are optional."""
    optional = [name for role, name in _named(table).items() if role in _optional(table)]
    may = f"; {_quoted(optional)} may be missing" if optional else ""
    return f"The recipe needs the columns {_quoted(required(table))}{may}."


def describe_absent(table: TableFormat, names: Sequence[str]) -> str:
    """Which optional columns a file lacks, similar names that it has, and what is used instead; or nothing."""
    absent = _absent(table, names)
    unused = [name for name in names if name not in _named(table).values()]
    instead = [_INSTEAD[role] for role in absent if role != "noun" or "verb" not in absent]
    columns = ", ".join(f"{name!r}{_hint(role, name, unused)}" for role, name in absent.items())
    return f"no column {columns}: {'; '.join(instead)}" if absent else ""


def _optional(table: TableFormat) -> set[str]:
    """The roles that may be absent: words may not if the recipe puts them into a text."""
    columns, templates = _named(table), table.instruction + table.action
    words = {"verb", "noun"} if "instruction" not in columns else set()
    return {
        role
        for role, name in _OPTIONAL.items()
        if columns.get(role) == name and role not in words and f"{{{role}}}" not in templates
    }


def _absent(table: TableFormat, names: Sequence[str]) -> dict[str, str]:
    optional = _optional(table)
    return {role: name for role, name in _named(table).items() if role in optional and name not in names}


def _named(table: TableFormat) -> dict[str, str]:
    """Role → column, of the columns that the recipe names."""
    assert isinstance(table.columns, TableColumns)
    return {role: name for role, name in table.columns.model_dump().items() if name is not None}


def _hint(role: str, wanted: str, unused: Sequence[str]) -> str:
    near = [*names_of(role, unused), *difflib.get_close_matches(wanted, unused, n=1, cutoff=0.7)]
    return f" (did you mean {name_list([repr(near[0])])}?)" if near else ""


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
