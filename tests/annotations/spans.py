"""Write a file, and read its segments and rejections as short values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actionpairs.records import Rejection
from tests.annotations.conftest import rows_of, segments_of


def write(folder: Path, name: str, content: object) -> list[Path]:
    """A file with this text, these bytes or this JSON."""
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return [folder / name]


def spans(paths: list[Path], **keys: Any) -> list[tuple[str, float, float, str]]:
    """Video, start, stop and instruction of every segment."""
    rows = segments_of(paths, **keys)
    return [(row.video, round(row.start_seconds, 9), round(row.stop_seconds, 9), row.instruction) for row in rows]


def details(paths: list[Path], **keys: Any) -> list[str]:
    """The reasons of all rejections, in order."""
    return [row.detail for row in rows_of(paths, **keys) if isinstance(row, Rejection)]
