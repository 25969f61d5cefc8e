"""What is known of a pair as columns of a table, both ways: its segment's fields, its own, its measures'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import pyarrow as pa

from actionpairs.records import Measures, PairFacts, Segment

_KINDS = {"int": pa.int64(), "str": pa.string(), "float": pa.float64(), "float | None": pa.float64()}
_SEGMENT, _MEASURES = fields(Segment), fields(Measures)
_OWN = tuple(field for field in fields(PairFacts) if field.name not in {"segment", "measures"})

FACTS = pa.schema([(field.name, _KINDS[str(field.type)]) for field in (*_SEGMENT, *_OWN, *_MEASURES)])


def row_of(facts: PairFacts) -> dict[str, Any]:
    """A pair's facts as one row, flat."""
    parts = ((facts.segment, _SEGMENT), (facts, _OWN), (facts.measures, _MEASURES))
    return {field.name: getattr(part, field.name) for part, listed in parts for field in listed}


def table(known: Iterable[PairFacts]) -> pa.Table:
    """Pairs' facts as a table of FACTS."""
    return pa.Table.from_pylist([row_of(facts) for facts in known], FACTS)


def facts_of(row: Mapping[str, Any]) -> PairFacts:
    """A pair's facts from its row; other columns are left aside."""
    return PairFacts(
        segment=Segment(**{field.name: row[field.name] for field in _SEGMENT}),
        **{field.name: row[field.name] for field in _OWN},
        measures=Measures(**{field.name: row[field.name] for field in _MEASURES}),
    )
