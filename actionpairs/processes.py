"""How many processes torchrun started for one run, by the variables that it sets."""

from __future__ import annotations

import os


def world_size() -> int:
    """WORLD_SIZE; 1 where it is not set or is no number, as of a batch script's variable that is empty."""
    value = os.environ.get("WORLD_SIZE", "")
    return int(value) if value.isdecimal() else 1


def is_first() -> bool:
    """Whether this process is the only one of its run, or the one that speaks for all."""
    return world_size() == 1 or os.environ.get("RANK", "0") == "0"
