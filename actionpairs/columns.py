"""Convert the facts of pairs to table rows and back: fields of the segment, of the pair, and of the measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import pyarrow as pa

from actionpairs.records import Measures, PairFacts, Segment

_TYPES = {"int": pa.int64(), "str": pa.string(), "float": pa.float64(), "float | None": pa.float64()}
_SEGMENT, _MEASURES = fields(Segment), fields(Measures)
_OWN = tuple(field for field in fields(PairFacts) if field.name not in {"segment", "measures"})
_EARLIER = {"tolerance_seconds": 0.0, "decoded": "not recorded"}  # columns that schema version 1 lacks

FACTS = pa.schema([(field.name, _TYPES[str(field.type)]) for field in (*_SEGMENT, *_OWN, *_MEASURES)])


def row_of(facts: PairFacts) -> dict[str, Any]:
    """The facts of a pair as one flat row."""
    parts = ((facts.segment, _SEGMENT), (facts, _OWN), (facts.measures, _MEASURES))
    return {field.name: getattr(part, field.name) for part, part_fields in parts for field in part_fields}


def table(facts: Iterable[PairFacts]) -> pa.Table:
    """The facts of pairs, as a table with the schema FACTS."""
    return pa.Table.from_pylist([row_of(each) for each in facts], FACTS)


def facts_of(row: Mapping[str, Any], *, measures: Measures | None = None) -> PairFacts:
    """The facts of a pair, from its row. Other columns are ignored.

    measures: replace the row's measures; the row may then be of schema version 1.
    """
    if measures is None:
        measures = Measures(**{field.name: row[field.name] for field in _MEASURES})
    else:
        row = {**_EARLIER, **row}
    return PairFacts(
        segment=Segment(**{field.name: row[field.name] for field in _SEGMENT}),
        **{field.name: row[field.name] for field in _OWN},
        measures=measures,
    )
