"""How a command fails: what is printed, on which stream, and the exit code."""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO

import click

from actionpairs.cli.exit_codes import ExitCode
from actionpairs.cli.output import emit_json
from actionpairs.errors import ActionpairsError, StoppedError, one_line, without_secrets

_AGAIN = "Run the same command again, and it goes on from here."


class InterruptError(Exception):
    """Ctrl-C, under a name that click does not take for the end of a question to the user."""


class ClosedPipeError(Exception):
    """Nobody reads the output any more."""


def report(error: Exception, *, as_json: bool) -> ExitCode | int | None:
    """Print a failure, and give the exit code; None for an error of this program, whose traceback Python prints.

    People read it on stderr. With `--json`, stdout also gets an object, so that a script reads its reason there.
    """
    if isinstance(error, ClosedPipeError):
        return ExitCode.CLOSED_PIPE
    try:
        code = _print(error, as_json=as_json)
    except BrokenPipeError:
        silence_closed_streams()
        code = ExitCode.CLOSED_PIPE
    return code if isinstance(error, InterruptError | click.ClickException | ActionpairsError) else None


def _print(error: Exception, *, as_json: bool) -> ExitCode | int:
    """Print a failure, and give its exit code."""
    code: ExitCode | int = ExitCode.ERROR
    kind, message, cure = type(error).__name__, without_secrets(one_line(error)), ""
    if isinstance(error, InterruptError):
        kind, message, cure, code = "Interrupted", "stopped", _AGAIN, ExitCode.INTERRUPTED
        click.echo(f"\n{message}. {cure}", err=True)
    elif isinstance(error, click.ClickException):
        kind, message, code = "UsageError", error.format_message(), error.exit_code
        context = getattr(error, "ctx", None)
        cure = f"{context.command_path} --help" if context else ""
        error.show()
    elif isinstance(error, ActionpairsError):
        message, cure = error.message, error.cure
        if isinstance(error, StoppedError):
            code = error.exit_code
            click.echo(f"\n{message}\n{cure}", err=True)
        else:
            click.echo(f"error: {message}\n cure: {cure}", err=True)
    if as_json:
        emit_json({"error": message, "cure": cure, "kind": kind, "exit_code": int(code)})
    return code


def silence_closed_streams() -> bool:
    """Whether a reader of stdout or stderr is gone; what is still written to such a stream is dropped."""
    closed = [stream for stream in (sys.stdout, sys.stderr) if _is_closed(stream)]
    for stream in closed:  # else the interpreter complains when it writes what is left, on its way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(closed)


def _is_closed(stream: TextIO) -> bool:
    """Whether a stream is a pipe without a reader. A broken pipe can also be one to a server or a worker."""
    try:
        number = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
