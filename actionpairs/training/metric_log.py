"""What a run reports while it learns: a table, TensorBoard's events, and a picture of the curves."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch.utils.tensorboard import SummaryWriter

TABLE_FILE, PICTURE_FILE, EVENTS_FOLDER = "losses.csv", "curves.png", "tensorboard"
_SPEED = "images_per_second"
_COLORS = ("#2f6f9f", "#c2613d", "#4d8a57", "#7d5ba6", "#a8852c", "#4a4f57")


class MetricLog:
    """Keeps losses.csv and the events of a run, one row per step; what came after `since` is forgotten first.

    Only the process with `written` writes.
    """

    def __init__(self, folder: Path, *, since: int, written: bool = True) -> None:
        self._folder = folder
        self._since = since
        self._written = written
        self._rows: list[dict[str, float]] = []
        self._clock = time.perf_counter()

    def __enter__(self) -> MetricLog:
        if self._written:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / TABLE_FILE
            self._rows = read(path, count=self._since) if path.exists() else []
            _write_whole(path, _table(self._rows))
            self._file = path.open("a", encoding="utf-8", newline="")
            self._events = SummaryWriter(str(self._folder / EVENTS_FOLDER), purge_step=self._since + 1)
        self._clock = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        if self._written:
            self._file.close()
            self._events.close()

    def record(self, step: int, values: Mapping[str, float], *, pictures: int) -> None:
        """Add the row of a step, counted from 1; `pictures` were learned from since the row before."""
        now = time.perf_counter()
        row = {"step": float(step), **values, _SPEED: pictures / (now - self._clock)}
        row = {name: float(_number(value)) for name, value in row.items()}  # as a run that goes on will read it
        self._clock = now
        if not self._written:
            return
        self._file.write(_table([row], header=not self._rows))
        self._file.flush()
        self._rows.append(row)
        for name, value in row.items():
            if name != "step":
                self._events.add_scalar(name, value, step)

    def shown(self) -> dict[str, str]:
        """The last row, short enough for a progress bar."""
        last = self._rows[-1] if self._rows else {}
        return {name: f"{value:.3g}" for name, value in last.items() if name not in {"step", "learning_rate"}}

    def sync(self) -> None:
        """Let the rows reach the disk, so that none is missing before a checkpoint."""
        if self._written:
            os.fsync(self._file.fileno())

    def draw(self) -> None:
        """Draw every column into curves.png."""
        if self._written and self._rows:
            _write_whole(self._folder / PICTURE_FILE, drawn(self._rows))


def read(path: Path, *, count: int | None = None) -> list[dict[str, float]]:
    """The rows of losses.csv, or the first so many: after them, a killed run may have left half a row."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = islice(csv.DictReader(file), count)
        return [{name: float(value) for name, value in row.items()} for row in rows]


def last(path: Path) -> dict[str, float]:
    """The mean of every column over the last twentieth of the rows, without step, rate and speed."""
    rows = read(path)
    recent = rows[-max(1, len(rows) // 20) :]
    names = [name for name in rows[0] if name not in {"step", "learning_rate", _SPEED}]
    return {name: sum(row[name] for row in recent) / len(recent) for name in names}


def drawn(rows: list[dict[str, float]]) -> bytes:
    """One panel per column but the speed, each value faint and their running mean strong, as a PNG."""
    names = [name for name in rows[0] if name not in {"step", _SPEED}]
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.7 * lines), dpi=110, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).flatten()
    steps = np.array([row["step"] for row in rows])
    for panel, name, color in zip(panels, names, _COLORS * 3, strict=False):
        values = np.array([row[name] for row in rows])
        panel.plot(steps, values, color=color, alpha=0.22, linewidth=0.8)
        panel.plot(steps, values if name == "learning_rate" else _smooth(values), color=color, linewidth=1.8)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.set_title(name.replace("_", " "), loc="left", fontsize=10, color="#333")
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8, colors="#666")
        panel.grid(alpha=0.25, linewidth=0.6)
        panel.margins(x=0.01)
        _limit(panel, values)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()


def _limit(panel: Axes, values: np.ndarray) -> None:
    """Keep a few outliers from flattening the curve."""
    low, high = np.percentile(values, [0.5, 99.5])
    if high > low:
        panel.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def _smooth(values: np.ndarray) -> np.ndarray:
    """The running mean over a twentieth of the curve, with ends that use what there is."""
    width = min(max(1, len(values) // 20), (len(values) - 1) // 2)
    kernel = np.ones(2 * width + 1)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones_like(values), kernel, "same")


def _table(rows: list[dict[str, float]], *, header: bool = True) -> str:
    if not rows:
        return ""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _number(value) for name, value in row.items()})
    return sink.getvalue()


def _number(value: float) -> str:
    """Enough digits for any float32."""
    return f"{value:.9g}"


def _write_whole(path: Path, data: str | bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data.encode() if isinstance(data, str) else data)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
