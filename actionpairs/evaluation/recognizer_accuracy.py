"""What action accuracy is worth: how often the recognizer is right on real last frames, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from actionpairs.evaluation.records import Recognition, RecognitionShare, Report, ReportRow, Score
from actionpairs.metrics.action_accuracy import TOP_1, TOP_5, ActionAccuracy
from actionpairs.metrics.hit_ratio import hit_ratio
from actionpairs.metrics.metric import AnyMetric


def added(report: Report, metrics: Sequence[AnyMetric]) -> Report:
    """The report with what its recognizer is worth, which its notes begin with; the same without a recognizer."""
    made = recognition(report.rows, metrics)
    return replace(report, recognition=made, notes=(*sentences(made), *report.notes))


def recognition(rows: Sequence[ReportRow], metrics: Sequence[AnyMetric]) -> Recognition | None:
    """The recognizer on the real last frames, and every other row against it; None without a recognizer."""
    metric = next((each for each in metrics if isinstance(each, ActionAccuracy)), None)
    truth = next((row for row in rows if row.kind == "truth"), None)
    if metric is None or truth is None:
        return None
    confidence, top_1 = metric.confidence(truth.name), _score(truth, TOP_1.name)
    if confidence is None or top_1 is None:
        return None
    return Recognition(
        row=truth.name,
        top_1=top_1,
        top_5=_score(truth, TOP_5.name),
        calibration_error=confidence.error,
        raw_calibration_error=confidence.raw_error,
        temperature=confidence.temperature,
        fitted_on=confidence.fitted_on,
        shares=tuple(_share(row, truth) for row in rows if row.kind != "truth"),
    )


def sentences(made: Recognition | None) -> Iterator[str]:
    """How to read the action accuracy of a report, for people."""
    if made is None:
        return
    top_1 = made.top_1
    also = f", top-5 {made.top_5.value:.1f} %" if made.top_5 else ""
    yield (
        f"{TOP_1.name} is bounded by its recognizer, which names {top_1.value:.1f} %{_range(top_1)} of "
        f"{top_1.count:,} real last frames right{also}. Of the {top_1.value:.1f} % that the recognizer gets right "
        f"on real last frames: {'; '.join(map(_share_text, made.shares))} (the ratio of both shares on the same "
        "samples, with a paired bootstrap)."
    )
    raw = (
        f"The recognizer's confidence on real last frames is off by {100 * made.raw_calibration_error:.1f} points"
    )
    bins = "(expected calibration error, 15 bins)"
    if made.temperature is None:
        yield f"{raw} {bins}; no temperature was fitted."
    else:
        yield (
            f"{raw} as it comes and by {100 * made.calibration_error:.1f} with its temperature of "
            f"{made.temperature:.2f} {bins}; the temperature was fitted on {made.fitted_on:,} pairs of the "
            "training split that it was not trained on."
        )


def _share(row: ReportRow, truth: ReportRow) -> RecognitionShare:
    hits = {edit.key: edit.values[TOP_1.name] > 0 for edit in row.edits if TOP_1.name in edit.values}
    reference = {edit.key: edit.values[TOP_1.name] > 0 for edit in truth.edits if edit.key in hits}
    keys = sorted(reference)
    ratio = hit_ratio(
        np.array([hits[key] for key in keys], bool), np.array([reference[key] for key in keys], bool)
    )
    value, low, high = (
        None if x is None or math.isnan(x) else 100 * x for x in (ratio.value, ratio.low, ratio.high)
    )
    return RecognitionShare(row.name, value, low, high, len(keys))


def _share_text(share: RecognitionShare) -> str:
    return (
        f"{share.row} –" if share.value is None else f"{share.row} {share.value:.0f} %{_range(share, decimals=0)}"
    )


def _range(score: Score | RecognitionShare, *, decimals: int = 1) -> str:
    if score.low is None or score.high is None:
        return ""
    return f" ({score.low:.{decimals}f} to {score.high:.{decimals}f})"


def _score(row: ReportRow, name: str) -> Score | None:
    return next((score for score in row.scores if score.name == name), None)
