"""The curves of a run as a picture: one panel per column of losses.csv."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_COLORS = ("#2f6f9f", "#c2613d", "#4d8a57", "#7d5ba6", "#a8852c", "#4a4f57")


def plot(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> bytes:
    """The columns `names` over the column "step", as a PNG: each value faint, the running mean strong."""
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
        _set_limits(panel, values)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()


def _set_limits(panel: Axes, values: np.ndarray) -> None:
    """Leave a few outliers outside, so that they do not flatten the curve."""
    low, high = np.percentile(values, [0.5, 99.5])
    if high > low:
        panel.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))


def _smooth(values: np.ndarray) -> np.ndarray:
    """The running mean over a twentieth of the curve; near the ends, over fewer values."""
    width = min(max(1, len(values) // 20), (len(values) - 1) // 2)
    kernel = np.ones(2 * width + 1)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones_like(values), kernel, "same")
