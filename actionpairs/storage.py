"""Folders on a disk and in object stores, read and written alike.

A name inside a folder is a relative path with forward slashes. Nothing is published before it is whole: on a
disk a file is written under a temporary name, synced and renamed; an object store shows it when it is closed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from actionpairs.errors import MissingExtraError, StorageError

_PARTIAL = ".partial"
_FILES_KEPT_OPEN = 256  # of one folder; many systems allow a process 1,024


class Folder:
    """A folder by its local path or URL. Raises StorageError, which names it without its secrets."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.url = os.fspath(url).rstrip("/") or "/"
        try:
            self._system, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError:
            raise MissingExtraError.of("s3", needed_for=without_secrets(self.url)) from None
        except (OSError, ValueError) as error:
            raise StorageError(f"{self}: {error}.", cure="Give a local path or a URL.") from None
        self.is_local = isinstance(self._system, LocalFileSystem)
        self._opened = lru_cache(_FILES_KEPT_OPEN)(lambda name: _Descriptor(self.local_path(name)))

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        """Another process opens its files itself."""
        return Folder, (self.url,)

    def __str__(self) -> str:
        return without_secrets(self.url)

    def local_path(self, name: str = "") -> Path:
        """The path on this machine's disk; raises StorageError for a folder that is elsewhere."""
        if not self.is_local:
            raise StorageError(f"{self}: not on this machine's disk.", cure="Copy it here first.")
        return Path(self._root, name)

    def path(self, name: str = "") -> str:
        """The path or URL of a file inside, for libraries that open it themselves."""
        if self.is_local:
            return str(self.local_path(name))
        return f"{self.url}/{name}" if name else self.url

    def names(self, suffix: str = "") -> list[str]:
        """Every file below this folder whose name ends in `suffix`, sorted; none where there is no folder."""
        with self._translated(""):
            if not self._system.exists(self._root):
                return []
            found = cast(list[str], self._system.find(self._root))
        start = len(str(self._root).rstrip("/")) + 1
        return sorted(path[start:] for path in found if path.endswith(suffix) and not path.endswith(_PARTIAL))

    def entries(self, name: str = "") -> Iterator[tuple[str, bool]]:
        """What stands directly in a folder, sorted: the path below this one, and whether it is a folder itself."""
        with self._translated(name):
            found = self._system.ls(self._inside(name), detail=True)
        start = len(str(self._root).rstrip("/")) + 1
        for path, kind in sorted((str(item["name"]), item["type"]) for item in found):
            yield path.rstrip("/")[start:], kind == "directory"

    def exists(self, name: str = "") -> bool:
        """Whether the file (or the folder itself) is there."""
        with self._translated(name):
            return bool(self._system.exists(self._inside(name)))

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading and seeking."""
        with self._translated(name):
            return cast(BinaryIO, self._system.open(self._inside(name), "rb"))

    def read_bytes(self, name: str) -> bytes:
        """The whole of a file."""
        with self._translated(name), self._system.open(self._inside(name), "rb") as file:
            return cast(bytes, file.read())

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """The bytes [start, stop) of a file, fewer where it ends before; threads may share the folder.

        A local file is opened once and read from then on as it was, even where another takes its name; a store
        gets one request for this range alone.
        """
        with self._translated(name):
            if self.is_local:
                return _pread(self._opened(name), start, stop)
            try:
                return cast(bytes, self._system.cat_file(self._inside(name), start=start, end=stop))
            except (OSError, ImportError):
                raise
            except Exception as error:  # every store's library has errors of its own
                if getattr(error, "status", None) == 416:  # HTTP: the file ends before this range
                    return b""
                raise OSError(f"bytes {start} to {stop} cannot be read: {error}") from error

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Write a file that appears under its name when the block ends well, and not at all otherwise."""
        with self._translated(name):
            if self.is_local:
                with _published(self.local_path(name)) as file:
                    yield file
            else:
                with self._system.open(self._inside(name), "wb") as file:
                    yield file

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a whole file at once."""
        with self.create(name) as file:
            file.write(data)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        with self._translated(name):
            if self._system.exists(self._inside(name)):
                self._system.rm(self._inside(name))

    def remove_partials(self) -> None:
        """Remove what a killed run left half written. Only for the one run that holds this folder."""
        if self.is_local and self.exists():
            for path in self.local_path().rglob(f"*{_PARTIAL}"):
                path.unlink(missing_ok=True)

    def _inside(self, name: str) -> str:
        return f"{self._root}/{name}" if name else str(self._root)

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        """Turn what the operating system or the store says into a StorageError."""
        try:
            yield
        except FileNotFoundError:
            raise StorageError(
                f"{self}: {name or 'the folder'} is not there.",
                cure="Check the path, and that its stage is done.",
            ) from None
        except ImportError:
            raise MissingExtraError.of("s3", needed_for=str(self)) from None
        except OSError as error:
            where = f"{self}/{name}" if name else str(self)
            raise StorageError(f"{where}: {error.strerror or error}.", cure=_cure(error)) from error


class _Descriptor:
    """A file that stays open for as long as someone reads from it."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


def _pread(file: _Descriptor, start: int, stop: int) -> bytes:
    """Read [start, stop), which the system may hand out in parts."""
    data = os.pread(file.number, stop - start, start)
    while len(data) < stop - start and (
        more := os.pread(file.number, stop - start - len(data), start + len(data))
    ):
        data += more
    return data


@contextmanager
def _published(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{uuid4().hex[:8]}{_PARTIAL}")  # a cluster may try one task twice
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _cure(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "Check who may read and write there."
    if isinstance(error, NotADirectoryError | FileExistsError | IsADirectoryError):
        return "Choose another folder."
    if error.errno in {28, 122}:  # ENOSPC, EDQUOT
        return "Free some space and run the same command again: it goes on where it stopped."
    return "Check the path and run the same command again."


def located(url: str) -> tuple[Folder, str]:
    """The folder of a file's path or URL, and the file's name in it."""
    parent, _, name = url.rpartition("/")
    return Folder(parent or ("/" if url.startswith("/") else ".")), name


def without_secrets(url: str) -> str:
    """A URL as it may be shown: without user, password, and query."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
