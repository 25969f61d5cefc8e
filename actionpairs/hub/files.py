"""The files of a repository on the hub, as `storage.Folder` reads them: one commit, kept in the hub's own cache.

Shards, tables and small files are downloaded whole and once, into HF_HOME: a request for each sample would soon
reach the hub's rate limit. Of other large files, such as videos, only the ranges that are asked for are read.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from actionpairs.errors import StorageError
from actionpairs.hub import address, client

_SMALL_BYTES = 16 << 20
_SHARDS, _SHARD_BYTES = frozenset({".tar", ".parquet", ".arrow"}), 1 << 30  # released frames are larger tars


def pin(url: str) -> str:
    """The address with the commit that its branch or tag is now, so that a run reads one state of it.

    Offline, the address as it is. Raises StorageError if there is no such repository or revision.
    """
    where = address.parse(url)
    api = client.connect(needed_for=url)
    if where.is_pinned or client.is_offline():
        return where.url
    with client.translated(url):
        info = api.repo_info(where.repository, revision=where.revision, repo_type=where.kind)
    return where.at(info.sha).url


def cached_folder(url: str) -> str:
    """The folder of this machine that holds what was downloaded of a repository. Raises StorageError."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    where = address.parse(url)
    try:
        folder = snapshot_download(
            where.repository, revision=where.revision, repo_type=where.kind, local_files_only=True
        )
    except LocalEntryNotFoundError:
        raise StorageError(
            f"{url}: HF_HUB_OFFLINE is set, and nothing of it has been downloaded.",
            cure="Unset HF_HUB_OFFLINE once. Offline, a commit is found by its name: @COMMIT.",
        ) from None
    return str(Path(folder, where.path))


class HubFiles:
    """The part of fsspec's interface that `Folder` uses, for one commit of a repository."""

    def __init__(self, url: str) -> None:
        from huggingface_hub import HfFileSystem

        self.address = address.parse(url)
        # Its own instance: those that fsspec shares keep listings of hours ago. Listings of a commit stay true.
        self._system: Any = HfFileSystem(skip_instance_cache=True)
        self._downloaded: dict[str, Path] = {}

    @property
    def root(self) -> str:
        """The folder's path in this file system."""
        return "/".join(part for part in (self.address.root, self.address.path) if part)

    def find(self, path: str) -> list[str]:
        """Every file below a folder."""
        with client.translated(self.address.url):
            return list(self._system.find(path))

    def ls(self, path: str, *, detail: bool = True) -> list[dict[str, Any]]:
        """The direct entries of a folder: name, size and type."""
        with client.translated(self.address.url):
            return list(self._system.ls(path, detail=detail))

    def info(self, path: str) -> dict[str, Any]:
        """Name, size and type of an entry."""
        with client.translated(self.address.url):
            return dict(self._system.info(path))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes [start, end) of a file, or all of them."""
        with client.translated(self.address.url):
            if start is not None and not self._is_whole(path):
                # Without `cache_type`, fsspec would read 5 MB ahead of every range.
                return bytes(self._system.cat_file(path, start, end, cache_type="none"))
            file = self._downloaded.get(path) or self._download(path)
        with file.open("rb") as opened:
            opened.seek(start or 0)
            return opened.read(-1 if end is None else max(end - (start or 0), 0))

    def _is_whole(self, path: str) -> bool:
        """Whether a file of which a part is asked for is downloaded whole."""
        if path in self._downloaded:
            return True
        size = int(self._system.info(path)["size"])
        return size <= (_SHARD_BYTES if PurePosixPath(path).suffix in _SHARDS else _SMALL_BYTES)

    def _download(self, path: str) -> Path:
        from huggingface_hub import hf_hub_download

        where, name = self.address, path.removeprefix(f"{self.address.root}/")
        file = Path(hf_hub_download(where.repository, name, repo_type=where.kind, revision=where.revision))
        self._downloaded[path] = file
        return file
