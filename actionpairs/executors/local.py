"""Processes on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import get_context

from pebble import ProcessExpired, ProcessPool

from actionpairs.executors import Died, Done, Result, Task

_TASKS_PER_WORKER = 2  # handed out at a time: a worker never waits, and the queue stays short


def run(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int
) -> Iterator[Done[Task, Result] | Died[Task]]:
    """Run `work` over tasks in `workers` processes, and yield outcomes as they come.

    A worker that dies takes only its own task along. What `work` raises is raised here, and ends the run.
    """
    waiting = iter(tasks)
    running: dict[Future[Result], Task] = {}
    # Spawned, not forked: libraries that hold threads (Arrow, OpenCV) do not survive a fork.
    pool = ProcessPool(max_workers=workers, context=get_context("spawn"))
    try:
        while True:
            for task in waiting:
                running[pool.schedule(work, args=[task])] = task
                if len(running) >= workers * _TASKS_PER_WORKER:
                    break
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield _outcome(future, running.pop(future))
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _outcome(future: Future[Result], task: Task) -> Done[Task, Result] | Died[Task]:
    try:
        return Done(task, future.result())
    except ProcessExpired as error:
        number = -error.exitcode if error.exitcode and error.exitcode < 0 else None
        how = f"signal {number}" if number else f"exit code {error.exitcode}"
        return Died(task, f"the worker process died ({how})", number)
