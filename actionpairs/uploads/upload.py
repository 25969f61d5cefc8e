"""Sending files to a repository: only what is not there yet, in one commit, with nothing else changed or removed.

Large files go up first, each by its hash. A stopped upload goes on: the hub keeps what it has, and nobody sees any
of it until the commit. More files than one commit takes go up in several; then `manifest.json` comes last.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actionpairs import stores
from actionpairs.errors import StorageError
from actionpairs.hub import client
from actionpairs.hub.address import HubAddress
from actionpairs.manifest import MANIFEST_FILE, FileDigest

_MOST_PER_COMMIT = 1000  # huggingface_hub's own limit; larger commits time out
_GIT_ATTRIBUTES = ".gitattributes"
_WRITE = "write to it"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file to send: its path on this machine or its bytes, and its digest."""

    source: Path | bytes
    digest: FileDigest

    @property
    def git_hash(self) -> str:
        """By what the hub knows a small file: git's hash of it."""
        data = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteState:
    """A repository's last commit, its files below the address (name → hash), and who may see it."""

    commit: str
    hashes: Mapping[str, str]
    private: bool


def open_repository(where: HubAddress, *, private: bool) -> RemoteState:
    """The repository with its branch, which are created where they are not there.

    Raises StorageError where the address may not be written to, or where everyone may read it and `private` is
    wanted; UnreachableError.
    """
    api = client.connect(needed_for=where.url)
    sdk = "static" if where.kind == "space" else None

    def create() -> None:
        with client.translated(where.url, do=_WRITE):
            if not api.repo_exists(where.repository, repo_type=where.kind):
                options = {"private": private, "space_sdk": sdk, "exist_ok": True}
                api.create_repo(where.repository, repo_type=where.kind, **options)
            if private and not api.repo_info(where.repository, repo_type=where.kind).private:
                raise StorageError(
                    f"{where.url}: this repository is there, and everyone may read it.",
                    cure="Add --public if that is meant, or choose another name.",
                )
            if where.revision and not api.revision_exists(where.repository, where.revision, repo_type=where.kind):
                api.create_branch(where.repository, branch=where.revision, repo_type=where.kind)

    stores.retry(create, where=where.url)
    return _state(api, where)


def changed(files: Mapping[str, UploadedFile], state: RemoteState) -> dict[str, UploadedFile]:
    """The files that the repository lacks, or has with other content."""
    return {
        name: file
        for name, file in files.items()
        if state.hashes.get(name) != file.digest.sha256
        and (len(state.hashes.get(name, "")) != 40 or state.hashes[name] != file.git_hash)
    }


def send(where: HubAddress, files: Mapping[str, UploadedFile], state: RemoteState, message: str) -> str:
    """Send the files that are not there yet, and return the commit. Raises StorageError and UnreachableError."""
    api = client.connect(needed_for=where.url)
    missing = changed(files, state)
    if len(missing) > _MOST_PER_COMMIT:
        missing[MANIFEST_FILE] = files[MANIFEST_FILE]  # the first commit takes that of the repository away
    batches = list(_batches(missing))
    for number, names in enumerate(batches):
        # Of several commits, the first takes an old manifest away: files and manifest would not match in between.
        removed = [MANIFEST_FILE] if len(batches) > 1 and number == 0 and MANIFEST_FILE in state.hashes else []
        part = f" (part {number + 1} of {len(batches)})" if len(batches) > 1 else ""
        _commit(api, where, {name: files[name] for name in names}, removed, message + part)
    return _state(api, where).commit if batches else state.commit


def _batches(files: Mapping[str, UploadedFile]) -> Iterator[Sequence[str]]:
    """The names of each commit, the manifest in the last."""
    names = sorted(files, key=lambda name: (name == MANIFEST_FILE, name))
    for start in range(0, len(names), _MOST_PER_COMMIT):
        yield names[start : start + _MOST_PER_COMMIT]


def _commit(
    api: Any, where: HubAddress, files: Mapping[str, UploadedFile], removed: Sequence[str], message: str
) -> None:
    """Upload and commit, again where the hub does not answer: what it has by then is not sent twice."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    additions = {name: CommitOperationAdd(where.inside(name), file.source) for name, file in files.items()}
    for name, addition in additions.items():  # else the client would read every file once more to hash it
        addition.upload_info.sha256 = bytes.fromhex(files[name].digest.sha256)
    place = {"repo_id": where.repository, "repo_type": where.kind, "revision": where.revision}

    def attempt() -> None:
        state = _state(api, where)
        missing = changed(files, state)
        gone = [name for name in removed if name in state.hashes]
        if not missing and not gone:  # the commit was made, and its answer was lost
            return
        operations = [
            *(CommitOperationDelete(where.inside(name)) for name in gone),
            *(additions[name] for name in missing),
        ]
        with client.translated(where.url, do=_WRITE), _unwrapped(where), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
            api.create_commit(**place, operations=operations, commit_message=message, parent_commit=state.commit)

    stores.retry(attempt, where=where.url)


@contextmanager
def _unwrapped(where: HubAddress) -> Iterator[None]:
    """Errors of single files as what caused them; what the hub says of the card as a StorageError."""
    try:
        yield
    except ValueError as error:
        raise StorageError(
            f"{where.url}: {' '.join(str(error).split())[:300].rstrip('.')}.", cure="Correct it. Nothing was sent."
        ) from None
    except RuntimeError as error:
        raise (error.__cause__ or error) from None


def _state(api: Any, where: HubAddress) -> RemoteState:
    from huggingface_hub.errors import EntryNotFoundError

    def ask() -> RemoteState:
        place = {"repo_id": where.repository, "repo_type": where.kind, "revision": where.revision}
        with client.translated(where.url, do=_WRITE):
            info = api.repo_info(**place)
            try:
                entries = list(api.list_repo_tree(**place, path_in_repo=where.path or None, recursive=True))
            except EntryNotFoundError:
                entries = []
        start = len(f"{where.path}/") if where.path else 0
        hashes = {
            entry.path[start:]: entry.lfs.sha256 if entry.lfs else entry.blob_id
            for entry in entries
            if hasattr(entry, "blob_id") and entry.path != _GIT_ATTRIBUTES
        }
        return RemoteState(info.sha, hashes, bool(info.private))

    return stores.retry(ask, where=where.url)
