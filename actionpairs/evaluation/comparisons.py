"""Rows against each other on the same samples, and over parts of the samples."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from actionpairs.evaluation.records import Difference, ReportPart, ReportRow, ReportSample, Score
from actionpairs.metrics import intervals


def differences(rows: Sequence[ReportRow]) -> tuple[Difference, ...]:
    """Every model against every one below it, then every model against the copy, score by score."""
    models = [row for row in rows if row.kind == "model"]
    against_copy = [(model, copy) for model in models for copy in rows if copy.kind == "copy"]
    return tuple(
        difference
        for row, other in (*combinations(models, 2), *against_copy)
        for difference in _differences(row, other)
    )


def by_verb(
    rows: Sequence[ReportRow], samples: Sequence[ReportSample], *, unseen: Collection[str]
) -> tuple[ReportPart, ...]:
    """The scores of seen and of unseen verbs apart; empty where all samples are of one kind.

    unseen: the keys of the samples whose verb has no training sample.
    """
    seen = {sample.key for sample in samples} - set(unseen)
    if not seen or not unseen:
        return ()
    return part("seen verbs", rows, seen), part("unseen verbs", rows, unseen)


def _differences(row: ReportRow, other: ReportRow) -> Iterator[Difference]:
    others = {score.name for score in other.scores}
    for score in row.scores:
        keys = sorted({edit.key for edit in row.edits} & {edit.key for edit in other.edits})
        ones, twos = _values(row, score.name, keys), _values(other, score.name, keys)
        both = ~np.isnan(ones - twos)
        if score.name not in others or not both.any():
            continue
        mean = intervals.paired(ones, twos)
        is_share = score.statistic == intervals.SHARE.name
        p = intervals.mcnemar(ones[both] > 0, twos[both] > 0) if is_share else None
        yield Difference(row.name, other.name, score.name, mean.value, mean.low, mean.high, mean.count, p)


def part(name: str, rows: Sequence[ReportRow], keys: Collection[str]) -> ReportPart:
    """The per-sample scores of every row over these samples alone."""
    return ReportPart(name, len(keys), {row.name: tuple(_scores(row, keys)) for row in rows})


def _scores(row: ReportRow, keys: Collection[str]) -> Iterator[Score]:
    """The row's per-sample scores over these samples; distances between sets are left out."""
    inside = [edit.key for edit in row.edits if edit.key in keys]
    for score in row.scores:
        values = _values(row, score.name, inside)
        if not np.isnan(values).all():
            over = intervals.summarize(values, score.statistic)
            yield replace(score, value=over.value, low=over.low, high=over.high, count=over.count)


def _values(row: ReportRow, score: str, keys: Sequence[str]) -> np.ndarray:
    """N float64 in the order of the keys, NaN where the score does not apply."""
    edit_of = {edit.key: edit for edit in row.edits}
    return np.array([edit_of[key].values.get(score, math.nan) for key in keys], np.float64)
