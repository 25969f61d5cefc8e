"""File names of a shards folder, and member names of a sample in a tar."""

from __future__ import annotations

import hashlib
import re

INDEX_FILE = "index.json"
ORIGINAL, EDITED, PROMPT, METADATA = "original_image.jpg", "edited_image.jpg", "edit_prompt.txt", "json"
MEMBERS = (ORIGINAL, EDITED, PROMPT, METADATA)
_MAX_KEY_LENGTH = 80  # a ustar name has 100 bytes, and `.original_image.jpg` takes 19


def key_of(segment_id: str) -> str:
    """The tar key of a segment: its id where that is safe, else the safe part of the id and a digest.

    A key has letters, digits, `_` and `-` only. A dot would end the key early; a slash or `..` could point outside
    the folder.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", segment_id).strip("-")
    if safe == segment_id and len(safe) <= _MAX_KEY_LENGTH:
        return safe
    return f"{safe[: _MAX_KEY_LENGTH - 11]}-{hashlib.sha256(segment_id.encode()).hexdigest()[:10]}".lstrip("-")


def shard_name(split: str, number: int) -> str:
    """The file name of a shard: `LC-train-000000.tar`."""
    return f"{split}-{number:06d}.tar"


def table_name(split: str) -> str:
    """The file name of a split's table: `LC-train.parquet`."""
    return f"{split}.parquet"
