"""One contract for every executor: each task's outcome comes back, however its worker ends."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actionpairs.errors import ClusterError, StorageError
from actionpairs.executors import Died, Done, Executor, get_executor, serial, watchdog


def square(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 13:
        raise StorageError("the disk is full.", cure="Free some space.")
    return number * number


def process_id(_: int) -> int:
    return os.getpid()


def hang(number: int) -> int:
    watchdog.expect_progress(within_seconds=1)
    if number == 1:
        time.sleep(60)
    watchdog.stop()
    time.sleep(1.5)
    return number


def sleep_beside(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def lose_the_first_worker(path: str) -> int:
    """Kill the worker that waits for this process, once."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return os.getpid()


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray")
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{Path(__file__).parent}:{Path(__file__).parents[2]}:{before}"
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    os.environ["PYTHONPATH"] = before
    yield
    ray.shutdown()


@pytest.fixture(params=["local", "ray"])
def run(request: pytest.FixtureRequest) -> Executor:
    """The executors whose tasks run in worker processes."""
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return get_executor(request.param)


@pytest.fixture(params=["serial", "local", "ray"])
def any_executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return get_executor(request.param)


@pytest.mark.parametrize("workers", [1, 2, None])
def test_every_task_comes_back_once_as_the_serial_executor_gives_it(
    any_executor: Executor, workers: int | None
) -> None:
    outcomes = list(any_executor(square, range(6), workers=workers))
    assert sorted(outcomes, key=lambda outcome: outcome.task) == list(serial.run(square, range(6)))
    assert [outcome.result for outcome in serial.run(square, range(6))] == [0, 1, 4, 9, 16, 25]


def test_the_serial_executor_stays_in_this_process() -> None:
    [outcome] = serial.run(process_id, [0])
    assert outcome.result == os.getpid()


def test_a_task_that_its_process_dies_of_takes_no_other_along(run: Executor) -> None:
    outcomes = list(run(square, [5, 6, 7, 8, 9, 10], workers=2))
    assert [item for item in outcomes if isinstance(item, Died)] == [Died(7, "the worker process died (signal 9)")]
    assert sorted(outcome.task for outcome in outcomes if isinstance(outcome, Done)) == [5, 6, 8, 9, 10]


def test_a_task_that_makes_no_progress_is_ended_and_reported_as_hung(run: Executor) -> None:
    outcomes = list(run(hang, [0, 1, 2], workers=2))
    assert [outcome.task for outcome in outcomes if isinstance(outcome, Died) and outcome.hung] == [1]
    assert sorted(outcome.result for outcome in outcomes if isinstance(outcome, Done)) == [0, 2]


def test_a_process_that_is_no_worker_is_not_watched() -> None:
    left, _ = signal.getitimer(signal.ITIMER_REAL)  # the limit of this test, or none
    watchdog.expect_progress(within_seconds=1)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == pytest.approx(left, abs=0.5)


def test_an_executor_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="serial, local or ray"):
        get_executor("slurm")  # type: ignore[arg-type]
    assert get_executor(serial.run) is serial.run


def test_what_the_work_raises_ends_the_run(any_executor: Executor) -> None:
    with pytest.raises(StorageError, match="disk is full") as caught:
        list(any_executor(square, [1, 13, 2, 3], workers=2))
    assert caught.value.cure == "Free some space."


def test_nothing_to_do_is_done_at_once(any_executor: Executor) -> None:
    assert list(any_executor(square, [], workers=2)) == []


def test_tasks_are_taken_only_as_they_are_needed(any_executor: Executor) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(100, 130):
            taken.append(number)
            yield number

    for done, _ in enumerate(any_executor(square, tasks(), workers=2), start=1):
        assert len(taken) - done < 2 * 2 + 1


def test_who_stops_listening_leaves_no_process_behind(run: Executor, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupted)
    signal.alarm(8)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(run(sleep_beside, [str(tmp_path / name) for name in "ab"], workers=2))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    pids = [int((tmp_path / name).read_text()) for name in "ab" if (tmp_path / name).exists()]
    assert pids
    limit = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_lost_worker_is_tried_again_and_counted(cluster: None, tmp_path: Path) -> None:
    from actionpairs.executors import ray

    [outcome] = ray.run(lose_the_first_worker, [str(tmp_path / "lost")])
    assert isinstance(outcome, Done)
    assert outcome.lost == 1


def test_a_task_that_fits_on_no_node_is_refused(cluster: None) -> None:
    from actionpairs.executors import ray

    with pytest.raises(ClusterError, match="largest node offers"):
        list(ray.run(square, [1], memory_bytes=1 << 50))


def test_an_address_where_nobody_listens_is_a_clear_error() -> None:
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    from actionpairs.executors import ray

    with pytest.raises(ClusterError, match=f"127.0.0.1:{port}: no Ray cluster there"):
        list(ray.run(square, [1], address=f"127.0.0.1:{port}"))
