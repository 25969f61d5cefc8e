"""Where the numbers of a run go besides its tables: TensorBoard, Weights & Biases, Trackio.

Each tracker has a thread of its own, so that one that is slow, hangs or fails neither stalls nor ends training:
it costs one warning. `losses.csv` is written without them.
"""

from __future__ import annotations

import json
import math
import os
import queue
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from actionpairs.errors import MissingExtraError, TrainingError, without_secrets
from actionpairs.manifest import StageSpec
from actionpairs.training.tracker_kinds import (
    EVENTS_FOLDER,
    FINISH_SECONDS,
    KINDS,
    PROJECT,
    WANDB_FOLDER,
    TrackedRun,
    Tracker,
)
from actionpairs.version import PACKAGE_VERSION

DEFAULT = ("tensorboard",)
FOLDERS = (EVENTS_FOLDER, WANDB_FOLDER)
_NONE = "none"
_RUNS_FILE = "checkpoints/trackers.json"  # with the checkpoints, a run's identity goes too
_WAITING = 10_000  # entries that a tracker may be behind
_CLOSE_SECONDS = FINISH_SECONDS + 15
_Call = tuple[float, Callable[[Tracker], None]]  # of a step


def choose(names: Sequence[str]) -> tuple[str, ...]:
    """The trackers of these names, each once; `none` alone is none of them.

    Raises TrainingError for another name, and MissingExtraError if a tracker's package is not installed.
    """
    chosen = tuple(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in KINDS and chosen != (_NONE,)]
    if unknown:
        raise TrainingError(
            f"{unknown[0]!r} is no tracker here.", cure=f"Name {', '.join(KINDS)}, or {_NONE} alone."
        )
    for name in (each for each in chosen if each != _NONE):
        spec = find_spec(name)
        if spec is None or spec.origin is None:  # a folder of that name, such as ./wandb, is no package
            extra = "train" if name in DEFAULT else "trackers"
            raise MissingExtraError.of(extra, needed_for=f"--tracker {name}")
    return tuple(name for name in chosen if name != _NONE)


def describe(names: Sequence[str]) -> list[str]:
    """Where each tracker would write, in words."""
    mode = os.environ.get("WANDB_MODE", "online")
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    places = {
        "tensorboard": f"OUT/{EVENTS_FOLDER}",
        "wandb": f"project {project}, {mode}; OUT/{WANDB_FOLDER}",
        "trackio": f"project {PROJECT}, {os.environ.get('TRACKIO_SPACE_ID', 'on this machine')}",
    }
    return [f"{name}: {places[name]}" for name in names]


class Trackers:
    """Sends a run's numbers and pictures to trackers. Without names, it does nothing.

    As a context, it closes them: what is not sent within a minute is left unsent.
    """

    def __init__(self, names: Sequence[str] = (), config: Mapping[str, Any] | None = None) -> None:
        self._names = names
        self._config = config or {}
        self._threads: list[_TrackerThread] = []

    @classmethod
    def of(cls, names: Sequence[str], spec: StageSpec) -> Trackers:
        """The trackers of a training run, whose config is its resolved recipe without folders."""
        recipe = _without_folders(spec.config.model_dump(mode="json"))
        return cls(names, {"recipe": spec.recipe, "actionpairs": PACKAGE_VERSION, **recipe, **spec.inputs})

    def __enter__(self) -> Trackers:
        return self

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            thread.send_end()
        for thread in self._threads:
            thread.wait(deadline - time.monotonic())
        self._threads = []

    def start(self, folder: Path, *, start_step: int, logged_steps: int) -> None:
        """Start each tracker, or continue its run. folder: of the training run.

        start_step: that of the checkpoint it resumes from. logged_steps: how many were logged before.
        """
        runs = _load_runs(folder)
        for name in self._names:
            is_new = name not in runs
            id_ = runs.setdefault(name, next(iter(runs.values()), secrets.token_hex(4)))
            run_name = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', folder.resolve().name)}-{id_}"
            logged = start_step if is_new else logged_steps
            run = TrackedRun(id_, run_name, self._config, folder, start_step, logged)
            self._threads.append(_TrackerThread(name, run))
        if self._names and set(self._names) != set(DEFAULT):
            _save_runs(folder, runs)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Send the numbers of a step; those that are not finite are left out."""
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        self._send(step, lambda tracker: tracker.log(finite, step))

    def log_picture(self, step: int, path: Path) -> None:
        """Send the picture of a sample point."""
        self._send(step, lambda tracker: tracker.log_picture(_load(path), step))

    def log_final(self, step: int, values: Mapping[str, float]) -> None:
        """Send the final numbers of a finished run."""
        self._send(step, lambda tracker: tracker.log_final(values, step), is_final=True)

    def _send(self, step: int, call: Callable[[Tracker], None], *, is_final: bool = False) -> None:
        for thread in self._threads:
            thread.send(math.inf if is_final else step, call)


class _TrackerThread:
    """A tracker that is started, called and closed in one thread, in the order of the calls."""

    def __init__(self, name: str, run: TrackedRun) -> None:
        self._name, self._run = name, run
        self._calls: queue.Queue[_Call | None] = queue.Queue(_WAITING)
        self._has_warned = False
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def send(self, step: float, call: Callable[[Tracker], None]) -> None:
        """Call the tracker, if it has not logged this step before."""
        if self._thread.is_alive():
            self._put((step, call))

    def send_end(self) -> None:
        """Close the tracker after all calls."""
        self._put(None)

    def wait(self, seconds: float) -> None:
        """Wait until it is closed, or give up."""
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            self._warn(f"it has not finished after {_CLOSE_SECONDS} s")

    def _put(self, call: _Call | None) -> None:
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            self._warn(f"it is {_WAITING:,} entries behind")

    def _work(self) -> None:
        tracker = KINDS[self._name]()
        try:
            first = tracker.start(self._run)
        except (Exception, SystemExit) as error:
            self._warn(_reason(error))
            return
        while (waiting := self._calls.get()) is not None:
            step, call = waiting
            if step >= first:
                self._try(call, tracker)
        self._try(lambda each: each.finish(), tracker)

    def _try(self, call: Callable[[Tracker], None], tracker: Tracker) -> None:
        try:
            call(tracker)
        except (Exception, SystemExit) as error:
            self._warn(_reason(error))

    def _warn(self, reason: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            reason = f"{reason.removesuffix('.')}. Training goes on; losses.csv has every step."
            tqdm.write(f"warning: the tracker {self._name} fails: {reason}", file=sys.stderr)


def _reason(error: BaseException) -> str:
    """What another library's error says, on one line."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return without_secrets(" ".join(text.split())[:300])


def _load(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _load_runs(folder: Path) -> dict[str, str]:
    """The id of each tracker's run, by the tracker's name."""
    path = folder / _RUNS_FILE
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except (ValueError, TypeError):  # a machine that lost its power may leave an empty file
        tqdm.write(f"warning: {path} cannot be read, so trackers begin new runs.", file=sys.stderr)
        return {}


def _save_runs(folder: Path, runs: Mapping[str, str]) -> None:
    path = folder / _RUNS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(runs, sort_keys=True), encoding="utf-8")
    partial.replace(path)


def _without_folders(value: Any) -> Any:
    """A config in which a local path is its last name, and a URL has no password."""
    if isinstance(value, dict):
        return {name: _without_folders(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    if not isinstance(value, str):
        return value
    if "://" in value:
        return without_secrets(value)
    is_path = value.startswith(("/", "~", "./", "../")) or (os.sep in value and Path(value).exists())
    return Path(value).name if is_path else value
