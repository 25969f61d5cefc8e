"""The group of all commands: how they end, the options that all have, and what the shell completes."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from actionpairs.cli import failures
from actionpairs.cli.completion import complete_files
from actionpairs.cli.verbosity import shared_options
from actionpairs.errors import ActionpairsError, StoppedError, StorageError, one_line

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """A group whose commands end as docs/cli.md says: messages with cures, exit codes, and JSON with --json."""

    # The parameters are those of click, which calls it.
    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit with its code; with standalone_mode=False, errors are raised instead."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        words = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        except Exception as error:
            code = failures.report(error, as_json=_has(words, "--json"))
            wants_traceback = isinstance(error, ActionpairsError) and not isinstance(error, StoppedError)
            if code is None or (wants_traceback and _has(words, "--debug")):
                raise
        sys.exit(code)

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Read the command line, and print what `--help` and `--version` ask for."""
        with _own_ends():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _own_ends(), _plain_warnings():
            return super().invoke(ctx)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command with the options that all have; in a group, every command of it."""
        for command in cmd.commands.values() if isinstance(cmd, click.Group) else [cmd]:
            command.params += shared_options()
            complete_files(command)
        super().add_command(cmd, name)


def _has(words: Sequence[str], option: str) -> bool:
    """Whether an option stands on the command line. Where parsing fails, this is all that can be asked."""
    return option in (words[: words.index("--")] if "--" in words else words)


@contextmanager
def _own_ends() -> Iterator[None]:
    """What click would end in its own way gets a name that it does not know."""
    try:
        yield
    except KeyboardInterrupt:
        raise failures.InterruptError from None
    except BrokenPipeError as error:
        if failures.silence_closed_streams():
            raise failures.ClosedPipeError from None
        raise ConnectionError(f"a connection was closed: {error}") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageError(  # where the output goes to a file, that too
            f"Nothing more can be written: {one_line(error)}.",
            cure="Free some space, and run the same command again.",
        ) from None


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show our own warnings (names that have changed) as one line, without the place in the code."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        if category is FutureWarning and "old name" in str(message):
            click.echo(f"warning: {message}", err=True)
        else:
            usual(message, category, *place, **options)

    with warnings.catch_warnings():
        usual = warnings.showwarning
        warnings.showwarning = show
        yield
