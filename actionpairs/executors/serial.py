"""The serial executor: this process and no workers, for debuggers, notebooks and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from actionpairs.executors import Done, Result, Task


def run(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int | None = None,
    memory_bytes: int = 0,
) -> Iterator[Done[Task, Result]]:
    """Run `work` over tasks in this process, one by one. If a task crashes or hangs, so does the whole run."""
    del workers, memory_bytes  # not used: this process is the only worker
    for task in tasks:
        yield Done(task, work(task))
