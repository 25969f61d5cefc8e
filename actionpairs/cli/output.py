"""What commands print: a summary to read, or one line of JSON; nothing but the result's path with `--quiet`."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from actionpairs import summary_lines
from actionpairs.cli.verbosity import is_quiet
from actionpairs.processes import is_first


def print_summary(summary: Any, as_json: bool, *, page: str | None = None) -> None:
    """Print what a command did, and the path of its page: a summary record as one line of JSON, or as lines.

    With --quiet only the path of the page, or of what was written, is left, and warnings.
    """
    record = dataclasses.asdict(summary)
    if is_quiet() and not as_json:
        for warning in record.get("notes", ()):
            emit(f"warning: {warning}", err=True)
    print_result(record, "\n".join(summary_lines.format_lines(summary)), as_json, page=page)


def print_tables(record: Any, draw: Callable[..., None], as_json: bool, *, page: str, **also: Any) -> None:
    """As `print_summary`, with tables that `draw` draws on a console of rich."""
    text = ""
    if not as_json and not is_quiet():
        from actionpairs.report.terminal import new_console

        console = new_console()
        with console.capture() as capture:  # rich itself would exit with 1 where nobody reads any more
            draw(console)
        text = capture.get().rstrip("\n")
    print_result({**dataclasses.asdict(record), **also}, text, as_json, page=page)


def print_result(record: Mapping[str, Any], text: str, as_json: bool, *, page: str | None = None) -> None:
    """Print what a command did, as JSON or as a text, and the path of the page that it wrote."""
    if as_json:
        emit_json(record)
        if page and not is_quiet():
            emit(page, err=True)
        return
    if text and not is_quiet():
        emit(text, color=not os.environ.get("NO_COLOR"))  # only tables have codes, and rich knows the terminal
    path = page or (record.get("out") if is_quiet() else None)
    if path:
        emit(str(path))


def print_facts(facts: Any, as_json: bool) -> None:
    """As `print_summary`, where the record itself was asked for: with --quiet too."""
    print_answer(dataclasses.asdict(facts), "\n".join(summary_lines.format_lines(facts)), as_json)


def print_answer(record: Mapping[str, Any], text: str, as_json: bool) -> None:
    """Print what was asked for: a text, also with --quiet, or one line of JSON."""
    emit_json(record) if as_json else emit(text)


def emit_json(record: Mapping[str, Any]) -> None:
    """Print one line of JSON."""
    emit(json.dumps(_strict(record), sort_keys=True, default=str, allow_nan=False))


def emit(text: str, *, err: bool = False, color: bool | None = None) -> None:
    """Print a text. Of the processes that torchrun started for one run, the first one prints.

    color: whether escape codes in the text stay; by default they do on a terminal.
    """
    if is_first():
        printable = text.encode(errors="replace").decode()  # a file's name may have bytes that are no letters
        click.echo(printable, err=err, color=color)


def _strict(value: Any) -> Any:
    """A value without the numbers that JSON does not have: NaN and infinities are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value
