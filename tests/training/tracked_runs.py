"""What trackers were told: readers of W&B's offline files and of Trackio's database, and a small run."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from wandb.proto import wandb_internal_pb2

from actionpairs.training.metric_log import MetricLog
from actionpairs.training.trackers import Trackers

CONFIG = {"recipe": "squares", "steps": 9}
POINT = "discrimination of fixed pairs (all)"
_BLOCK = 32768


def track(names: Sequence[str], folder: Path, start: int, stop: int) -> None:
    """A session of a run from one step to another, with sample points at even steps."""
    grid = folder.parent / "grid.png"
    Image.fromarray(np.full((20, 30, 3), (200, 100, 50), np.uint8)).save(grid)
    with Trackers(names, CONFIG) as trackers:
        with MetricLog(folder, start_step=start, trackers=trackers) as log:
            for step in range(start + 1, stop + 1):
                values = {"loss": 1 / step, "rare": 1.0 if step % 4 == 0 else float("nan")}
                log.record(step, values, images=4, seconds=0.5, costs={"seconds_per_step": 0.5})
                if step % 2 == 0:
                    log.record_samples(step, grid, {"all": (0.5, 4)})
        trackers.log_final(stop, {"loss": 0.25})


def wait_until(is_so: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for what another process or thread is still writing."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def wandb_files(out: Path) -> list[Path]:
    """The offline files of a run, in order. W&B's service writes their ends after `finish` has returned."""
    paths = sorted(out.glob("wandb/offline-run-*/*.wandb"))
    for path in paths:
        wait_until(lambda path=path: any(record.HasField("exit") for record in wandb_records(path)))  # type: ignore[misc]
    return paths


def wandb_rows(out: Path) -> list[dict[str, Any]]:
    """Every row of history in W&B's offline files of a run, with its `_step`."""
    rows = []
    for path in wandb_files(out):
        for record in wandb_records(path):
            if record.HasField("history"):
                items = {item.key or item.nested_key[0]: _value(item) for item in record.history.item}
                rows.append({**items, "_step": record.history.step.num})
    return rows


def _value(item: Any) -> Any:
    return json.loads(item.value_json) if item.value_json else item


def wandb_records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file: a header of 7 bytes, then LevelDB's log format, in blocks of 32 KiB."""
    content, parts = path.read_bytes(), b""
    place = 7
    while place + 7 <= len(content):
        if _BLOCK - place % _BLOCK < 7:
            place += _BLOCK - place % _BLOCK
            continue
        _, size, kind = struct.unpack("<IHB", content[place : place + 7])
        parts += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def trackio_rows(folder: Path, project: str = "actionpairs") -> list[tuple[str, int, dict[str, Any]]]:
    """Every row of metrics in Trackio's database: run, step and values."""
    with sqlite3.connect(folder / f"{project}.db") as database:
        rows = database.execute("select run_name, step, metrics from metrics order by id").fetchall()
    return [(run, step, json.loads(metrics)) for run, step, metrics in rows]
