"""Ways to run one function over many tasks. Each gives every task's outcome back, failures included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Task, Result]):
    """A task that came back with a result; `lost` counts the workers and nodes that went away under it."""

    task: Task
    result: Result
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Died(Generic[Task]):
    """A task that its process died of; `why` says how, `signal` by which signal, if by one; `lost` as in Done."""

    task: Task
    why: str
    signal: int | None = None
    lost: int = 0


class Executor(Protocol):
    """What runs `work` over tasks and yields outcomes as they come, in any order.

    work: a function that can be pickled, of a module that the workers can import; what it raises is raised here,
    and ends the run. workers: how many run at a time; None is as many as there are cores. memory_bytes: what a
    task may take; a cluster starts no more of them on a node than fit.
    """

    def __call__(
        self,
        work: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        workers: int | None = None,
        memory_bytes: int = 0,
    ) -> Iterator[Done[Task, Result] | Died[Task]]: ...
