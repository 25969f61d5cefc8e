"""Processes on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import get_context, parent_process
from threading import Thread

from pebble import ProcessExpired, ProcessPool

from actionpairs.executors import Died, Done, Result, Task
from actionpairs.executors.window import under_way

_TASKS_PER_WORKER = 2  # handed out at a time: a worker never waits, and the queue stays short


def run(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int | None = None,
    memory_bytes: int = 0,  # whoever chooses the workers here knows the machine
) -> Iterator[Done[Task, Result] | Died[Task]]:
    """Run `work` over tasks in processes, and yield outcomes as they come.

    A worker that dies takes only its own task along. What `work` raises is raised here, and ends the run.
    """
    count = workers or len(os.sched_getaffinity(0))
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
    """Processes that take tasks until they are told to stop, or their parent is gone."""
    # Spawned, not forked: libraries that hold threads (Arrow, OpenCV) do not survive a fork.
    return ProcessPool(max_workers=workers, context=get_context("spawn"), initializer=_end_with_parent)


def outcome(future: Future[Result], task: Task) -> Done[Task, Result] | Died[Task]:
    """What came of a task; raises what its work raised."""
    try:
        return Done(task, future.result())
    except ProcessExpired as error:
        number = -error.exitcode if error.exitcode and error.exitcode < 0 else None
        how = f"signal {number}" if number else f"exit code {error.exitcode}"
        return Died(task, f"the worker process died ({how})", number)


def _end_with_parent() -> None:
    """See to it that this process does not outlive whoever waits for its results, however that one ends."""
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    Thread(target=follow, daemon=True).start()
