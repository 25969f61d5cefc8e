"""The time left is right from the second step on, also of a resumed run, and pauses are no part of a step."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from actionpairs.configs import LoopConfig
from actionpairs.training import metric_log, step_progress
from actionpairs.training.step_progress import StepClock, StepProgress, peak_memory
from actionpairs.training.train import Snapshots, run_loop
from tests.training.test_train import LinearTask, new_state

CONFIG = LoopConfig(steps=1000, batch_size=8, learning_rate=1e-2)


class Clock:
    """Stands in for `time`: seconds pass when they are told to."""

    def __init__(self) -> None:
        self.now = 50.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(step_progress, "time", clock)
    return clock


def take(clock: Clock, steps: StepClock, *seconds: float) -> None:
    for each in seconds:
        with steps.step():
            clock.now += each


def test_a_resumed_run_does_not_count_the_steps_before_it(clock: Clock) -> None:
    """rsl_rl #10 and unsloth #11297: elapsed time over all steps, and a run that resumes late is nearly done."""
    steps = StepClock(CONFIG, first=900)
    take(clock, steps, 2.0, 2.0)
    assert steps.seconds_left(902) == pytest.approx(98 * 2.0)
    assert steps.samples_per_second == pytest.approx(4.0)


def test_the_first_step_counts_until_there_is_another(clock: Clock) -> None:
    """sd-scripts #493: the first step is slow, and the time left stays wrong for long."""
    steps = StepClock(CONFIG, first=0)
    take(clock, steps, 90.0)
    assert steps.seconds_left(1) == pytest.approx(999 * 90.0)
    take(clock, steps, 2.0)
    assert steps.seconds_left(2) == pytest.approx(998 * 2.0)
    take(clock, steps, 4.0)
    assert steps.seconds_per_step == pytest.approx(3.0)


def test_sample_points_are_no_step_time_but_are_part_of_the_time_left(clock: Clock) -> None:
    steps = StepClock(CONFIG, first=500, sample_every=300)
    take(clock, steps, 1.0, 1.0)
    with steps.sample_point():  # of step 600
        clock.now += 60
    take(clock, steps, 1.0)
    assert steps.seconds_per_step == pytest.approx(1.0)
    assert steps.seconds_left(601) == pytest.approx(399 * 1.0 + 2 * 60)  # 900 and 1,000


def test_a_line_has_terms_speed_memory_and_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    steps = StepClock(CONFIG, first=900)
    with StepProgress(steps, disable=False) as bar:
        assert "[00:00<?" in capsys.readouterr().err
        take(clock, steps, 5.0, 0.5)
        metrics = {"loss": 0.5, "static": 0.4, "action": 0.7, "regularization": 0.01, "static (low noise)": 1.0}
        for _ in range(2):
            bar.report({**metrics, "learning_rate": 1e-5, "rare": float("nan")}, peak_bytes=3 << 30)
    line = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert "902/1000 [00:00<00:49, 0.5 s/step, 16 samples/s" in line
    assert "loss 0.5, L_static 0.4, L_action 0.7, L_reg 0.01, 3.0 GiB]" in line


def test_the_speed_in_the_table_is_of_steps_alone(tmp_path: Path, without_curves: None) -> None:
    config = LoopConfig(steps=6, batch_size=4, learning_rate=1e-2, checkpoint_every=2)
    snapshots = Snapshots(lambda *_: time.sleep(1.0), every=2)
    run_loop(LinearTask(), new_state(config), config, tmp_path, snapshots=snapshots)
    rows = metric_log.load_rows(tmp_path / "losses.csv")
    assert max(row["images_per_second"] for row in rows[1:]) > 4 / 0.9


def test_the_peak_of_a_cpu_run_is_what_the_process_held() -> None:
    held = torch.ones(64 << 20, dtype=torch.uint8)
    assert peak_memory(torch.device("cpu")) > held.numel()
