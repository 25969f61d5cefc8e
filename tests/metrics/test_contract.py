"""Every metric: declared columns, NaN only by sample, the right direction, the same scores in any batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from actionpairs.data.examples import Example
from actionpairs.metrics import available
from actionpairs.metrics.intervals import SHARE
from actionpairs.metrics.metric import (
    AnyMetric,
    BatchScores,
    EditBatch,
    Metric,
    MetricColumn,
    MetricInputs,
    SetMetric,
)
from tests.metrics.conftest import EditOf, copy, noise, truth

DOCS = Path(__file__).parents[2] / "docs/evaluation.md"
Batches = Callable[..., list[EditBatch]]
Score = Callable[..., list[BatchScores]]


@pytest.fixture(scope="module")
def inputs(weights: Mapping[str, str], split: tuple[Example, ...]) -> MetricInputs:
    return MetricInputs(weights, [example.entry for example in split])


@pytest.fixture(scope="module")
def metrics(inputs: MetricInputs) -> tuple[AnyMetric, ...]:
    """Every metric, with the two that take the recognizer's features where there is no Inception file."""
    without_inception = {kind: path for kind, path in inputs.weights.items() if kind != "inception"}
    others = available.load_all(MetricInputs(without_inception, inputs.entries))
    names = {column.name for metric in others for column in metric.columns}
    return (
        *others,
        *(
            metric
            for metric in available.load_all(inputs)
            if not names & {column.name for column in metric.columns}
        ),
    )


@pytest.fixture(scope="module")
def per_edit(metrics: tuple[AnyMetric, ...]) -> list[Metric]:
    return [metric for metric in metrics if isinstance(metric, Metric)]


@pytest.fixture(scope="module")
def per_set(metrics: tuple[AnyMetric, ...]) -> list[SetMetric]:
    return [metric for metric in metrics if isinstance(metric, SetMetric)]


@pytest.fixture(scope="module")
def score(batches: Batches) -> Score:
    """A metric's scores of some edits, a BatchScores for each batch; each is computed once."""

    @cache
    def scores(metric: Metric, edit_of: EditOf, size: int = 8) -> list[BatchScores]:
        return [metric.score(batch) for batch in batches(edit_of, size)]

    return scores


def is_better(column: MetricColumn, one: float, other: float, *, tolerance: float = 1e-6) -> bool:
    """Whether one value is at least as good as the other."""
    return (one - other if column.better == "higher" else other - one) >= -tolerance * max(1, abs(other))


def test_there_are_weights_for_every_kind(weights: Mapping[str, str]) -> None:
    kinds = {loader.kind for loader in available.LOADERS if loader.kind}
    assert kinds == set(weights), "tests/metrics/conftest.py needs tiny weights of each kind"


def test_every_loader_gives_a_metric(inputs: MetricInputs, metrics: tuple[AnyMetric, ...]) -> None:
    assert len(metrics) >= len(available.LOADERS)
    for loader in available.LOADERS:
        assert bool(loader.kind) == bool(loader.digest) == bool(loader.without)
        assert loader.load(inputs) or not loader.kind


def test_a_metric_is_either_of_edits_or_of_sets(metrics: tuple[AnyMetric, ...]) -> None:
    assert all(isinstance(metric, Metric) != isinstance(metric, SetMetric) for metric in metrics)


