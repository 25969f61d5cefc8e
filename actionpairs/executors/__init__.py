"""Ways to run one function over many tasks: in this process, in local processes, or on a Ray cluster.

Each executor returns an outcome for every task, also for tasks that failed. The outcomes do not depend on the
executor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from actionpairs.errors import ShardError

Task = TypeVar("Task")
Result = TypeVar("Result")
ExecutorName = Literal["serial", "local", "ray"]


@dataclass(frozen=True, slots=True)
class Done(Generic[Task, Result]):
    """A task that returned a result. `lost` is the number of workers and nodes that were lost while it ran."""

    task: Task
    result: Result
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Died(Generic[Task]):
    """A task whose process died. `why` says how. `hung`: the watchdog ended it, because it made no progress."""

    task: Task
    why: str
    hung: bool = False
    lost: int = 0


def usable_cores() -> int:
    """The cores that this process may use; on systems that do not say, those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Executor(Protocol):
    """Runs `work` over tasks and yields outcomes as they complete, in any order.

    work: a picklable function of a module that the workers can import. An exception in it is raised here and ends
    the run. workers: the number of tasks that run at a time; None is one per core. memory_bytes: the memory of one
    task; a cluster starts no more tasks on a node than fit.
    """

    def __call__(
        self,
        work: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        workers: int | None = None,
        memory_bytes: int = 0,
    ) -> Iterator[Done[Task, Result] | Died[Task]]: ...


RunTasks = Callable[..., Iterator[Done[Any, Any] | Died[Any]]]  # an executor with its number of workers


def require_done(
    outcomes: Iterable[Done[Task, Result] | Died[Task]], *, where: Callable[[Task], str]
) -> Iterator[Done[Task, Result]]:
    """The outcomes, of which none may have died. where: what a task writes, for the ShardError about it."""
    for outcome in outcomes:
        if isinstance(outcome, Died):
            raise ShardError(f"{where(outcome.task)}: {outcome.why}.", cure="Free some memory.")
        yield outcome


def get_executor(executor: ExecutorName | Executor, *, address: str | None = None) -> Executor:
    """The executor with this name. An executor that is already a function is returned unchanged.

    address: HOST:PORT of the Ray cluster. Raises ValueError for another name, MissingExtraError if Ray is missing.
    """
    if not isinstance(executor, str):
        return executor
    if executor == "serial":
        from actionpairs.executors import serial

        return serial.run
    if executor == "local":
        from actionpairs.executors import local

        return local.run
    if executor == "ray":
        from actionpairs.executors import ray

        return ray.at(address)
    raise ValueError(f"no executor is called {executor!r}: use serial, local or ray")
