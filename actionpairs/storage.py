"""One interface to folders on disk and in object stores.

A name inside a folder is a relative path with forward slashes. No partly written file ever appears under its name.
On disk, a file is written under a temporary name, synced and renamed. For an object store, it is written to a
temporary file on this machine (in TMPDIR) and uploaded in one request.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar, cast
from uuid import uuid4

from fsspec.implementations.local import LocalFileSystem
from fsspec.registry import known_implementations

from actionpairs import stores
from actionpairs.errors import MissingExtraError, StorageError, without_secrets
from actionpairs.hub.address import is_repository
from actionpairs.ranges import RangedFile

__all__ = ["Folder", "located"]

Result = TypeVar("Result")

_PARTIAL = ".partial"
_BUFFER_BYTES = 64 << 10  # per file that is written: hundreds of shards are open at once
_FILES_KEPT_OPEN = 256  # per folder; many systems allow 1,024 per process


class Folder:
    """A folder at a local path or URL. Methods raise StorageError, which names it without secrets."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self._name = self.url = os.fspath(url).rstrip("/") or "/"
        try:
            self.url = stores.pinned(self._name)
            self._system, self._root = stores.connect(self.url)
        except ImportError as error:
            raise _missing_package(self.url, error) from None
        except (OSError, ValueError) as error:
            raise StorageError(
                f"{self}: {stores.error_text(error)}.", cure="Give a local path or a URL."
            ) from None
        self.is_local = isinstance(self._system, LocalFileSystem)
        self._is_web = stores.is_web(self.url)
        self._descriptors = lru_cache(_FILES_KEPT_OPEN)(lambda name: _Descriptor(self.local_path(name)))

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        """Pickle the URL only: another process opens its own files, of the same commit if it is on the hub."""
        return Folder, (self.url,)

    def __str__(self) -> str:
        return without_secrets(self._name)

    def local_path(self, name: str = "") -> Path:
        """The path on the local disk; raises StorageError for a remote folder."""
        if not self.is_local:
            raise StorageError(f"{self}: not on this machine's disk.", cure="Give a folder on this machine.")
        return Path(self._root, name)

    def path(self, name: str = "") -> str:
        """The path or URL of a file, for libraries that open it themselves."""
        if self.is_local:
            return str(self.local_path(name))
        return f"{self.url}/{name}" if name else self.url

    def names(self, suffix: str = "") -> list[str]:
        """All files below this folder whose names end in `suffix`, sorted; empty if the folder does not exist."""
        names: list[str] = []
        with self._translate_errors(""), suppress(FileNotFoundError):
            if self._is_web:
                names = list(self._walk()) if self.exists() else []
            else:
                start = len(str(self._root).rstrip("/")) + 1
                names = [path[start:] for path in self._call("", lambda: self._system.find(self._root))]
        return sorted(name for name in names if name.endswith(suffix) and not name.endswith(_PARTIAL))

    def entries(self, name: str = "") -> Iterator[tuple[str, bool]]:
        """The direct entries of a subfolder, sorted: (path relative to this folder, whether it is a folder)."""
        with self._translate_errors(name):
            items = self._call(name, lambda: self._system.ls(self._listing_path(name), detail=True))
        start = len(str(self._root).rstrip("/")) + 1
        for path, kind in sorted((str(item["name"]), item["type"]) for item in items):
            inside = path.rstrip("/")[start:]
            if self._is_web and ("?" in inside or PurePosixPath(inside).parent != PurePosixPath(name)):
                continue  # an HTML listing has other links too
            yield inside, kind == "directory"

    def _walk(self, name: str = "") -> Iterator[str]:
        """All files below a subfolder, by one listing per folder."""
        for path, is_folder in self.entries(name):
            yield from self._walk(path) if is_folder else (path,)

    def exists(self, name: str = "") -> bool:
        """Whether the file, or the folder itself, exists."""
        # Not fsspec's `exists`: some stores return False on any error.
        info, ls = self._system.info, self._system.ls
        look = (
            partial(info, self._store_path(name)) if name or self.is_local else partial(ls, self._listing_path(""))
        )
        with self._translate_errors(name):
            try:
                self._call(name, look)
            except (FileNotFoundError, NotADirectoryError) as error:
                if stores.is_unauthorized(error):
                    raise
                return False
        return True

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading and seeking; a remote file is a RangedFile."""
        with self._translate_errors(name):
            if self.is_local:
                return cast(BinaryIO, self._system.open(self._store_path(name), "rb"))
            size_bytes = self._call(name, lambda: self._system.info(self._store_path(name))["size"])
        if size_bytes is None:
            raise StorageError(f"{self}/{name}: its server does not say its size.", cure="Copy the file first.")
        return cast(
            BinaryIO, RangedFile(partial(self.read_range, name), size_bytes=size_bytes, where=f"{self}/{name}")
        )

    def read_bytes(self, name: str) -> bytes:
        """The content of a file."""
        with self._translate_errors(name):
            if self.is_local:
                return self.local_path(name).read_bytes()
            return cast(bytes, self._call(name, lambda: self._system.cat_file(self._store_path(name))))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """The bytes [start, stop) of a file, fewer at its end; safe to call from several threads.

        A local file is opened once and stays the same even if it is replaced. A store gets one request for this
        range.
        """
        with self._translate_errors(name):
            if self.is_local:
                return _pread(self._descriptors(name), start, stop)
            try:
                return cast(
                    bytes,
                    self._call(name, lambda: self._system.cat_file(self._store_path(name), start=start, end=stop)),
                )
            except OSError as error:
                if stores.http_status(error) == 416:  # HTTP: the file ends before this range
                    return b""
                raise

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Write a file that appears under its name when the block ends without an exception, else not at all."""
        with self._translate_errors(name):
            self._refuse_hub()
            if self.is_local:
                with _write_atomically(self.local_path(name)) as file:
                    yield file
            else:
                with self._upload(name) as file:
                    yield file

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file."""
        with self.create(name) as file:
            file.write(data)

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        with self._translate_errors(name), suppress(FileNotFoundError):
            self._refuse_hub()
            self._call(name, lambda: self._system.rm(self._store_path(name)))

    def remove_partials(self) -> None:
        """Remove partly written files of a killed run. Call it only while this run holds the folder's lock."""
        if self.is_local and self.exists():
            for path in self.local_path().rglob(f"*{_PARTIAL}"):
                path.unlink(missing_ok=True)

    def _refuse_hub(self) -> None:
        """Raise StorageError if this is a repository: each file would be a commit, and those are limited."""
        if is_repository(self.url):
            raise StorageError(
                f"{self}: a repository on the hub is for reading.",
                cure=f"Give a folder here for --out; `actionpairs push` then sends it to {self}.",
            )

    def _store_path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else str(self._root)

    def _listing_path(self, name: str) -> str:
        """A subfolder's path for listings: web servers need the trailing slash."""
        return self._store_path(name) + "/" * self._is_web

    def _call(self, name: str, call: Callable[[], Result]) -> Result:
        """Call the file system, with retries for a store."""
        return call() if self.is_local else stores.retry(call, where=f"{self}/{name}".rstrip("/"))

    @contextmanager
    def _upload(self, name: str) -> Iterator[BinaryIO]:
        if self._is_web:
            raise StorageError(
                f"{self}: a web server is for reading.", cure="Give a folder or a bucket for --out."
            )
        with tempfile.NamedTemporaryFile(suffix=PurePosixPath(name).suffix) as file:
            yield cast(BinaryIO, file)
            file.flush()
            try:
                self._call(name, lambda: self._system.put_file(file.name, self._store_path(name)))
            except FileNotFoundError:
                raise StorageError(f"{self}: no such bucket.", cure="Check its name, or create it.") from None

    @contextmanager
    def _translate_errors(self, name: str) -> Iterator[None]:
        """Translate errors of the operating system or the store to StorageError."""
        where = f"{self}/{name}" if name else str(self)
        try:
            yield
        except ImportError as error:
            raise _missing_package(self.url, error) from None
        except OSError as error:
            if not self.is_local and stores.is_unauthorized(error):
                raise StorageError(f"{where}: {stores.error_text(error)}.", cure=stores.CREDENTIALS) from None
            if isinstance(error, FileNotFoundError):
                path = (name if self.is_local else name.partition("?")[0]) or "the folder"
                raise StorageError(
                    f"{path if self.url == '.' else f'{self}: {path}'} is not there.",
                    cure="Check the path, and that its stage is done.",
                ) from None
            raise StorageError(f"{where}: {stores.error_text(error)}.", cure=_cure(error)) from None


