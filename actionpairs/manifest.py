"""The manifest of an output folder: which run it belongs to, and the checksum of every file.

A stage locks its output folder and writes `recipe.json` first. `manifest.json` is written last. If it exists, the
stage finished, and it lists the checksum of every file.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from actionpairs.configs import Config
from actionpairs.errors import StorageError
from actionpairs.file_lock import locked_file
from actionpairs.records import Subset
from actionpairs.spec_difference import difference
from actionpairs.storage import Folder
from actionpairs.version import PACKAGE_VERSION, SCHEMA_VERSION

RECIPE_FILE = "recipe.json"
MANIFEST_FILE = "manifest.json"
LOCK_FILE = ".lock"
STAGING_FOLDER = ".measure"  # where `measure` puts the files that will replace those of a pairs folder
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The SHA-256 hash and the size of a file."""

    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, data: bytes) -> FileDigest:
        """The digest of bytes in memory."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))

    @classmethod
    def of_file(cls, folder: Folder, name: str) -> FileDigest:
        """The digest of a file, which is read in chunks."""
        digest, size = hashlib.sha256(), 0
        with folder.open(name) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                size += len(piece)
        return cls(digest.hexdigest(), size)


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What a stage computes: one section of a recipe, applied to inputs. inputs: name → digest."""

    stage: str
    recipe: str
    config: Config
    inputs: Mapping[str, str]

    @property
    def digest(self) -> str:
        """A digest of the content, without the recipe's name."""
        text = json.dumps([self.stage, self.config.digest(), sorted(self.inputs.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished stage wrote: counts, the digest of every file, and the samples of each subset.

    `schema_version` and `package_version` are those of the actionpairs that wrote it: 1 and "0.1" if the file has
    neither.
    """

    stage: str
    recipe: str
    recipe_digest: str
    spec_digest: str
    inputs: Mapping[str, str]
    counts: Mapping[str, int]
    files: Mapping[str, FileDigest]
    subsets: Mapping[str, Subset]
    schema_version: int = SCHEMA_VERSION
    package_version: str = PACKAGE_VERSION

    @property
    def digest(self) -> str:
        """A digest of everything that the stage wrote, without the two versions."""
        content = asdict(self)
        del content["schema_version"], content["package_version"]
        return hashlib.sha256(json_bytes(content)).hexdigest()[:16]


@contextmanager
def working(folder: Folder, spec: StageSpec) -> Iterator[Manifest | None]:
    """Lock a folder for one run of one spec. Yields the manifest if the stage has finished here before, else None.

    Raises StorageError if the folder belongs to another spec, to another version of actionpairs or to a running
    process, or if it has other files.
    """
    _check_owner(folder, spec)
    with locked(folder):
        folder.remove_partials()
        if folder.exists(MANIFEST_FILE):
            _logger.info("%s: `%s` has finished here before", folder, spec.stage)
            yield load(folder, stage=spec.stage)
            return
        _logger.info("%s: `%s` of the recipe %s begins or goes on", folder, spec.stage, spec.recipe)
        owner = {
            "stage": spec.stage,
            "recipe": spec.recipe,
            "spec_digest": spec.digest,
            "inputs": dict(spec.inputs),
            "config": spec.config.model_dump(mode="json"),
            "schema_version": SCHEMA_VERSION,
            "package_version": PACKAGE_VERSION,
        }
        folder.write_bytes(RECIPE_FILE, json_bytes(owner))
        yield None


def finish(
    folder: Folder,
    spec: StageSpec,
    *,
    counts: Mapping[str, int],
    files: Mapping[str, FileDigest],
    subsets: Mapping[str, Subset] | None = None,
) -> Manifest:
    """Write the manifest. Call it after every other file is written."""
    manifest = Manifest(
        stage=spec.stage,
        recipe=spec.recipe,
        recipe_digest=spec.config.digest(),
        spec_digest=spec.digest,
        inputs=dict(sorted(spec.inputs.items())),
        counts=dict(counts),
        files=dict(sorted(files.items())),
        subsets=dict(subsets or {}),
    )
    folder.remove_partials()  # of workers that were lost
    folder.write_bytes(MANIFEST_FILE, json_bytes(asdict(manifest)))
    _logger.info("%s: `%s` is finished", folder, spec.stage)
    return manifest


def load(folder: Folder, *, stage: str, oldest: int = SCHEMA_VERSION) -> Manifest:
    """Load the manifest of a finished folder.

    oldest: the first schema version that the caller can read. Raises StorageError if the stage has not finished,
    the folder is from another stage, or its schema version is too old or too new.
    """
    if not folder.exists(MANIFEST_FILE):
        _check_not_half_replaced(folder)
        what = f"no {MANIFEST_FILE}" if folder.names() else "no such folder, or an empty one"
        raise StorageError(
            f"{folder}: {what}, so `{stage}` has not finished here.",
            cure=f"Check the path, or run `actionpairs {stage}` again: it continues where it stopped.",
        )
    manifest = parse(folder.read_bytes(MANIFEST_FILE), where=f"{folder}/{MANIFEST_FILE}")
    if manifest.stage != stage:
        raise StorageError(
            f"{folder}: made by `{manifest.stage}`, not by `{stage}`.",
            cure=f"Use the folder that `{stage}` wrote.",
        )
    if not oldest <= manifest.schema_version <= SCHEMA_VERSION:
        raise _other_version(folder, stage, manifest)
    return manifest


def parse(data: bytes, *, where: str) -> Manifest:
    """A manifest from its JSON, of this schema version or an earlier one. Raises StorageError if it is not one."""
    try:
        content = _with_versions(json.loads(data))
        content["files"] = {name: FileDigest(**digest) for name, digest in content["files"].items()}
        content["subsets"] = {
            name: Subset(subset["rule"], tuple(subset["ids"])) for name, subset in content["subsets"].items()
        }
        return Manifest(**content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{where}: not a manifest: {error}.", cure="Make the folder again.") from None


def _with_versions(content: dict[str, Any]) -> dict[str, Any]:
    """A manifest or a recipe.json under its present names; one without versions is of schema version 1."""
    if "schema_version" not in content:
        content |= {"schema_version": 1, "package_version": "0.1"}
        content["spec_digest"] = content.pop("order_digest", None) or content["spec_digest"]
    return content


def folder_digest(folder: Folder) -> str:
    """A digest of a model's folder: of its manifest if `train` wrote it, else of all its files."""
    if folder.exists(MANIFEST_FILE):
        return load(folder, stage="train", oldest=1).digest
    digests = [(name, FileDigest.of_file(folder, name).sha256) for name in folder.names()]
    return hashlib.sha256(repr(digests).encode()).hexdigest()[:16]


def _other_version(folder: Folder, stage: str, manifest: Manifest) -> StorageError:
    version = f"{manifest.package_version} (schema {manifest.schema_version})"
    message = f"{folder}: written by actionpairs {version}; its columns have changed since."
    cure = f"Run `actionpairs {stage}` again, into a new folder."
    if manifest.schema_version > SCHEMA_VERSION:
        message = (
            f"{folder}: written by actionpairs {version}; this is {PACKAGE_VERSION} (schema {SCHEMA_VERSION})."
        )
        cure = "Install that version or a later one."
    elif stage == "extract":
        cure = f"Run `actionpairs measure {folder} --out NEW`: it needs the folder alone, and no video."
    return StorageError(message, cure=cure)


def reopen(folder: Folder, finished: Manifest | None) -> None:
    """Remove the manifest, since files will be added. Raises StorageError if another version wrote the others."""
    if finished and finished.package_version != PACKAGE_VERSION:
        raise _mixed_versions(folder, finished.package_version, finished.schema_version)
    folder.remove(MANIFEST_FILE)


def _check_not_half_replaced(folder: Folder) -> None:
    if folder.exists(f"{STAGING_FOLDER}/{MANIFEST_FILE}"):
        raise StorageError(
            f"{folder}: `actionpairs measure` was stopped while it replaced the files.",
            cure=f"Run `actionpairs measure {folder}` again: it finishes that.",
        )


def _check_owner(folder: Folder, spec: StageSpec) -> None:
    """Raise StorageError where a folder is not empty and was not begun by this spec and this version."""
    names = [name for name in folder.names() if name != LOCK_FILE]
    if not names:
        return
    if RECIPE_FILE not in names:
        raise StorageError(
            f"{folder}: not empty, and not a folder of `actionpairs {spec.stage}`.",
            cure="Choose an empty or a new folder for --out.",
        )
    if names == [RECIPE_FILE]:
        return  # begun, and stopped before anything was made: by a wrong column, for example
    is_finished = MANIFEST_FILE in names
    if not is_finished:
        _check_not_half_replaced(folder)
    owner = _owner(folder)
    digest, schema, package = owner["spec_digest"], owner["schema_version"], owner["package_version"]
    if schema != SCHEMA_VERSION and is_finished:  # its keys have other names, so its digest says nothing
        load(folder, stage=spec.stage)
    if schema == SCHEMA_VERSION and digest != spec.digest:
        raise StorageError(
            f"{folder}: made {difference(owner, spec.config.model_dump(mode='json'), spec.inputs)}.",
            cure=f"Choose another --out, or remove it; its {RECIPE_FILE} says what it was made of.",
        )
    if not is_finished and (schema, package) != (SCHEMA_VERSION, PACKAGE_VERSION):
        raise _mixed_versions(folder, package, schema)


def _owner(folder: Folder) -> dict[str, Any]:
    """What a folder was begun for: the content of its recipe.json, with the versions that began it."""
    unknown = {"spec_digest": "unknown", "schema_version": SCHEMA_VERSION, "package_version": PACKAGE_VERSION}
    try:
        return {**unknown, **_with_versions(json.loads(folder.read_bytes(RECIPE_FILE)))}
    except (ValueError, TypeError, KeyError, AttributeError):
        return unknown


def _mixed_versions(folder: Folder, package: str, schema: int) -> StorageError:
    return StorageError(
        f"{folder}: begun by actionpairs {package} (schema {schema}), and this is {PACKAGE_VERSION} "
        f"(schema {SCHEMA_VERSION}). One folder does not mix the output of two versions.",
        cure=f"Choose another --out, or use actionpairs {package} for this one.",
    )


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Lock a local folder against a second run. The operating system frees the lock when the process ends."""
    if not folder.is_local:
        yield
        return
    path = folder.local_path(LOCK_FILE)
    with locked_file(path, where=str(folder), option="--out"):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def json_bytes(data: object) -> bytes:
    """Data as JSON with sorted keys, so that equal data give equal bytes."""
    return (json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
