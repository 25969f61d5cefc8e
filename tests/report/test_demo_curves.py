"""The demo's curves leave out the steps in which a loss has no value."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionpairs.report.demo_page import _curves
from actionpairs.training.metric_log import TABLE_FILE


def test_a_step_without_a_value_is_not_a_point_of_the_curve(tmp_path: Path) -> None:
    values = [1.0, None, 3.0, None, 5.0, *[2.0] * 37]
    rows = [f"{step},{'' if value is None else value}" for step, value in enumerate(values, start=1)]
    (tmp_path / TABLE_FILE).write_text("\n".join(["step,action", *rows, ""]))
    [(name, points)] = _curves(tmp_path, ("action", "static"))
    assert name == "action"
    assert points[:3] == [(3.0, 2.0), (5.0, 4.0), (6.0, 3.5)]  # means of two of the 40 values
    assert np.isfinite([value for _, value in points]).all()
