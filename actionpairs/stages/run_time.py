"""How long a run of many equal steps takes: a bar, and an estimate of a long run before most of it is done."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from actionpairs.progress import Progress, print_note

_WORTH_SAYING_SECONDS = 15.0
_WARM_UP_SECONDS = 5.0  # a first step that takes longer is no longer one that mostly warms up


class RunTime:
    """A bar of steps on stderr, and once a line such as "about 4 min for 3 seeds × 50 steps …" if a run is long.

    The time of the second step counts, since the first one also warms the device up; that of the first, if it took
    more than 5 s. job: what is run, in words. steps: of the whole run.
    """

    def __init__(self, job: str, steps: int) -> None:
        self._job, self._steps = job, steps
        self._begun = 0
        self._last = 0.0
        self._is_estimated = False
        self._bar = Progress(total=steps, unit="step", desc="edits")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._bar.update(self._steps - self._bar.n)
        self._bar.close()

    def begin_step(self) -> None:
        """Note that the next step begins."""
        now = time.perf_counter()
        if self._begun:
            self._bar.update()
            self._estimate(now - self._last)
        self._begun, self._last = self._begun + 1, now

    def _estimate(self, step_seconds: float) -> None:
        if self._is_estimated or (self._begun == 1 and step_seconds < _WARM_UP_SECONDS):
            return
        self._is_estimated = True
        seconds = step_seconds * self._steps
        if seconds >= _WORTH_SAYING_SECONDS:
            print_note(f"about {duration(seconds)} for {self._job}")


def duration(seconds: float) -> str:
    """A duration in its two or one largest units: 40 s, 4 min, 2 h 10 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
