"""Reports as `eval` scores them, of made numbers: the material of a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from actionpairs.evaluation.comparability import ScoredReport
from actionpairs.evaluation.records import COPY, TRUTH, EditScores, Report, ReportRow, ReportSample, Score
from actionpairs.metrics import intervals

COLUMNS = {  # name → better, about, unit, statistic
    "Acc top-1": ("higher", "action", "%", "share"),
    "SSIM": ("higher", "picture", "", "mean"),
    "shift drift": ("lower", "picture", "%", "mean"),
}
SETTINGS = {"steps": 20, "seed": 0, "text_guidance": None, "gallery": 60, "batch_size": 8, "resolution": None}
INPUTS = {"shards": "5ba2d5", "features clip": "c11b", "recognizer": "4ec0"}


def row(name: str, kind: str, values: Mapping[str, Sequence[float]], *, fid: float | None = None) -> ReportRow:
    """A row of these values, sample by sample, and of a distance between sets."""
    scores = []
    for score, of_samples in values.items():
        better, about, unit, statistic = COLUMNS[score]
        part = intervals.summarize(np.array(of_samples, np.float64), statistic)
        scores.append(Score(score, part.value, part.low, part.high, part.count, better, about, unit, statistic))
    if fid is not None:
        scores.append(Score("FID", fid, None, None, 40, "lower", "picture", "", "Fréchet distance"))
    count = len(next(iter(values.values())))
    edits = tuple(
        EditScores(f"s{i:03d}", {name: float(of[i]) for name, of in values.items()}, {}) for i in range(count)
    )
    return ReportRow(name, kind, tuple(scores), edits)  # type: ignore[arg-type]


def drawn(name: str, level: float, *, count: int = 40, seed: int = 0, fid: float | None = None) -> ReportRow:
    """A model that is right in a share of `level` of the samples, and as much alike and still as that."""
    draw = np.random.default_rng(seed)
    values = {
        "Acc top-1": 100.0 * (draw.random(count) < level),
        "SSIM": level + 0.05 * draw.normal(size=count),
        "shift drift": 2 * (1 - level) + 0.1 * draw.random(count),
    }
    return row(name, "model", values, fid=fid)


def baselines(count: int = 40) -> tuple[ReportRow, ReportRow]:
    copy = {"Acc top-1": [0.0] * count, "SSIM": [0.97] * count, "shift drift": [0.0] * count}
    return row(COPY, "copy", copy, fid=5.0), row(TRUTH, "truth", {"Acc top-1": [100.0] * count})


def scored(source: str, *models: ReportRow, split: str = "LCtest", dataset: str = "LC") -> ScoredReport:
    """A report of these models; each one's weights have its name, backwards, as their digest."""
    count = max(len(model.edits) for model in models)
    samples = tuple(ReportSample(f"s{i:03d}", f"open the door {i}", "open door") for i in range(count))
    report = Report(dataset, split, samples, (*models, *baselines(count)), (), (), (f"Of {source}.",), "abc")
    inputs = {**INPUTS, "split": split, **{f"model {model.name}": model.name[::-1] for model in models}}
    own = frozenset(model.name for model in models)
    return ScoredReport(source, report, f"digest of {source}", "0.3.0 (schema 2)", inputs, SETTINGS, own)


def with_input(one: ScoredReport, **inputs: str) -> ScoredReport:
    """The same with other digests; `_` stands for a space."""
    return replace(one, inputs={**one.inputs, **{name.replace("_", " "): value for name, value in inputs.items()}})
