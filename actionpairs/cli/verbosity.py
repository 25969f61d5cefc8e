"""--quiet, --verbose and --debug, which stand before or after the name of a command."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from actionpairs import progress

_LEVEL = "actionpairs.verbosity"  # in the context's `meta`, which a command shares with its group
_HUB_BARS = "HF_HUB_DISABLE_PROGRESS_BARS"


def is_quiet() -> bool:
    """Whether the command that runs was asked to be quiet."""
    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(_LEVEL) == "quiet"


def _set_level(context: click.Context, option: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing or context.meta.get(_LEVEL) == option.name:
        return
    if _LEVEL in context.meta:
        raise click.UsageError("--quiet and --verbose do not go together.")
    context.meta[_LEVEL] = option.name
    context.find_root().with_resource(_quietly() if option.name == "quiet" else _verbosely())


@contextmanager
def _quietly() -> Iterator[None]:
    """No progress: neither ours nor that of downloads."""
    before = os.environ.get(_HUB_BARS)
    os.environ[_HUB_BARS] = "1"
    try:
        with progress.silenced():
            yield
    finally:
        os.environ.pop(_HUB_BARS)
        if before is not None:
            os.environ[_HUB_BARS] = before


class _Lines(logging.Handler):
    """Writes log records to stderr as lines, above a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        progress.print_line(self.format(record))


@contextmanager
def _verbosely() -> Iterator[None]:
    """The log lines of this package on stderr."""
    logger, handler = logging.getLogger("actionpairs"), _Lines()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def shared_options() -> list[click.Option]:
    """The options of every command and of the group."""
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_set_level,
            help="No progress and no summary: only the result's path, warnings and errors.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set_level,
            help="Also print what is done, video by video.",
        ),
        click.Option(["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error."),
    ]