def test_columns_have_names_of_their_own_and_a_row_in_the_docs(metrics: tuple[AnyMetric, ...]) -> None:
    names = [column.name for metric in metrics for column in metric.columns]
    assert len(set(names)) == len(names)
    table = "\n".join(line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|"))
    assert [name for name in names if name not in table] == []


def test_notes_and_citations_are_not_empty(metrics: tuple[AnyMetric, ...]) -> None:
    for metric in metrics:
        assert metric.note.endswith(".")
        assert re.search(r"arXiv \d{4}\.\d{5}|\d{4}", metric.citation)


def test_digests_do_not_change_and_name_what_was_loaded(inputs: MetricInputs) -> None:
    again = [metric.digest for metric in available.load_all(MetricInputs(inputs.weights, inputs.entries))]
    assert [metric.digest for metric in available.load_all(inputs)] == again
    assert set(available.digests(inputs.weights).values()) == {digest for digest in again if digest}


def test_the_columns_that_are_declared_come_back(per_edit: list[Metric], score: Score) -> None:
    for metric in per_edit:
        [scores] = score(metric, noise)
        assert list(scores.values) == [column.name for column in metric.columns]
        assert set(scores.texts) == {column.name for column in metric.columns if column.text}
        for values in scores.values.values():
            assert (values.shape, values.dtype) == ((8,), np.float64)
            assert not np.isinf(values).any()
        assert all(len(texts) == 8 for texts in scores.texts.values())


def test_hits_are_0_or_100(per_edit: list[Metric], score: Score) -> None:
    for metric in per_edit:
        for column in metric.columns:
            if column.statistic is SHARE:
                values = score(metric, copy)[0].values[column.name]
                assert set(values[~np.isnan(values)]) <= {0.0, 100.0}


def test_whether_a_sample_counts_does_not_depend_on_the_edit(per_edit: list[Metric], score: Score) -> None:
    for metric in per_edit:
        for column in metric.columns:
            masks = [np.isnan(score(metric, each)[0].values[column.name]) for each in (truth, copy, noise)]
            assert np.array_equal(masks[0], masks[1])
            assert np.array_equal(masks[0], masks[2])
            assert not masks[0].all()


def test_the_truth_is_at_least_as_good_as_noise(per_edit: list[Metric], score: Score) -> None:
    for metric in per_edit:
        for column in metric.columns:
            best, worst = (np.nanmean(score(metric, each)[0].values[column.name]) for each in (truth, noise))
            assert is_better(column, best, worst), column.name


def test_a_copy_is_no_better_than_the_truth_at_the_action(per_edit: list[Metric], score: Score) -> None:
    for metric in per_edit:
        for column in metric.columns:
            if column.about == "action":
                best, worst = (np.nanmean(score(metric, each)[0].values[column.name]) for each in (truth, copy))
                assert is_better(column, best, worst), column.name


def test_batches_of_any_size_score_the_same(per_edit: list[Metric], score: Score) -> None:
    for metric in per_edit:
        [whole], parts = score(metric, noise), score(metric, noise, 3)
        for column in metric.columns:
            values = np.concatenate([part.values[column.name] for part in parts])
            assert whole.values[column.name] == pytest.approx(values, rel=1e-3, abs=1e-5, nan_ok=True)
            if column.text:
                assert whole.texts[column.name] == sum((part.texts[column.name] for part in parts), ())


def features(metric: SetMetric, parts: list[EditBatch], *, of: str = "edits") -> np.ndarray:
    return np.concatenate([metric.features(getattr(part, of)) for part in parts])


def test_sets_have_the_columns_that_are_declared(per_set: list[SetMetric], batches: Batches) -> None:
    for metric in per_set:
        edits, truths = features(metric, batches(noise)), features(metric, batches(noise), of="truths")
        assert (edits.shape, edits.dtype, edits.ndim) == (truths.shape, np.float32, 2)
        estimates = metric.compare(edits, truths)
        assert list(estimates) == [column.name for column in metric.columns]
        assert all(estimate.count == len(edits) for estimate in estimates.values())


def test_the_set_of_truths_is_at_least_as_good_as_noise(per_set: list[SetMetric], batches: Batches) -> None:
    for metric in per_set:
        truths = features(metric, batches(truth))
        best, worst = (metric.compare(edits, truths) for edits in (truths, features(metric, batches(noise))))
        for column in metric.columns:
            assert is_better(column, best[column.name].value, worst[column.name].value)


def test_features_of_any_batch_size_are_the_same(per_set: list[SetMetric], batches: Batches) -> None:
    for metric in per_set:
        whole, parts = (features(metric, batches(noise, size)) for size in (8, 3))
        assert whole == pytest.approx(parts, rel=1e-3, abs=1e-4)
