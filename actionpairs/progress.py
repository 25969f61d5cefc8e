"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 10.0


class Progress(tqdm):  # type: ignore[type-arg]
    """A tqdm bar on stderr; if stderr is no terminal, a line with count, rate and time left every 10 s."""

    def __init__(self, iterable: Any = None, **options: Any) -> None:
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
