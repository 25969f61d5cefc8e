"""The curves of a run as a picture: one panel per column of losses.csv."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_LOGARITHMIC = ("gradient norm",)  # its lines are orders of magnitude apart
_WHOLE_COLOR = "#222222"
_COLORS = ("#2f6f9f", "#c2613d", "#4d8a57", "#7d5ba6", "#a8852c", "#4a4f57")


def plot(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> bytes:
    """The columns `names` over the column "step", as a PNG: each value faint, the running mean strong.

    "a (b)" and "a (c)" are two lines of one panel, together with "a" if there is such a column. Rows may lack a
    value, or have NaN. Where most do, those that are there are points.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(" (")[0], []).append(name)
    columns = min(3 if len(groups) <= 9 else 4, len(groups))
    lines = -(-len(groups) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.7 * lines), dpi=110, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).flatten()
    first, last = rows[0]["step"], rows[-1]["step"]
    margin = 0.01 * max(last - first, 1)
    for panel, (title, group), color in zip(panels, groups.items(), _COLORS * 3, strict=False):
        if len(group) == 1:
            _draw_lines(panel, rows, group, (color,))
        else:
            _draw_lines(panel, rows, group, (_WHOLE_COLOR, *_COLORS) if title in group else _COLORS)
        if title in _LOGARITHMIC:
            panel.set_yscale("log")
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.set_title(title.replace("_", " "), loc="left", fontsize=10, color="#333")
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8, colors="#666")
        panel.grid(alpha=0.25, linewidth=0.6)
        panel.set_xlim(first - margin, last + margin)
    for panel in panels[len(groups) :]:
        panel.set_visible(False)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": None})
    return sink.getvalue()


def _draw_lines(
    panel: Axes, rows: Sequence[Mapping[str, float]], group: Sequence[str], colors: Sequence[str]
) -> None:
    """The columns of one panel. If they are several, only points and running means, with a legend."""
    drawn = []
    for name, color in zip(group, colors, strict=False):
        present = [row for row in rows if not math.isnan(row.get(name, math.nan))]
        steps, values = (np.array([row[column] for row in present]) for column in ("step", name))
        if not len(values):
            continue
        means = values if name == "learning_rate" else _smooth(values)
        if 2 * len(values) < len(rows):
            panel.plot(steps, values, "o", color=color, alpha=0.5, markersize=3.5, markeredgewidth=0)
            drawn.append(values)
        elif len(group) == 1:
            panel.plot(steps, values, color=color, alpha=0.22, linewidth=0.8)
            drawn.append(values)
        else:
            drawn.append(means)
        label = name.partition(" (")[2].removesuffix(")") or "all"
        panel.plot(steps, means, color=color, linewidth=1.8 if len(group) == 1 else 1.3, label=label)
    if drawn and group[0].partition(" (")[0] not in _LOGARITHMIC:
        _set_limits(panel, np.concatenate(drawn))
    if drawn and len(group) > 1:
        panel.legend(fontsize=7, frameon=False, labelcolor="#444", handlelength=1.2)


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
