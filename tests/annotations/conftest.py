"""Read files of a format in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from actionpairs.annotations import read
from actionpairs.formats import AnnotationFormat
from actionpairs.records import Rejection, Segment
from tests.annotations.examples import EXAMPLES, Example

SHARED = Path(__file__).parents[3] / "shared/data/annotations"
_CONFIG: TypeAdapter[AnnotationFormat] = TypeAdapter(AnnotationFormat)


def config(**keys: Any) -> AnnotationFormat:
    """The config of a format from a recipe's keys."""
    return _CONFIG.validate_python(keys)


def rows_of(paths: list[Path], **keys: Any) -> list[Segment | Rejection]:
    """All rows of files, as segments and rejections."""
    return list(read([str(path) for path in paths], config(**keys)))


def segments_of(paths: list[Path], **keys: Any) -> list[Segment]:
    """The segments of files."""
    return [row for row in rows_of(paths, **keys) if isinstance(row, Segment)]


def shared(name: str) -> Path:
    """A genuine file; skips the test if the shared data is not on this machine."""
    if not (SHARED / name).exists():
        pytest.skip("the genuine annotation files are not on this machine")
    return SHARED / name


@pytest.fixture(params=EXAMPLES, ids=lambda name: name.replace(" ", "-"))
def example(request: pytest.FixtureRequest) -> Example:
    return EXAMPLES[request.param]