class _Descriptor:
    """An open file descriptor that is closed when it is no longer referenced."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


def _pread(file: _Descriptor, start: int, stop: int) -> bytes:
    """Read [start, stop); the system may return it in several parts."""
    data = os.pread(file.number, stop - start, start)
    while len(data) < stop - start and (
        more := os.pread(file.number, stop - start - len(data), start + len(data))
    ):
        data += more
    return data


@contextmanager
def _write_atomically(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(
        f"{path.name}.{uuid4().hex[:8]}{_PARTIAL}"
    )  # a cluster may run a task twice at the same time
    try:
        with partial.open("wb", buffering=_BUFFER_BYTES) as file:
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


def _missing_package(url: str, error: ImportError) -> MissingExtraError:
    protocol = url.partition("://")[0]
    if protocol in {"s3", "s3a", "http", "https"}:
        return MissingExtraError.of("s3", needed_for=url)
    if protocol == "hf":
        return MissingExtraError.of("hub", needed_for=url)
    cure = known_implementations.get(protocol, {}).get("err") or stores.error_text(error)
    return MissingExtraError(f"{url} needs a package that is not installed here.", cure=f"{cure}.")


def located(url: str) -> tuple[Folder, str]:
    """The folder of a file's path or URL, and the file's name in it."""
    path, mark, query = url.partition("?") if "://" in url else (url, "", "")
    parent, _, name = path.rpartition("/")
    return Folder(parent or ("/" if url.startswith("/") else ".")), name + mark + query
