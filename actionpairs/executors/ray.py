"""The Ray executor: the same processes, on a cluster.

Each Ray worker runs its tasks in a child process. So a task that kills its process has the same outcome as on one
machine, and is not tried again. Ray retries only tasks whose worker or node was lost.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any, cast

from pebble import ProcessPool

from actionpairs.errors import ClusterError, MissingExtraError, one_line
from actionpairs.executors import Died, Done, Executor, Result, Task, local
from actionpairs.executors.window import under_way

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError:
    raise MissingExtraError.of("ray", needed_for="a cluster") from None

_RETRIES = 5  # of a task whose worker or node was lost
_TASKS_PER_CPU = 2  # scheduled at a time: no CPU waits, an autoscaler sees pending tasks, the queue stays short
_PATIENCE_SECONDS = 10


def at(address: str | None) -> Executor:
    """The executor of the cluster at HOST:PORT. None: that of RAY_ADDRESS or of this machine, else a new one."""
    return cast(Executor, partial(run, address=address))


def run(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int | None = None,
    memory_bytes: int = 0,
    address: str | None = None,
) -> Iterator[Done[Task, Result] | Died[Task]]:
    """Run `work` over tasks on a cluster, and yield outcomes as they complete.

    Raises ClusterError if the cluster cannot be reached, or no node is large enough for a task.
    """
    with _connected(address):
        _check_memory(memory_bytes)
        attempt = ray.remote(_attempt).options(num_cpus=1, memory=memory_bytes, max_retries=_RETRIES)
        for ref, task in under_way(
            tasks,
            most=lambda: workers or _TASKS_PER_CPU * max(int(ray.cluster_resources().get("CPU", 1)), 1),
            start=lambda task: attempt.remote(work, task),
            wait=lambda running: ray.wait(list(running), num_returns=1)[0],
            stop=_cancel,
        ):
            yield _outcome(ref, task)


def _outcome(ref: Any, task: Task) -> Done[Task, Result] | Died[Task]:
    try:
        return cast("Done[Task, Result] | Died[Task]", ray.get(ref))
    except RayTaskError as error:
        raise error.cause from None
    except RayError as error:
        return Died(task, f"its worker was lost {_RETRIES + 1} times ({type(error).__name__})", lost=_RETRIES + 1)


def _cancel(running: Collection[Any]) -> None:
    for ref in running:
        ray.cancel(ref, force=True)


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Connect to the cluster, and disconnect at the end. An existing connection is used and kept open."""
    _check_address(address)
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"{address or 'ray'}: {one_line(error)}.", cure=_CURE) from None
    try:
        yield
    finally:
        ray.shutdown()


_CURE = "Check --address and `ray status`; every machine needs the same versions of Python and Ray."


def _check_address(address: str | None) -> None:
    """Raise ClusterError if nothing listens there: Ray itself waits for minutes, and then ends the process."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE_SECONDS).close()
    except OSError as error:
        raise ClusterError(f"{address}: no Ray cluster there: {error.strerror or error}.", cure=_CURE) from None


def _check_memory(memory_bytes: int) -> None:
    """Raise ClusterError if a task fits on no node: it would wait for ever."""
    largest = max(node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"])
    if memory_bytes > largest:
        raise ClusterError(
            f"a task may take {memory_bytes >> 20} MiB, and the largest node offers {int(largest) >> 20}.",
            cure="Add larger nodes, or start Ray with a larger --memory.",
        )


def _attempt(work: Callable[[Task], Result], task: Task) -> Done[Task, Result] | Died[Task]:
    """Run one task in the child process of this Ray worker."""
    outcome = local.outcome(_beside().schedule(work, args=[task]), task)
    lost = ray.get_runtime_context().worker.core_worker.get_current_task_attempt_number()
    return replace(outcome, lost=lost)


@cache
def _beside() -> ProcessPool:
    """The child process of this worker, kept for its next task."""
    return local.pool(1)
