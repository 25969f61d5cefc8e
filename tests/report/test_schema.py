"""report.schema.json is the records' own, and reports satisfy it."""

from __future__ import annotations

import copy
import json
from importlib import resources

import jsonschema
import pytest

from actionpairs.report import files, schema
from tests.report.test_files import example

SHIPPED = resources.files("actionpairs.report").joinpath("report.schema.json").read_text(encoding="utf-8")


def test_the_shipped_schema_is_current() -> None:
    assert schema.text() == SHIPPED, "run: python docs/reference.py"


def test_a_report_satisfies_the_schema_and_a_changed_one_does_not() -> None:
    report = json.loads(files.to_json(example()))
    jsonschema.validate(report, json.loads(SHIPPED))
    for change in ({"rows": [{"name": "x"}]}, {"more": 1}, {"samples": "none"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(copy.deepcopy(report) | change, json.loads(SHIPPED))
