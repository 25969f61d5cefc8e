"""What the tests of the stages share."""

from __future__ import annotations

from pathlib import Path

SMALL_RECIPE = """
extends: table
shard:
  filters: {min_change: 0.012}
  splits: {tests: {tabletest: 2}}
  samples_per_shard: 3
"""


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
