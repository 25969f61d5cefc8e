"""The small world of the examples, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples import world
from tests.first_day.clips import rendered_once


@pytest.fixture(scope="session")
def built_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every page starts from; pages work in copies."""
    folder = tmp_path_factory.mktemp("world")
    world.build(folder, rendered_once(tmp_path_factory))
    return folder
