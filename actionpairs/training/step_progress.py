"""The progress of training: losses by term, seconds per step, samples per second, peak memory, time left."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import torch
from tqdm import tqdm

from actionpairs.configs import LoopConfig
from actionpairs.progress import Progress

_RECENT = 100  # steps that the mean time is over: buckets of other shapes and measured gradients take longer
_BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{time_left}{postfix}]"
_LABELS = {"static": "L_static", "action": "L_action", "regularization": "L_reg"}
_GIB = 2**30


class StepClock:
    """How long steps and sample points take in this session, and how long the rest will.

    The first step of a session is slow: kernels are compiled and chosen, memory is allocated. It counts only until
    there is another. first: the step that the session resumes at. sample_every: steps between two sample points,
    besides the last step; 0 for none.
    """

    def __init__(self, config: LoopConfig, *, first: int, sample_every: int = 0) -> None:
        self.first, self.steps, self.batch_size = first, config.steps, config.batch_size
        self.last_seconds = math.nan
        self._count = 0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._points_left = -(-self.steps // sample_every) - first // sample_every if sample_every else 0
        self._point_seconds: list[float] = []

    @contextmanager
    def step(self) -> Iterator[None]:
        """Time a step, without sample points and checkpoints."""
        begun = time.perf_counter()
        yield
        self.last_seconds = time.perf_counter() - begun
        if self._count == 1:
            self._recent.clear()
        self._count += 1
        self._recent.append(self.last_seconds)

    @contextmanager
    def sample_point(self) -> Iterator[None]:
        """Time the drawing and measuring of a sample point."""
        begun = time.perf_counter()
        yield
        self._point_seconds.append(time.perf_counter() - begun)
        self._points_left -= 1

    @property
    def seconds_per_step(self) -> float:
        """The mean of recent steps; NaN before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else math.nan

    @property
    def samples_per_second(self) -> float:
        """Pairs that are trained on per second of a step."""
        return self.batch_size / self.seconds_per_step

    def seconds_left(self, step: float) -> float:
        """What the steps after this one and the sample points will take; NaN if no step is counted yet."""
        each = sum(self._point_seconds) / max(1, len(self._point_seconds))
        return (self.steps - step) * self.seconds_per_step + self._points_left * each


class StepProgress(Progress):
    """A bar or lines, from the step that the run resumes at to its last one."""

    def __init__(self, clock: StepClock, *, disable: bool) -> None:
        self._clock = clock
        super().__init__(initial=clock.first, total=clock.steps, unit="step", disable=disable, bar_format=_BAR)

    def report(self, metrics: Mapping[str, float], *, peak_bytes: int) -> None:
        """Count a step. Of the metrics, those in brackets are details and are left out."""
        if self.disable:
            return
        speed = f"{self._clock.seconds_per_step:.3g} s/step, {self._clock.samples_per_second:.3g} samples/s"
        means = [
            f"{_LABELS.get(name, name)} {value:.3g}"
            for name, value in metrics.items()
            if name != "learning_rate" and "(" not in name and math.isfinite(value)
        ]
        self.set_postfix_str(", ".join([speed, *means, f"{peak_bytes / _GIB:.1f} GiB"]), refresh=False)
        self.update()

    @property
    def format_dict(self) -> MutableMapping[str, Any]:
        """tqdm's own values, and the time left without the pauses and the steps of earlier sessions."""
        seconds = self._clock.seconds_left(self.n)
        return {**super().format_dict, "time_left": "?" if math.isnan(seconds) else tqdm.format_interval(seconds)}


def peak_memory(device: torch.device) -> int:
    """The most bytes so far: allocated on a CUDA GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest
