"""A small file of one format, with its expected result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Example:
    """Files of one format: the number of rows, how many become segments, and the first segment."""

    keys: dict[str, Any]
    files: dict[str, bytes]
    rows: int
    segments: int
    first: tuple[str, float, float, str]  # video, start, stop, instruction

    def write(self, folder: Path) -> list[Path]:
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        return [folder / name for name in self.files]


def json_bytes(content: object) -> bytes:
    """A JSON file."""
    return json.dumps(content).encode()
