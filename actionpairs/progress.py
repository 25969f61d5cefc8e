"""Progress of a run: a bar on a terminal, plain lines elsewhere, nothing where it is silenced."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0
_silenced = False  # for the whole process: a run has one terminal


@contextmanager
def silenced() -> Iterator[None]:
    """Print no progress inside this context."""
    global _silenced
    before, _silenced = _silenced, True
    try:
        yield
    finally:
        _silenced = before


class Progress(tqdm):  # type: ignore[type-arg]
    """A tqdm bar on stderr; if stderr is no terminal, a line with count, rate and time left every 10 s."""

    def __init__(self, iterable: Any = None, **options: Any) -> None:
        if _silenced or sys.stderr is None:
            options["disable"] = True  # else what the caller or TQDM_DISABLE says
        seconds = 0.1 if _is_terminal() else _SECONDS_BETWEEN_LINES
        super().__init__(iterable, file=sys.stderr, mininterval=seconds, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Print the bar or the line."""
        if self.fp.isatty():
            super().display(msg, pos)
        else:
            self.fp.write(f"{msg or self}\n")


def print_note(text: str) -> None:
    """Print what a run does next, or how, on stderr: progress in words, which is silenced with the bars."""
    if not _silenced:
        print_line(text)


def print_line(text: str) -> None:
    """Print a line on stderr, above a bar if there is one."""
    if _is_terminal():
        tqdm.write(text, file=sys.stderr)
    elif sys.stderr is not None:  # else `print` would take stdout
        print(text, file=sys.stderr, flush=True)


def _is_terminal() -> bool:
    """Whether stderr is a terminal. Python has none where the shell closed it (`2>&-`)."""
    return sys.stderr is not None and sys.stderr.isatty()
