"""A run says once how long it takes, from a step that does not only warm up."""

from __future__ import annotations

import pytest

from actionpairs.stages import run_time
from actionpairs.stages.run_time import RunTime, duration


def say(step_seconds: list[float], *, steps: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a run says whose first steps take these times."""
    lines: list[str] = []
    now = 100.0
    monkeypatch.setattr(run_time, "print_note", lines.append)
    monkeypatch.setattr(run_time.time, "perf_counter", lambda: now)
    with RunTime("a job", steps) as run:
        run.begin_step()
        for seconds in step_seconds:
            now += seconds
            run.begin_step()
    return lines


def test_the_second_step_counts_and_not_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert say([4.0, 0.5, 9.0], steps=100, monkeypatch=monkeypatch) == ["about 50 s for a job"]


def test_a_slow_first_step_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert say([60.0], steps=200, monkeypatch=monkeypatch) == ["about 3 h 20 min for a job"]


def test_a_short_run_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert say([2.0, 0.1, 0.1], steps=100, monkeypatch=monkeypatch) == []
    assert say([], steps=1, monkeypatch=monkeypatch) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.4, "2 s"), (99, "99 s"), (100, "2 min"), (5970, "1 h 40 min"), (90000, "25 h 0 min")]
)
def test_a_duration_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
