"""What a report says of itself: the methods, where there are too few samples, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.editors.editor import Sampling
from actionpairs.evaluation.records import PictureShapes, ReportRow
from actionpairs.metrics.metric import AnyMetric

_INTERVALS = (
    "Intervals: Wilson for hits, ±1.96 standard errors for means, a jackknife over 20 groups for distances "
    "between sets (none below 40 samples)."
)
DIFFERENCES = (
    "Differences: Student's paired t on the same samples, McNemar's exact test for hits; p is not corrected "
    "for the number of comparisons."
)


def sampling_note(name: str, sampling: Sampling, *, guided_by_picture: bool, seed: int) -> str:
    """How a model made its predictions."""
    scheduler = f" of {sampling.scheduler}" if sampling.scheduler else ""
    picture = f"s_i = {sampling.image_guidance:g}, " if guided_by_picture else ""
    return (
        f"Predictions of {name}: {sampling.steps} steps{scheduler}, {picture}"
        f"s_c = {sampling.text_guidance:g}, seed {seed} and the sample's key."
    )


def shapes_note(pictures: PictureShapes) -> str:
    """At which shapes pictures were edited and scored."""
    if pictures.square:
        return f"Pictures: the center square of each, at {pictures.resolution} pixels a side."
    shapes = ", ".join(f"{each.width}×{each.height} ({each.count})" for each in pictures.shapes)
    return (
        f"Pictures: edited and scored at their own aspect and about {pictures.resolution}² pixels; "
        f"width × height (samples): {shapes}."
    )


def metric_notes(metrics: Sequence[AnyMetric], rows: Sequence[ReportRow]) -> tuple[str, ...]:
    """The notes of the metrics, first of those that have a score; then how to read intervals and differences."""
    names = {score.name for row in rows for score in row.scores}
    scored = [any(column.name in names for column in each.columns) for each in metrics]
    notes = [each.note for each, has_score in zip(metrics, scored, strict=True) if has_score]
    notes += [_without_score(each) for each, has_score in zip(metrics, scored, strict=True) if not has_score]
    return (*notes, _INTERVALS, DIFFERENCES, *few_samples(rows, metrics))


def _without_score(metric: AnyMetric) -> str:
    """Why a table lacks a metric that was computed; its note says to which samples it applies."""
    return f"No {', '.join(column.name for column in metric.columns)}: no edit here has a value. {metric.note}"


def few_samples(rows: Sequence[ReportRow], metrics: Sequence[AnyMetric]) -> Iterator[str]:
    """One line for each statistic that has too few samples here, with the scores that it is taken for."""
    statistics = dict.fromkeys(column.statistic for metric in metrics for column in metric.columns)
    scores = {score.name: score for row in rows for score in row.scores}
    for statistic in statistics:
        scarce = [
            score
            for score in scores.values()
            if score.statistic == statistic.name and score.count < statistic.least_samples
        ]
        if scarce:
            counts = sorted({score.count for score in scarce})
            at = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
            names = ", ".join(score.name for score in scarce)
            yield f"Few samples: {names} at {at} (< {statistic.least_samples}): {statistic.caution}."
