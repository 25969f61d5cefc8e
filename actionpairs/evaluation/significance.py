"""Whether differences are more than chance: a p for each, corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

from actionpairs.evaluation.records import Difference

LEVEL = 0.05  # a corrected p below it tells two rows apart
MCNEMAR, PAIRED_T = "McNemar", "paired t"
_ROUNDING = 1e-12  # relative: a narrower interval is no spread, but the last digits of equal differences


@dataclass(frozen=True, slots=True)
class PairedTest:
    """One row against another on the same samples of one split. method: MCNEMAR for hits, else PAIRED_T.

    p is None where there is no spread to judge the difference by; `corrected_p` (Holm) is then None too.
    """

    dataset: str
    split: str
    difference: Difference
    method: str
    p: float | None
    corrected_p: float | None = None

    @property
    def tells_apart(self) -> bool:
        """Whether the two rows differ by more than chance, whatever else was tested."""
        return self.corrected_p is not None and self.corrected_p < LEVEL


def p_value(difference: Difference) -> float | None:
    """The two-sided p of a difference: its own (McNemar's), else that of Student's paired t from its interval.

    The interval is value ± t(0.975) standard errors, so that it holds all that the test needs. 1 where every
    sample scores the same in both rows; None where all differ by the same amount, which leaves no spread.
    """
    if difference.p is not None:
        return difference.p
    if difference.low is None or difference.high is None:
        return 1.0 if difference.value == 0 else None
    half, freedom = (difference.high - difference.low) / 2, difference.count - 1
    if half <= _ROUNDING * abs(difference.value):
        return None
    return float(2 * student_t.sf(abs(difference.value) / half * student_t.ppf(0.975, freedom), freedom))


def holm(p_values: Sequence[float]) -> list[float]:
    """p corrected for the number of comparisons (Holm 1979, A simple sequentially rejective multiple test).

    If all that are then below a level are called real, the chance that even one is not is at most that level,
    whether or not the comparisons depend on each other.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, np.float64)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(steps) else steps
    return [float(value) for value in corrected]
