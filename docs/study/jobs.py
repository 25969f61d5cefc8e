"""Runs jobs side by side, each in a process of its own, until a deadline."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.process import BaseProcess
from typing import Any

from actionpairs.errors import ActionpairsError

_SECONDS_TO_STOP = 45.0  # for the step that is being computed, and its checkpoint


@dataclass(frozen=True, slots=True)
class Job:
    """Work for a process of its own: a function of a module, and its arguments."""

    name: str
    work: Callable[..., None]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


class Deadline:
    """The time at which the command stops: so many minutes after now, or never."""

    def __init__(self, minutes: float | None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes - _SECONDS_TO_STOP

    @property
    def is_over(self) -> bool:
        """Whether nothing more may begin."""
        return self._end is not None and time.monotonic() >= self._end

    @property
    def seconds_left(self) -> float | None:
        """Until then; None if never."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())


def run_all(jobs: Sequence[Job], *, at_once: int, deadline: Deadline, after_each: Callable[[], None]) -> bool:
    """Run the jobs in order, `at_once` at a time. Returns whether all are finished.

    At the deadline, running jobs get SIGTERM: a training then writes its checkpoint, and goes on from there at the
    next call. after_each: called here whenever a job is finished. Raises SystemExit if a job fails.
    """
    waiting, running = list(jobs), dict[BaseProcess, str]()
    try:
        while (waiting or running) and not deadline.is_over:
            while waiting and len(running) < at_once:
                process = _start(waiting[0])
                running[process] = waiting.pop(0).name
            connection.wait([process.sentinel for process in running], deadline.seconds_left)
            for process in [each for each in running if not each.is_alive()]:
                process.join()
                name = running.pop(process)
                if process.exitcode:
                    raise SystemExit(f"{name}: failed with exit code {process.exitcode}")
                after_each()
    finally:
        _stop(running)
    return not waiting and not running


def _start(job: Job) -> BaseProcess:
    process = get_context("spawn").Process(target=_work, args=(job,), name=job.name, daemon=True)
    process.start()
    return process


def _work(job: Job) -> None:
    try:
        job.work(*job.arguments, **job.options)
    except ActionpairsError as error:
        print(f"{job.name}: {error.message} {error.cure}", file=sys.stderr)
        sys.exit(1)


def _stop(running: dict[BaseProcess, str]) -> None:
    """Let processes write what they have, then end."""
    for process in running:
        process.terminate()
    for process in running:
        process.join(_SECONDS_TO_STOP)
        if process.is_alive():
            process.kill()
