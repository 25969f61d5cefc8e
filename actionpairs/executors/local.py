"""The local executor: processes on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import get_context, parent_process
from threading import Thread

from pebble import ProcessExpired, ProcessPool

from actionpairs.executors import Died, Done, Result, Task, usable_cores, watchdog
from actionpairs.executors.window import under_way

_TASKS_PER_WORKER = 2  # scheduled at a time: a worker never waits, and the queue stays short


def run(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int | None = None,
    memory_bytes: int = 0,  # ignored: on one machine, the user sets `workers` so that they fit
) -> Iterator[Done[Task, Result] | Died[Task]]:
    """Run `work` over tasks in processes, and yield outcomes as they complete.

    If a worker dies, only its own task fails. An exception in `work` is raised here and ends the run.
    """
    count = workers or usable_cores()
    processes = pool(count)

    def stop(running: Collection[Future[Result]]) -> None:
        processes.stop() if running else processes.close()
        processes.join()

    for future, task in under_way(
        tasks,
        most=lambda: count * _TASKS_PER_WORKER,
        start=lambda task: processes.schedule(work, args=[task]),
        wait=lambda running: wait(running, return_when=FIRST_COMPLETED).done,
        stop=stop,
    ):
        yield outcome(future, task)


def pool(workers: int) -> ProcessPool:
    """A pool of processes, which end when it is stopped or the parent process ends."""
    # Spawned, not forked: libraries with threads (Arrow, OpenCV) do not work after a fork.
    return ProcessPool(max_workers=workers, context=get_context("spawn"), initializer=_start_worker)


def outcome(future: Future[Result], task: Task) -> Done[Task, Result] | Died[Task]:
    """The outcome of a task. An exception in its work is raised here."""
    try:
        return Done(task, future.result())
    except ProcessExpired as error:
        number = -error.exitcode if error.exitcode and error.exitcode < 0 else None
        how = f"signal {number}" if number else f"exit code {error.exitcode}"
        return Died(task, f"the worker process died ({how})", hung=number == watchdog.SIGNAL)


def _start_worker() -> None:
    """Make this process end when its parent process ends, or when a task hangs."""
    watchdog.start()
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    Thread(target=follow, daemon=True).start()
