"""check and verify: are these shards the ones that were expected, and are they whole?"""

from __future__ import annotations

from collections.abc import Mapping

from actionpairs import manifest, shards
from actionpairs.errors import ShardError
from actionpairs.manifest import FileDigest
from actionpairs.storage import Folder, located


def check(folder_url: str, expected_url: str) -> None:
    """Compare a shards folder's manifest with a reviewed one; raises ShardError naming the first difference."""
    reviewed, name = located(expected_url)
    found = manifest.read(Folder(folder_url), stage="shard")
    expected = manifest.parse(reviewed.read_bytes(name), where=expected_url)
    for what, ours, theirs in (
        ("counts", found.counts, expected.counts),
        ("recipe", found.recipe_digest, expected.recipe_digest),
        ("files", found.files, expected.files),
    ):
        if ours != theirs:
            raise ShardError(
                f"{folder_url}: {what} differ from {expected_url}: {_difference(ours, theirs)}.",
                cure="Look for the cause; where the change is meant, a person updates the manifest in review.",
            )


def _difference(ours: object, theirs: object) -> str:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in sorted({*ours, *theirs}):
            if ours.get(key) != theirs.get(key):
                return f"{key}: {ours.get(key)}, expected {theirs.get(key)}"
    return f"{ours}, expected {theirs}"


def verify(folder_url: str) -> int:
    """Hash every file again and read every sample; returns how many there are.

    Raises ShardError at the first wrong thing.
    """
    folder = Folder(folder_url)
    made = manifest.read(folder, stage="shard")
    for name, digest in made.files.items():
        if not folder.exists(name):
            raise ShardError(f"{folder}/{name}: not there.", cure="Copy it again or make the shards anew.")
        if FileDigest.of_file(folder, name) != digest:
            raise ShardError(f"{folder}/{name}: not the bytes that were written.", cure="Copy it again.")
    return sum(1 for item in shards.read_index(folder).shards for _ in shards.samples(folder, item.name))
