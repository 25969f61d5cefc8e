"""The loop of the executors that have workers: it runs a limited number of tasks at a time, until all are done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from actionpairs.executors import Task

Handle = TypeVar("Handle")


def under_way(
    tasks: Iterable[Task],
    *,
    most: Callable[[], int],
    start: Callable[[Task], Handle],
    wait: Callable[[Collection[Handle]], Iterable[Handle]],
    stop: Callable[[Collection[Handle]], object],
) -> Iterator[tuple[Handle, Task]]:
    """Start tasks, at most `most()` at a time, and yield each when it has ended.

    wait: returns the tasks that have ended, at least one. stop: called at the end, also after an error, with the
    tasks that are still running.
    """
    waiting = iter(tasks)
    running: dict[Handle, Task] = {}
    try:
        while True:
            for task in islice(waiting, max(most() - len(running), 0)):
                running[start(task)] = task
            if not running:
                return
            for handle in wait(running):
                yield handle, running.pop(handle)
    finally:
        stop(running)
