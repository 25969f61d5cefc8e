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
        if _silenced:
            options["disable"] = True  # else what the caller or TQDM_DISABLE says
        super().__init__(
            iterable,
            file=sys.stderr,
            mininterval=0.1 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES,
            **options,
        )

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
    if sys.stderr.isatty():
        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)
