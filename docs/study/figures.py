"""The pictures of docs/study.md: the Pareto plot, and some edits side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import estimates
import matplotlib as mpl
import numpy as np
import results
import runs
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from results import RowResult
from rows import BASE, Study
from scoring import TestSet

GOAL = (50.0, 35.0)  # percent: static edits kept, actions done
_ROWS = (BASE, "static-only-seed0", "actions-seed0", "plus-seed0")
_ACTIONS, _CELL, _LABEL = 8, 128, 20  # the last two in pixels
_MAIN, _OTHER, _FRONT = "#1f4e8c", "#7a7a7a", "#c0561e"


def draw(study: Study) -> None:
    """Draw what there are scores for: study-pareto.png (study-SIZE-pareto.png of other sizes), study-SIZE.jpg."""
    every = results.row_results(study, study.size.sets[0])
    if every:
        name = "study-pareto.png" if study.size.name == "cpu" else f"study-{study.size.name}-pareto.png"
        draw_front(every, study.docs / name)
    draw_edits(study, study.docs / f"study-{study.size.name}.jpg")


def draw_front(every: Sequence[RowResult], path: Path) -> None:
    """Actions done against static edits kept: each seed, means with Student's intervals, and the front."""
    with mpl.rc_context({"font.size": 9, "font.family": "DejaVu Sans", "svg.hashsalt": "study"}):
        figure = Figure(figsize=(9, 6.5), dpi=110, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for one in every:
            _draw_row(axes, one)
        best = results.front(every)
        axes.step(*zip(*(one.mean for one in best), strict=True), where="pre", color=_FRONT, lw=1.2, zorder=1)
        axes.plot([], [], color=_FRONT, lw=1.2, label="front")
        axes.set_xlabel("static edits kept, %")
        axes.set_ylabel("actions done, %")
        axes.margins(0.08)
        _draw_goal(axes)
        axes.grid(alpha=0.25)
        axes.plot([], [], "o", color=_MAIN, ms=8, label="mean of several seeds, Student's 95 % interval")
        axes.plot([], [], "o", color=_MAIN, ms=3, alpha=0.5, label="one of these seeds")
        axes.plot([], [], "o", color=_OTHER, ms=5, label="row of one seed")
        axes.legend(loc="lower left", frameon=False, fontsize=8)
        canvas.draw()
        _draw_labels(axes, every, canvas.get_renderer())
        figure.savefig(path, metadata={"Software": None})


def _draw_row(axes: Axes, one: RowResult) -> None:
    kept, done = one.mean
    if len(one.done) == 1:
        axes.plot(kept, done, "o", color=_OTHER, ms=5, zorder=3)
        return
    half = [[estimates.student(values)[1]] for values in (one.kept, one.done)]
    axes.errorbar(kept, done, xerr=half[0], yerr=half[1], color=_MAIN, lw=0.8, alpha=0.6, zorder=2)
    axes.plot(one.kept, one.done, "o", color=_MAIN, ms=3, alpha=0.5, zorder=3)
    axes.plot(kept, done, "o", color=_MAIN, ms=8, zorder=4)


def _draw_goal(axes: Axes) -> None:
    """The goal as a corner: all that is right of it and above reaches both."""
    kept, done = GOAL
    right, top = max(axes.get_xlim()[1], kept + 5), max(axes.get_ylim()[1], done + 5)
    axes.set_xlim(right=right)
    axes.set_ylim(top=top)
    axes.plot([right, kept, kept], [done, done, top], color="#2d7d46", lw=1.5, ls="--", zorder=1, label="goal")


def _draw_labels(axes: Axes, every: Sequence[RowResult], renderer: RendererAgg) -> None:
    """Name each row beside its point, where nothing else is drawn; a line leads to names that are far off."""
    to_pixels, to_data = axes.transData.transform, axes.transData.inverted().transform
    taken = [_around(to_pixels(ends)) for ends in _segments(every)]
    frame = axes.get_window_extent(renderer)
    for one in sorted(every, key=lambda each: (-len(each.done), -each.mean[1])):
        x, y = to_pixels(one.mean)
        color = _MAIN if len(one.done) > 1 else "#444444"
        text = axes.text(0, 0, one.name, fontsize=8, color=color, va="bottom", zorder=5)
        extent = text.get_window_extent(renderer)
        width, height = extent.width, extent.height
        for left, bottom in _places(x, y, width, height):
            box = (left, bottom, left + width, bottom + height)
            is_inside = box[0] > frame.x0 and box[2] < frame.x1 and box[1] > frame.y0 and box[3] < frame.y1
            if is_inside and not any(_overlaps(box, other) for other in taken):
                break
        taken.append(box)
        text.set_position(to_data(box[:2]))
        nearest = np.clip(x, box[0], box[2]), np.clip(y, box[1], box[3])
        if np.hypot(nearest[0] - x, nearest[1] - y) > 14:
            axes.plot(*to_data([(x, y), nearest]).T, color="#999999", lw=0.5, zorder=1)


def _segments(every: Sequence[RowResult]) -> Iterator[np.ndarray]:
    """The ends of everything that is drawn, in percent: 2 2. A dot's ends are the same."""
    best = [one.mean for one in results.front(every)]
    for (left, top), (right, bottom) in pairwise(best):
        yield np.array([(left, top), (left, bottom)])
        yield np.array([(left, bottom), (right, bottom)])
    for one in every:
        yield np.array([one.mean, one.mean])
        for seed in zip(one.kept, one.done, strict=True):
            yield np.array([seed, seed])
        if len(one.done) > 1:
            for axis, values in enumerate((one.kept, one.done)):
                ends = np.array([one.mean, one.mean])
                ends[:, axis] += np.array([-1, 1]) * estimates.student(values)[1]
                yield ends


def _around(ends: np.ndarray) -> tuple[float, float, float, float]:
    """The box around a line in pixels: left, bottom, right, top."""
    return (*(ends.min(0) - 5), *(ends.max(0) + 5))


def _places(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    """Lower left corners of a label around a point in pixels, the nearest first."""
    return [
        (x + distance * np.cos(angle) - width * (1 - np.cos(angle)) / 2, y + distance * np.sin(angle) - height / 2)
        for distance in range(9, 240, 6)
        for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ]


def _overlaps(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def draw_edits(study: Study, path: Path) -> None:
    """Draw some actions of the first set, with a column for each finished row."""
    spec = study.size.sets[0]
    folders = {name: runs.edits_folder(study, spec, name) for name in _ROWS}
    finished = {name: folder for name, folder in folders.items() if folder and study.scores(spec, name).exists()}
    test_set = TestSet(study.shards(spec), study.outcomes(spec))
    count = len(test_set.samples)
    chosen = [test_set.samples[number * count // _ACTIONS] for number in range(_ACTIONS)]
    columns = {"input": {one.name: test_set.pairs[one.name][0] for one in chosen}}
    for name, folder in finished.items():
        columns[name.removesuffix("-seed0")] = {
            one.name: cv2.imread(str(folder / f"{one.name}.png"), cv2.IMREAD_COLOR_RGB) for one in chosen
        }
    columns["the real last frame"] = {one.name: test_set.pairs[one.name][1] for one in chosen}
    strips = [np.hstack([_draw_text(name, _CELL) for name in columns])]
    for one in chosen:
        cells = [
            cv2.resize(pictures[one.name], (_CELL, _CELL), interpolation=cv2.INTER_NEAREST)
            for pictures in columns.values()
        ]
        strips += [_draw_text(one.entry.instruction, _CELL * len(columns)), np.hstack(cells)]
    cv2.imwrite(str(path), np.vstack(strips)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _draw_text(text: str, width: int) -> np.ndarray:
    strip = np.full((_LABEL, width, 3), 255, np.uint8)
    return cv2.putText(strip, text, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
