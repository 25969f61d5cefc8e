"""Folders on a disk and in object stores, read and written alike.

A name inside a folder is a relative path with forward slashes. Nothing is published before it is whole: on a
disk a file is written under a temporary name, synced and renamed; an object store gets it in one upload, from a
temporary file on this machine (in TMPDIR), and shows it when that is whole.
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
from actionpairs.ranges import RangedFile

__all__ = ["Folder", "located"]

Answer = TypeVar("Answer")

_PARTIAL = ".partial"
_BUFFER_BYTES = 64 << 10  # of a file that is written: hundreds of shards are, in turn
_FILES_KEPT_OPEN = 256  # of one folder; many systems allow a process 1,024


class Folder:
    """A folder by its local path or URL. Raises StorageError, which names it without its secrets."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.url = os.fspath(url).rstrip("/") or "/"
        try:
            self._system, self._root = stores.connect(self.url)
        except ImportError as error:
            raise _missing_package(self.url, error) from None
        except (OSError, ValueError) as error:
            raise StorageError(f"{self}: {stores.said(error)}.", cure="Give a local path or a URL.") from None
        self.is_local = isinstance(self._system, LocalFileSystem)
        self._is_web = stores.is_web(self.url)
        self._opened = lru_cache(_FILES_KEPT_OPEN)(lambda name: _Descriptor(self.local_path(name)))

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        """Another process opens its files itself."""
        return Folder, (self.url,)

    def __str__(self) -> str:
        return without_secrets(self.url)

    def local_path(self, name: str = "") -> Path:
        """The path on this machine's disk; raises StorageError for a folder that is elsewhere."""
        if not self.is_local:
            raise StorageError(f"{self}: not on this machine's disk.", cure="Give a folder on this machine.")
        return Path(self._root, name)

    def path(self, name: str = "") -> str:
        """The path or URL of a file inside, for libraries that open it themselves."""
        if self.is_local:
            return str(self.local_path(name))
        return f"{self.url}/{name}" if name else self.url

    def names(self, suffix: str = "") -> list[str]:
        """Every file below this folder whose name ends in `suffix`, sorted; none where there is no folder."""
        found: list[str] = []
        with self._translated(""), suppress(FileNotFoundError):
            if self._is_web:
                found = list(self._walk()) if self.exists() else []
            else:
                start = len(str(self._root).rstrip("/")) + 1
                found = [path[start:] for path in self._ask("", lambda: self._system.find(self._root))]
        return sorted(name for name in found if name.endswith(suffix) and not name.endswith(_PARTIAL))

    def entries(self, name: str = "") -> Iterator[tuple[str, bool]]:
        """What stands directly in a folder, sorted: the path below this one, and whether it is a folder itself."""
        with self._translated(name):
            found = self._ask(name, lambda: self._system.ls(self._listed(name), detail=True))
        start = len(str(self._root).rstrip("/")) + 1
        for path, kind in sorted((str(item["name"]), item["type"]) for item in found):
            inside = path.rstrip("/")[start:]
            if self._is_web and ("?" in inside or PurePosixPath(inside).parent != PurePosixPath(name)):
                continue  # a page has other links too
            yield inside, kind == "directory"

    def _walk(self, name: str = "") -> Iterator[str]:
        """Every file below a folder, one listing after the other."""
        for path, is_folder in self.entries(name):
            yield from self._walk(path) if is_folder else (path,)

    def exists(self, name: str = "") -> bool:
        """Whether the file (or the folder itself) is there."""
        # Not by the stores' own `exists`: some say no where they mean that they do not know.
        info, ls = self._system.info, self._system.ls
        look = partial(info, self._inside(name)) if name or self.is_local else partial(ls, self._listed(""))
        with self._translated(name):
            try:
                self._ask(name, look)
            except (FileNotFoundError, NotADirectoryError) as error:
                if stores.refused(error):
                    raise
                return False
        return True

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading and seeking; one that is far away is a RangedFile."""
        with self._translated(name):
            if self.is_local:
                return cast(BinaryIO, self._system.open(self._inside(name), "rb"))
            size_bytes = self._ask(name, lambda: self._system.info(self._inside(name))["size"])
        if size_bytes is None:
            raise StorageError(f"{self}/{name}: its server does not say its size.", cure="Copy the file first.")
        return cast(
            BinaryIO, RangedFile(partial(self.read_range, name), size_bytes=size_bytes, where=f"{self}/{name}")
        )

    def read_bytes(self, name: str) -> bytes:
        """The whole of a file."""
        with self._translated(name):
            return cast(bytes, self._ask(name, lambda: self._system.cat_file(self._inside(name))))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """The bytes [start, stop) of a file, fewer where it ends before; threads may share the folder.

        A local file is opened once and read from then on as it was, even where another takes its name; a store
        gets one request for this range alone.
        """
        with self._translated(name):
            if self.is_local:
                return _pread(self._opened(name), start, stop)
            try:
                return cast(
                    bytes,
                    self._ask(name, lambda: self._system.cat_file(self._inside(name), start=start, end=stop)),
                )
            except OSError as error:
                if stores.status(error) == 416:  # HTTP: the file ends before this range
                    return b""
                raise

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """Write a file that appears under its name when the block ends well, and not at all otherwise."""
        with self._translated(name):
            if self.is_local:
                with _published(self.local_path(name)) as file:
                    yield file
            else:
                with self._uploaded(name) as file:
                    yield file

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a whole file at once."""
        with self.create(name) as file:
            file.write(data)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        with self._translated(name), suppress(FileNotFoundError):
            self._ask(name, lambda: self._system.rm(self._inside(name)))

    def remove_partials(self) -> None:
        """Remove what a killed run left half written. Only for the one run that holds this folder."""
        if self.is_local and self.exists():
            for path in self.local_path().rglob(f"*{_PARTIAL}"):
                path.unlink(missing_ok=True)

    def _inside(self, name: str) -> str:
        return f"{self._root}/{name}" if name else str(self._root)

    def _listed(self, name: str) -> str:
        """A folder inside as listings want it: web servers take one without a slash for a file."""
        return self._inside(name) + "/" * self._is_web

    def _ask(self, name: str, call: Callable[[], Answer]) -> Answer:
        """What the disk answers, or the store, which is asked again while it is not well."""
        return call() if self.is_local else stores.patiently(call, where=f"{self}/{name}".rstrip("/"))

    @contextmanager
    def _uploaded(self, name: str) -> Iterator[BinaryIO]:
        if self._is_web:
            raise StorageError(
                f"{self}: a web server is for reading.", cure="Give a folder or a bucket for --out."
            )
        with tempfile.NamedTemporaryFile(suffix=PurePosixPath(name).suffix) as file:
            yield cast(BinaryIO, file)
            file.flush()
            try:
                self._ask(name, lambda: self._system.put_file(file.name, self._inside(name)))
            except FileNotFoundError:
                raise StorageError(f"{self}: no such bucket.", cure="Check its name, or create it.") from None

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        """Turn what the operating system or the store says into a StorageError."""
        where = f"{self}/{name}" if name else str(self)
        try:
            yield
        except ImportError as error:
            raise _missing_package(self.url, error) from None
        except OSError as error:
            if not self.is_local and stores.refused(error):
                raise StorageError(f"{where}: {stores.said(error)}.", cure=stores.CREDENTIALS) from None
            if isinstance(error, FileNotFoundError):
                shown = name if self.is_local else name.partition("?")[0]
                raise StorageError(
                    f"{self}: {shown or 'the folder'} is not there.",
                    cure="Check the path, and that its stage is done.",
                ) from None
            raise StorageError(f"{where}: {stores.said(error)}.", cure=_cure(error)) from None


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
    cure = known_implementations.get(protocol, {}).get("err") or stores.said(error)
    return MissingExtraError(f"{url} needs a package that is not installed here.", cure=f"{cure}.")


def located(url: str) -> tuple[Folder, str]:
    """The folder of a file's path or URL, and the file's name in it."""
    path, mark, query = url.partition("?") if "://" in url else (url, "", "")
    parent, _, name = path.rpartition("/")
    return Folder(parent or ("/" if url.startswith("/") else ".")), name + mark + query
