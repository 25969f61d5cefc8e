"""The metrics of a run: losses.csv and discrimination.csv, a picture of the curves, and what trackers are told."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from actionpairs.training import curves
from actionpairs.training.trackers import Trackers

TABLE_FILE, PICTURE_FILE = "losses.csv", "curves.png"
SAMPLES_FOLDER = "samples"  # of the pictures of sample points
DISCRIMINATION_FILE = "discrimination.csv"
_SPEED = "images_per_second"
_POINT_COLUMNS = "step", "kind", "discrimination", "pairs"


class MetricLog:
    """Writes one row per step. Rows after `start_step`, from a run that was killed, are removed first.

    A value that a step does not have is NaN, and an empty cell. Where it is not `enabled`, it writes nothing: one
    process writes for all. trackers: get what the tables get, and the sample grids; they are started here.
    """

    def __init__(
        self, folder: Path, *, start_step: int, enabled: bool = True, trackers: Trackers | None = None
    ) -> None:
        self._folder = folder
        self._start_step = start_step
        self._enabled = enabled
        self._rows: list[dict[str, float]] = []
        self._points: list[dict[str, str]] = []
        self._trackers = trackers or Trackers()

    def __enter__(self) -> MetricLog:
        if self._enabled:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / TABLE_FILE
            lines = path.read_bytes().count(b"\n") if path.exists() else 0
            self._rows = load_rows(path, limit=self._start_step) if lines else []
            _replace(path, _csv(self._rows).encode())
            self._file = path.open("a", encoding="utf-8", newline="")
            points = self._folder / DISCRIMINATION_FILE
            if points.exists():
                self._points = _load_points(points, last_step=self._start_step)
                self._write_points()
            self._trackers.start(self._folder, start_step=self._start_step, logged_steps=max(0, lines - 1))
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            self._file.close()

    def record(
        self,
        step: int,
        metrics: Mapping[str, float],
        *,
        images: int,
        seconds: float,
        costs: Mapping[str, float] | None = None,
    ) -> None:
        """Write the row of a step, counted from 1, which trained on so many images in so many seconds.

        costs: what trackers get besides.
        """
        if not self._enabled:
            return
        row = {"step": float(step), **metrics, _SPEED: images / seconds}
        row = {name: _parse(_format(value)) for name, value in row.items()}  # as a resumed run loads it
        self._file.write(_csv([row], header=not self._rows))
        self._file.flush()
        self._rows.append(row)
        self._trackers.log(
            step, {name: value for name, value in row.items() if name != "step"} | dict(costs or {})
        )

    def record_samples(self, step: int, grid: Path, shares: Mapping[str, tuple[float, int]]) -> None:
        """Send the grid of a sample point, and write its rows into discrimination.csv, which is synced at once.

        shares: by kind of negatives, the share of pairs with d⁺ < d⁻, and how many pairs it is of.
        """
        if not self._enabled:
            return
        self._trackers.log_picture(step, grid)
        if not shares:
            return
        for kind, (share, pairs) in shares.items():
            values = str(step), kind, _format(share), str(pairs)
            self._points.append(dict(zip(_POINT_COLUMNS, values, strict=True)))
        self._trackers.log(step, {_point_name(kind): share for kind, (share, _) in shares.items()})
        self._write_points()

    def sync(self) -> None:
        """Sync the rows to disk, so that a checkpoint never has more steps than the table."""
        if self._enabled:
            os.fsync(self._file.fileno())

    def draw_curves(self) -> None:
        """Draw every column but the speed into curves.png, and the points of discrimination.csv."""
        if self._enabled and self._rows:
            points: dict[float, dict[str, float]] = {}
            for point in self._points:
                share = _parse(point["discrimination"])
                points.setdefault(float(point["step"]), {})[_point_name(point["kind"])] = share
            rows = [row | points.get(row["step"], {}) for row in self._rows]
            names = dict.fromkeys(name for row in (rows[0], *points.values()) for name in row)
            picture = curves.plot(rows, [name for name in names if name not in {"step", _SPEED}])
            _replace(self._folder / PICTURE_FILE, picture)

    def _write_points(self) -> None:
        _replace(self._folder / DISCRIMINATION_FILE, _table(_POINT_COLUMNS, self._points).encode())


def load_rows(path: Path, *, limit: int | None = None) -> list[dict[str, float]]:
    """The rows of losses.csv, or the first `limit`. A killed run may have left half a row after them.

    An empty cell is NaN.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = islice(csv.DictReader(file), limit)
        return [{name: _parse(value) for name, value in row.items()} for row in rows]


def final_means(path: Path) -> dict[str, float]:
    """The mean of every column over the last twentieth of the rows, without step, learning rate and speed.

    Empty cells do not count. A column without any number there is left out.
    """
    rows = load_rows(path)
    recent = rows[-max(1, len(rows) // 20) :]
    names = [name for name in rows[0] if name not in {"step", "learning_rate", _SPEED}]
    values = {name: [row[name] for row in recent if not math.isnan(row[name])] for name in names}
    return {name: sum(some) / len(some) for name, some in values.items() if some}


def _load_points(path: Path, *, last_step: int) -> list[dict[str, str]]:
    """The rows of discrimination.csv up to a step."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["step"]) <= last_step]


def _point_name(kind: str) -> str:
    """The name of a kind's discrimination at sample points, for trackers and in the curves."""
    return f"discrimination of fixed pairs ({kind})"


def _csv(rows: list[dict[str, float]], *, header: bool = True) -> str:
    if not rows:
        return ""
    cells = [{name: _format(value) for name, value in row.items()} for row in rows]
    return _table(list(rows[0]), cells, header=header)


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, str]], *, header: bool = True) -> str:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()


def _format(value: float) -> str:
    """Enough digits for any float32; nothing for NaN."""
    return "" if math.isnan(value) else f"{value:.9g}"


def _parse(cell: str) -> float:
    return float(cell or "nan")


def _replace(path: Path, data: bytes) -> None:
    """Write a file under another name, and rename it when its bytes are on the disk."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
