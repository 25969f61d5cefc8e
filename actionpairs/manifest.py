"""What a stage's folder says of itself.

`recipe.json` is written first and says what is being made of what: a run that finds another one refuses the
folder. `manifest.json` is written last: it is there only when the stage is done and every byte is in place.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from actionpairs.configs import Config
from actionpairs.errors import StorageError
from actionpairs.records import Subset
from actionpairs.storage import Folder

RECIPE_FILE = "recipe.json"
MANIFEST_FILE = "manifest.json"
LOCK_FILE = ".lock"


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The content of a file, by hash and size."""

    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, data: bytes) -> FileDigest:
        """The digest of bytes in memory."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))

    @classmethod
    def of_file(cls, folder: Folder, name: str) -> FileDigest:
        """The digest of a file, read in pieces."""
        digest, size = hashlib.sha256(), 0
        with folder.open(name) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                size += len(piece)
        return cls(digest.hexdigest(), size)


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What a stage is asked to make: a recipe's section applied to inputs, which are named by digest."""

    stage: str
    recipe: str
    config: Config
    inputs: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Name this order by its content; the recipe's own name takes no part."""
        text = json.dumps([self.stage, self.config.digest(), sorted(self.inputs.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished stage made: counts, every file by digest, and who is in which subset."""

    stage: str
    recipe: str
    recipe_digest: str
    spec_digest: str
    inputs: Mapping[str, str]
    counts: Mapping[str, int]
    files: Mapping[str, FileDigest]
    subsets: Mapping[str, Subset]

    @property
    def digest(self) -> str:
        """Name everything that the stage made."""
        return hashlib.sha256(_json_bytes(asdict(self))).hexdigest()[:16]


@contextmanager
def working(folder: Folder, order: StageSpec) -> Iterator[Manifest | None]:
    """Hold a folder for one run of one order; gives the manifest where the work is done already.

    Raises StorageError where the folder belongs to another order, to other files, or to a run under way.
    """
    _check_owner(folder, order)
    with _locked(folder):
        folder.remove_partials()
        if folder.exists(MANIFEST_FILE):
            yield read(folder, stage=order.stage)
            return
        config = order.config.model_dump(mode="json")
        folder.write_bytes(
            RECIPE_FILE,
            _json_bytes(
                {
                    "stage": order.stage,
                    "recipe": order.recipe,
                    "spec_digest": order.digest,
                    "inputs": dict(order.inputs),
                    "config": config,
                }
            ),
        )
        yield None


def finish(
    folder: Folder,
    order: StageSpec,
    *,
    counts: Mapping[str, int],
    files: Mapping[str, FileDigest],
    subsets: Mapping[str, Subset] | None = None,
) -> Manifest:
    """Write the manifest, last of all."""
    manifest = Manifest(
        stage=order.stage,
        recipe=order.recipe,
        recipe_digest=order.config.digest(),
        spec_digest=order.digest,
        inputs=dict(sorted(order.inputs.items())),
        counts=dict(counts),
        files=dict(sorted(files.items())),
        subsets=dict(subsets or {}),
    )
    folder.remove_partials()  # of workers that were lost
    folder.write_bytes(MANIFEST_FILE, _json_bytes(asdict(manifest)))
    return manifest


def read(folder: Folder, *, stage: str) -> Manifest:
    """Read a finished folder's manifest; raises StorageError where the stage is not done or is another."""
    if not folder.exists(MANIFEST_FILE):
        raise StorageError(
            f"{folder}: no {MANIFEST_FILE}, so `{stage}` has not finished here.",
            cure=f"Check the path, or run `actionpairs {stage}` again: it goes on where it stopped.",
        )
    manifest = parse(folder.read_bytes(MANIFEST_FILE), where=f"{folder}/{MANIFEST_FILE}")
    if manifest.stage != stage:
        raise StorageError(
            f"{folder}: made by `{manifest.stage}`, not by `{stage}`.",
            cure=f"Give the folder that `{stage}` wrote.",
        )
    return manifest


def parse(data: bytes, *, where: str) -> Manifest:
    """A manifest from its JSON; raises StorageError where it is none."""
    try:
        content = json.loads(data)
        content["files"] = {name: FileDigest(**digest) for name, digest in content["files"].items()}
        content["subsets"] = {
            name: Subset(subset["rule"], tuple(subset["ids"])) for name, subset in content["subsets"].items()
        }
        return Manifest(**content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{where}: not a manifest: {error}.", cure="Make the folder anew.") from None


def folder_digest(folder: Folder) -> str:
    """Name a model's folder by its content: by its manifest where `train` wrote it, else by all of its files."""
    if folder.exists(MANIFEST_FILE):
        return read(folder, stage="train").digest
    digests = [(name, FileDigest.of_file(folder, name).sha256) for name in folder.names()]
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:16]


def _check_owner(folder: Folder, order: StageSpec) -> None:
    names = [name for name in folder.names() if name != LOCK_FILE]
    if not names:
        return
    if RECIPE_FILE not in names:
        raise StorageError(
            f"{folder}: not empty, and not a folder of `actionpairs {order.stage}`.",
            cure="Choose an empty or a new folder for --out.",
        )
    try:
        owner = json.loads(folder.read_bytes(RECIPE_FILE))["spec_digest"]
    except (ValueError, TypeError, KeyError):
        owner = "unknown"
    if owner != order.digest:
        raise StorageError(
            f"{folder}: made by another recipe or from other inputs ({owner}, not {order.digest}).",
            cure=f"Choose another --out, or remove it; its {RECIPE_FILE} says what it was made of.",
        )


@contextmanager
def _locked(folder: Folder) -> Iterator[None]:
    """Keep a second run out of a local folder; the operating system frees the lock when a run dies."""
    if not folder.is_local:
        yield
        return
    path = folder.local_path(LOCK_FILE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}.", cure="Choose another folder for --out.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StorageError(
            f"{folder}: another run is at work here.", cure="Wait for it, or choose another --out."
        ) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _json_bytes(data: object) -> bytes:
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
