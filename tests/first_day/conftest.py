"""The tutorial's clips, for the page and for the notebook."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.first_day import clips


@pytest.fixture
def day_folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder but for the clips, which then need not be rendered again."""
    shutil.copytree(clips.rendered_once(tmp_path_factory), tmp_path / "day" / clips.NAME)
    return tmp_path / "day"
