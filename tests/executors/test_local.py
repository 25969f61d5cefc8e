"""Every task's outcome comes back, however its worker ends."""

from __future__ import annotations

import os
import signal

import pytest

from actionpairs.errors import StorageError
from actionpairs.executors import Died, Done
from actionpairs.executors.local import run


def square(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 13:
        raise StorageError("the disk is full.", cure="Free some space.")
    return number * number


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_comes_back_once(workers: int) -> None:
    outcomes = list(run(square, range(6), workers=workers))
    assert sorted((outcome.task, outcome.result) for outcome in outcomes if isinstance(outcome, Done)) == [
        (number, number * number) for number in range(6)
    ]


def test_a_worker_that_dies_takes_only_its_task_along() -> None:
    outcomes = list(run(square, [5, 6, 7, 8, 9, 10], workers=2))
    died = [outcome for outcome in outcomes if isinstance(outcome, Died)]
    assert [outcome.task for outcome in died] == [7]
    assert "signal 9" in died[0].why
    assert sorted(outcome.task for outcome in outcomes if isinstance(outcome, Done)) == [5, 6, 8, 9, 10]


def test_what_the_work_raises_ends_the_run() -> None:
    with pytest.raises(StorageError, match="disk is full"):
        list(run(square, [1, 13, 2, 3], workers=2))


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(run(square, [], workers=2)) == []
