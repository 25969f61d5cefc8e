"""The JSON schema of report.json, made from its records; `report.schema.json` beside this file holds the same."""

from __future__ import annotations

import json

from pydantic import TypeAdapter

from actionpairs.evaluation.records import Report

REPORT = TypeAdapter(Report)


def text() -> str:
    """JSON Schema 2020-12, as `docs/reference.py` writes it."""
    schema = REPORT.json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for record in (schema, *schema["$defs"].values()):
        record["additionalProperties"] = False
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
