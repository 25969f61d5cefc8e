"""What a shards folder calls its files, and what a sample calls its members."""

from __future__ import annotations

import hashlib
import re

INDEX_FILE = "index.json"
ORIGINAL, EDITED, PROMPT, METADATA = "original_image.jpg", "edited_image.jpg", "edit_prompt.txt", "json"
MEMBERS = (ORIGINAL, EDITED, PROMPT, METADATA)
_LONGEST_KEY = 80  # ustar holds 100 bytes of name, and `.original_image.jpg` takes 19


def key_of(segment_id: str) -> str:
    """A tar key for a segment: its id where that is safe, else the safe part of it and a digest.

    A key has letters, digits, `_` and `-` only: a dot would split it, a slash or `..` could leave the folder.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", segment_id).strip("-")
    if safe == segment_id and len(safe) <= _LONGEST_KEY:
        return safe
    return f"{safe[: _LONGEST_KEY - 11]}-{hashlib.sha256(segment_id.encode()).hexdigest()[:10]}".lstrip("-")


def shard_name(split: str, number: int) -> str:
    """The file name of a split's shard: `LC-train-000000.tar`."""
    return f"{split}-{number:06d}.tar"


def table_name(split: str) -> str:
    """The file name of a split's table: `LC-train.parquet`."""
    return f"{split}.parquet"
