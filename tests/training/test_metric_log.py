"""The table has one row per step, and the curves can be drawn. What trackers get: test_trackers.py."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actionpairs.training import curves, metric_log


def record(folder: Path, start: int, stop: int) -> None:
    with metric_log.MetricLog(folder, start_step=start) as log:
        for step in range(start + 1, stop + 1):
            log.record(step, {"loss": 1 / step, "learning_rate": 0.1}, images=4, seconds=0.5)
        log.draw_curves()


@pytest.mark.usefixtures("without_curves")
def test_a_resumed_run_removes_the_rows_after_the_checkpoint(tmp_path: Path) -> None:
    record(tmp_path, 0, 7)
    record(tmp_path, 5, 9)
    rows = metric_log.load_rows(tmp_path / "losses.csv")
    assert [row["step"] for row in rows] == list(range(1, 10))
    assert rows[3]["loss"] == pytest.approx(0.25)
    assert {row["images_per_second"] for row in rows} == {8.0}


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


@pytest.mark.usefixtures("without_curves")
def test_a_step_without_a_value_has_an_empty_cell(tmp_path: Path) -> None:
    for start in (0, 3):
        with metric_log.MetricLog(tmp_path, start_step=start) as log:
            for step in range(start + 1, start + 4):
                norm = 2.5 if step % 2 == 0 else math.nan
                log.record(step, {"gradient norm (static)": norm, "loss": 1.0}, images=4, seconds=0.5)
            log.sync()
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == ["gradient norm (static)", "", "2.5", "", "2.5", "", "2.5"]
    rows = metric_log.load_rows(tmp_path / "losses.csv")
    assert [math.isnan(row["gradient norm (static)"]) for row in rows] == [True, False] * 3


@pytest.mark.usefixtures("without_curves")
def test_final_means_are_over_the_cells_that_are_not_empty(tmp_path: Path) -> None:
    with metric_log.MetricLog(tmp_path, start_step=0) as log:
        for step in range(1, 61):
            some = float(step) if step % 2 else math.nan
            log.record(step, {"some": some, "early": math.nan if step > 5 else 1.0}, images=4, seconds=0.5)
    assert metric_log.final_means(tmp_path / "losses.csv") == {"some": 59.0}


def test_points_after_the_checkpoint_are_removed_and_the_others_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[float]] = []

    def plot(rows: list[dict[str, float]], names: list[str]) -> bytes:
        assert names == [
            *("loss", "discrimination of fixed pairs (all)", "discrimination of fixed pairs (same verb)")
        ]
        drawn.append([row.get(names[1], math.nan) for row in rows])
        return b""

    monkeypatch.setattr(curves, "plot", plot)
    for start, stop in ((0, 5), (3, 4)):
        with metric_log.MetricLog(tmp_path, start_step=start) as log:
            for step in range(start + 1, stop + 1):
                log.record(step, {"loss": 1.0}, images=4, seconds=0.5)
                shares = {"all": (step / 8, 8), "same verb": (0.5, 2)} if step % 2 == 0 else {}
                log.record_samples(step, tmp_path / "grid.png", shares)
            log.draw_curves()
    assert (tmp_path / "discrimination.csv").read_text().splitlines() == [
        "step,kind,discrimination,pairs",
        "2,all,0.25,8",
        "2,same verb,0.5,2",
        "4,all,0.5,8",
        "4,same verb,0.5,2",
    ]
    assert drawn[-1] == pytest.approx([math.nan, 0.25, math.nan, 0.5], nan_ok=True)


@pytest.mark.usefixtures("without_curves")
def test_a_run_without_points_has_no_table_of_them(tmp_path: Path) -> None:
    record(tmp_path, 0, 2)
    with metric_log.MetricLog(tmp_path, start_step=2, enabled=False) as log:
        log.record_samples(3, tmp_path / "grid.png", {"all": (0.5, 8)})
    assert not (tmp_path / "discrimination.csv").exists()


def test_gradient_norms_are_drawn_on_a_logarithmic_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    genuine = curves.Figure
    monkeypatch.setattr(curves, "Figure", lambda **keys: figures.append(genuine(**keys)) or figures[-1])
    names = ["gradient norm (static)", "gradient norm (action)"]
    curves.plot([{"step": step, names[0]: 0.1, names[1]: 1e-4 * (step > 1)} for step in range(1, 4)], names)
    [panel] = figures[0].axes
    assert panel.get_yscale() == "log"
    assert 0 < panel.get_ylim()[0] < 1e-4


def test_parts_of_a_column_share_its_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NaN left out: two panels, of five lines and of one, points where most steps have none."""
    figures = []
    genuine = curves.Figure
    monkeypatch.setattr(curves, "Figure", lambda **keys: figures.append(genuine(**keys)) or figures[-1])
    rows = [
        {"step": step, "static": 1.0, "static (low noise)": step, "static (high noise)": math.nan, "loss": 1.0}
        for step in range(1, 11)
    ]
    rows[4]["static (some)"] = 3.0
    curves.plot(rows, ["static", "loss", "static (low noise)", "static (high noise)", "static (some)"])
    static, loss = figures[0].axes
    assert (static.get_title("left"), loss.get_title("left")) == ("static", "loss")
    assert [text.get_text() for text in static.get_legend().get_texts()] == ["all", "low noise", "some"]
    assert loss.get_legend() is None
    points = [line for line in static.lines if line.get_marker() == "o"]
    assert [line.get_xydata().tolist() for line in points] == [[[5.0, 3.0]]]
    low, high = static.get_ylim()
    assert low < 1
    assert high > 9
    assert static.get_yscale() == "linear"


@pytest.mark.parametrize("count", [1, 2, 3, 300])
def test_curves_of_any_length_are_drawn(count: int) -> None:
    rows = [{"step": float(step), "loss": 1 / step, "discrimination": 0.5} for step in range(1, count + 1)]
    png = curves.plot(rows, ["loss", "discrimination"])
    assert np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).std() > 5
    assert png == curves.plot(rows, ["loss", "discrimination"])
