"""The tutorial's clips, rendered once for all tests of a session, also by several workers."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from actionpairs.stages.demo import demo

NAME = "my-clips"


def rendered_once(factory: pytest.TempPathFactory) -> Path:
    """The folder that `actionpairs demo --only-videos` writes."""
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (root / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        demo(out=str(root / NAME), only_videos=True)
    return root / NAME
