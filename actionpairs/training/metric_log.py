"""The metrics of a run, step by step: losses.csv, TensorBoard events, and a picture of the curves."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from actionpairs.training import curves

TABLE_FILE, PICTURE_FILE, EVENTS_FOLDER = "losses.csv", "curves.png", "tensorboard"
_SPEED = "images_per_second"


class MetricLog:
    """Writes one row per step. Rows after `start_step`, from a run that was killed, are removed first.

    Where it is not `enabled`, it writes nothing: one process writes for all.
    """

    def __init__(self, folder: Path, *, start_step: int, enabled: bool = True) -> None:
        self._folder = folder
        self._start_step = start_step
        self._enabled = enabled
        self._rows: list[dict[str, float]] = []
        self._clock = time.perf_counter()

    def __enter__(self) -> MetricLog:
        if self._enabled:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / TABLE_FILE
            self._rows = load_rows(path, limit=self._start_step) if path.exists() else []
            _replace(path, _csv(self._rows).encode())
            self._file = path.open("a", encoding="utf-8", newline="")
            self._events = SummaryWriter(str(self._folder / EVENTS_FOLDER), purge_step=self._start_step + 1)
        self._clock = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            self._file.close()
            self._events.close()

    def record(self, step: int, metrics: Mapping[str, float], *, images: int) -> None:
        """Write the row of a step, counted from 1. images: how many the step trained on."""
        now = time.perf_counter()
        row = {"step": float(step), **metrics, _SPEED: images / (now - self._clock)}
        row = {name: float(_format(value)) for name, value in row.items()}  # as a resumed run loads it
        self._clock = now
        if not self._enabled:
            return
        self._file.write(_csv([row], header=not self._rows))
        self._file.flush()
        self._rows.append(row)
        for name, value in row.items():
            if name != "step":
                self._events.add_scalar(name, value, step)

    def last_row(self) -> dict[str, str]:
        """The last row, short enough for a progress bar."""
        last = self._rows[-1] if self._rows else {}
        return {name: f"{value:.3g}" for name, value in last.items() if name not in {"step", "learning_rate"}}

    def sync(self) -> None:
        """Sync the rows to disk, so that a checkpoint never has more steps than the table."""
        if self._enabled:
            os.fsync(self._file.fileno())

    def draw_curves(self) -> None:
        """Draw every column but the speed into curves.png."""
        if self._enabled and self._rows:
            names = [name for name in self._rows[0] if name not in {"step", _SPEED}]
            _replace(self._folder / PICTURE_FILE, curves.plot(self._rows, names))


def load_rows(path: Path, *, limit: int | None = None) -> list[dict[str, float]]:
    """The rows of losses.csv, or the first `limit`. A killed run may have left half a row after them."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = islice(csv.DictReader(file), limit)
        return [{name: float(value) for name, value in row.items()} for row in rows]


def final_means(path: Path) -> dict[str, float]:
    """The mean of every column over the last twentieth of the rows, without step, learning rate and speed."""
    rows = load_rows(path)
    recent = rows[-max(1, len(rows) // 20) :]
    names = [name for name in rows[0] if name not in {"step", "learning_rate", _SPEED}]
    return {name: sum(row[name] for row in recent) / len(recent) for name in names}


def _csv(rows: list[dict[str, float]], *, header: bool = True) -> str:
    if not rows:
        return ""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _format(value) for name, value in row.items()})
    return sink.getvalue()


def _format(value: float) -> str:
    """Enough digits for any float32."""
    return f"{value:.9g}"


def _replace(path: Path, data: bytes) -> None:
    """Write a file under another name, and rename it when its bytes are on the disk."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
