"""The table has one row per step, and the curves can be drawn."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actionpairs.training import curves, metric_log


def record(folder: Path, start: int, stop: int) -> None:
    with metric_log.MetricLog(folder, start_step=start) as log:
        for step in range(start + 1, stop + 1):
            log.record(step, {"loss": 1 / step, "learning_rate": 0.1}, images=4)
        log.draw_curves()


@pytest.mark.usefixtures("without_curves")
def test_a_resumed_run_removes_the_rows_after_the_checkpoint(tmp_path: Path) -> None:
    record(tmp_path, 0, 7)
    record(tmp_path, 5, 9)
    rows = metric_log.load_rows(tmp_path / "losses.csv")
    assert [row["step"] for row in rows] == list(range(1, 10))
    assert rows[3]["loss"] == pytest.approx(0.25)
    assert all(row["images_per_second"] > 0 for row in rows)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(1, 10))


@pytest.mark.usefixtures("without_curves")
def test_a_half_written_last_row_is_removed(tmp_path: Path) -> None:
    record(tmp_path, 0, 4)
    with (tmp_path / "losses.csv").open("a") as file:
        file.write("5,0.")
    record(tmp_path, 4, 6)
    assert [row["step"] for row in metric_log.load_rows(tmp_path / "losses.csv")] == list(range(1, 7))


def test_the_curves_are_drawn_from_all_columns_but_the_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curves, "plot", lambda rows, names: f"{len(rows)} {' '.join(names)}".encode())
    record(tmp_path, 0, 3)
    assert (tmp_path / "curves.png").read_text() == "3 loss learning_rate"


@pytest.mark.usefixtures("without_curves")
def test_the_final_means_are_over_a_twentieth(tmp_path: Path) -> None:
    record(tmp_path, 0, 40)
    assert metric_log.final_means(tmp_path / "losses.csv") == {"loss": pytest.approx((1 / 39 + 1 / 40) / 2)}


@pytest.mark.parametrize("count", [1, 2, 3, 300])
def test_curves_of_any_length_are_drawn(count: int) -> None:
    rows = [{"step": float(step), "loss": 1 / step, "discrimination": 0.5} for step in range(1, count + 1)]
    png = curves.plot(rows, ["loss", "discrimination"])
    assert np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).std() > 5
    assert png == curves.plot(rows, ["loss", "discrimination"])
