"""A lock on a file of this machine, against a second run. The operating system frees it when the process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actionpairs.errors import StorageError


@contextmanager
def locked_file(path: Path, *, where: str, option: str, flags: int = 0) -> Iterator[int]:
    """Open a file, which is made if it is not there, and lock it. Gives its handle; it is closed at the end.

    where: what is in use then, for messages. option: of the command line, by which another place is chosen. flags:
    of os.open, besides those for reading and writing. Raises StorageError if another run has it, or if it cannot
    be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
    except OSError as error:
        raise StorageError(f"{where}: {error.strerror}.", cure=f"Choose another folder for {option}.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StorageError(
            f"{where}: another run is using this folder.", cure=f"Wait for it, or choose another {option}."
        ) from None
    try:
        yield handle
    finally:
        os.close(handle)
