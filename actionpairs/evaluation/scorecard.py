"""The rows of a report: every metric on every edit of a model, and the scores that follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from actionpairs.evaluation.gaps import ColumnGaps, refuse
from actionpairs.evaluation.records import EditScores, Kind, ReportRow, Score
from actionpairs.metrics.intervals import Estimate, summarize
from actionpairs.metrics.metric import AnyMetric, EditBatch, Metric, MetricColumn, SetMetric


@dataclass(frozen=True, slots=True)
class _Measured:
    """The values, texts and reasons of gaps of one column: N each, in the order of the samples."""

    column: MetricColumn
    values: np.ndarray
    texts: tuple[str, ...]
    gaps: tuple[str, ...]


def score_row(
    name: str,
    kind: Kind,
    batches: Iterable[EditBatch],
    metrics: Sequence[AnyMetric],
    *,
    on_gaps: Callable[[ColumnGaps], None] = refuse,
) -> ReportRow:
    """Score all edits of one row. At least one batch; the batches are gone through once, in any order.

    Values and features are sorted by key, for batches of several shapes come shape by shape. The truth gets no
    scores of pictures that are compared with it. on_gaps: what is done about a column that lacks values which it
    should have; it is refused unless the caller takes it in hand. A column that does not apply has no gap.
    """
    edit_metrics = [metric for metric in metrics if isinstance(metric, Metric)]
    set_metrics = [metric for metric in metrics if isinstance(metric, SetMetric) and kind != "truth"]
    keys = list[str]()
    parts: list[list[_Measured]] = []
    features: list[list[tuple[np.ndarray, np.ndarray]]] = []
    for batch in batches:
        keys += batch.keys
        parts.append([part for metric in edit_metrics for part in _measure(metric, batch)])
        features.append([(each.features(batch.edits), each.features(batch.truths)) for each in set_metrics])
    order = sorted(range(len(keys)), key=keys.__getitem__)
    measured = [_joined(same, order) for same in zip(*parts, strict=True)]
    for one in measured:
        if any(one.gaps):
            on_gaps(ColumnGaps.of(name, one.column.name, one.gaps))
    measured = [one for one in measured if _is_scored(one, kind)]
    scores = [
        to_score(one.column, summarize(one.values, one.column.statistic.name))
        for one in sorted(measured, key=lambda one: one.column.about != "action")
    ]
    for metric, same in zip(set_metrics, zip(*features, strict=True), strict=True):
        scores += _set_scores(metric, same, order)
    return ReportRow(name, kind, tuple(scores), tuple(_edit_scores(sorted(keys), measured)))


def to_score(column: MetricColumn, estimate: Estimate) -> Score:
    """A number with what its column says of it."""
    value, low, high, count = estimate.value, estimate.low, estimate.high, estimate.count
    return Score(
        column.name, value, low, high, count, column.better, column.about, column.unit, column.statistic.name
    )


def _measure(metric: Metric, batch: EditBatch) -> list[_Measured]:
    scores, none = metric.score(batch), ("",) * len(batch)
    return [
        _Measured(
            column,
            scores.values[column.name],
            scores.texts.get(column.name, ()),
            scores.gaps.get(column.name, none),
        )
        for column in metric.columns
    ]


def _joined(parts: Sequence[_Measured], order: Sequence[int]) -> _Measured:
    """One column over all batches, by key."""
    values = np.concatenate([part.values for part in parts])[order]
    texts = [text for part in parts for text in part.texts]
    gaps = tuple(gap for part in parts for gap in part.gaps)
    return _Measured(parts[0].column, values, tuple(texts[place] for place in order) if texts else (), gaps)


def _is_scored(one: _Measured, kind: Kind) -> bool:
    is_of_kind = kind != "truth" or one.column.about == "action" or one.column.without_truth
    return is_of_kind and not np.isnan(one.values).all()


def _set_scores(
    metric: SetMetric, features: Sequence[tuple[np.ndarray, np.ndarray]], order: Sequence[int]
) -> list[Score]:
    edits, truths = (np.concatenate(parts)[order] for parts in zip(*features, strict=True))
    if len(edits) < 2:
        return []
    estimates = metric.compare(edits, truths)
    return [to_score(column, estimates[column.name]) for column in metric.columns]


def _edit_scores(keys: Sequence[str], measured: Sequence[_Measured]) -> Iterable[EditScores]:
    for row, key in enumerate(keys):
        values = {one.column.name: float(one.values[row]) for one in measured}
        texts = {one.column.name: one.texts[row] for one in measured if one.texts}
        yield EditScores(key, {name: value for name, value in values.items() if not math.isnan(value)}, texts)
