"""Diagnostics change no bit of a training, and a resumed run has those of one that was not stopped."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from PIL import Image

from actionpairs.stages.train import TrainSummary
from actionpairs.training import metric_log
from tests.stages.training_runs import EDITOR, UNET, recipe, run
from tests.training.conftest import squares as squares
from tests.training.conftest import without_curves as without_curves

ON = {"by_noise": True, "gradients_every": 2, "discrimination_pairs": 3}
LOSSES = "loss", "static", "action", "regularization", "discrimination", "learning_rate"


def rows_of(out: Path) -> list[list[str]]:
    """losses.csv without the speed, as text."""
    with (out / "losses.csv").open(encoding="utf-8", newline="") as file:
        return [row[:-1] for row in csv.reader(file)]


@pytest.fixture(scope="module")
def measured(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainSummary]:
    """The folder and the summary of a run with all diagnostics."""
    folder = tmp_path_factory.mktemp("measured")
    return folder / "on", run(recipe(folder, EDITOR, diagnostics=ON), squares, folder / "on")


@pytest.mark.usefixtures("without_curves")
def test_no_bit_of_the_weights_depends_on_diagnostics(
    measured: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    run(recipe(tmp_path, EDITOR), squares, tmp_path / "off")
    assert (tmp_path / "off" / UNET).read_bytes() == (measured[0] / UNET).read_bytes()
    on, off = (metric_log.load_rows(out / "losses.csv") for out in (measured[0], tmp_path / "off"))
    assert [[row[name] for name in LOSSES] for row in on] == [[row[name] for name in LOSSES] for row in off]
    assert set(off[0]) == {"step", "images_per_second", *LOSSES}
    assert not (tmp_path / "off/discrimination.csv").exists()


def test_every_step_has_its_thirds_and_every_second_its_gradients(measured: tuple[Path, TrainSummary]) -> None:
    out, summary = measured
    rows = metric_log.load_rows(out / "losses.csv")
    norms = [row["gradient norm (action)"] for row in rows]
    assert [math.isnan(norm) for norm in norms] == [True, False] * 3
    thirds = [[row[f"static ({third} noise)"] for third in ("low", "middle", "high")] for row in rows]
    assert any(math.isnan(value) for row in thirds for value in row)  # of four rows
    for row, values in zip(rows, thirds, strict=True):
        present = [value for value in values if not math.isnan(value)]
        assert min(present) <= row["static"] <= max(present)
        assert 0 < row["preference"] < 1
    assert not any(math.isnan(value) for value in summary.losses.values())
    assert "| gradient norm (static) |" in (out / "README.md").read_text()
    assert Image.open(out / "curves.png").width > 1500  # four panels in a line
    points = list(csv.DictReader((out / "discrimination.csv").open(encoding="utf-8")))
    assert {(point["step"], point["kind"]) for point in points} >= {("3", "all"), ("6", "all")}
    assert all(int(point["pairs"]) in (1, 2, 3) for point in points)


@pytest.mark.usefixtures("without_curves")
def test_a_resumed_run_has_the_same_diagnostics(
    measured: tuple[Path, TrainSummary], squares: Path, tmp_path: Path
) -> None:
    path, out = recipe(tmp_path, EDITOR, diagnostics=ON), tmp_path / "parts"
    run(path, squares, out, stop_after=3)
    run(path, squares, out)
    assert rows_of(out) == rows_of(measured[0])
    for name in (UNET, "discrimination.csv"):
        assert (out / name).read_bytes() == (measured[0] / name).read_bytes()
