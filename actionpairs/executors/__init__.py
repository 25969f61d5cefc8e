"""Ways to run one function over many tasks. Each gives every task's outcome back, failures included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Task, Result]):
    """A task that came back with a result."""

    task: Task
    result: Result


@dataclass(frozen=True, slots=True)
class Died(Generic[Task]):
    """A task whose worker process died under it; `why` says how, `signal` by which signal, if by one."""

    task: Task
    why: str
    signal: int | None = None
