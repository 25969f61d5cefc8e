"""The tutorial from the built wheel in fresh environments: opt-in, for it downloads and takes long.

ACTIONPAIRS_FIRST_DAY="python3.11 python3.13" python -m pytest tests/first_day/test_replay.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.first_day import replay

PYTHONS = os.environ.get("ACTIONPAIRS_FIRST_DAY", "").split()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not PYTHONS, reason="ACTIONPAIRS_FIRST_DAY names no interpreters")
def test_the_tutorial_runs_from_the_wheel_outside_of_the_checkout(tmp_path: Path) -> None:
    arguments = [word for python in PYTHONS for word in ("--python", python)]
    assert replay.main([*arguments, "--work", str(tmp_path)]) == 0
