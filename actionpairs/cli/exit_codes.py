"""The exit codes of the commands: what the code exits with, what docs/cli.md prints and what the tests try."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended. Above 128 it is 128 and the number of a signal, as shells have it."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> ExitCode:
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    DONE = 0, "Done."
    ERROR = (
        1,
        "An error, printed with its cure. So also where `shard --check` finds a difference, `verify` or `recipe "
        "check` finds something wrong, a larger share of the segments fails than `max_rejected` allows, or "
        "`doctor` finds that `extract` and `shard` cannot work.",
    )
    USAGE = 2, "The command line is wrong: an unknown command or option, a value that is missing or not allowed."
    INTERRUPTED = 130, "Ctrl-C (SIGINT). The same command again goes on from there; `train` saves first."
    CLOSED_PIPE = 141, "Whoever read the output went away before its end, as `head` does. Nothing is printed."
    TERMINATED = 143, "SIGTERM, as clusters send it before a job's time is up. `train` saves first and says so."
