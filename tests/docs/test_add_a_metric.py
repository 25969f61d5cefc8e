"""The metric of the guide is one: its code is read from the page and run."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from actionpairs.metrics.metric import EditBatch, Metric, MetricInputs, MetricLoader, SetMetric
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "guides/add-a-metric.md"


@pytest.fixture(scope="module")
def metric() -> Metric:
    [code] = blocks(PAGE, "python")
    module = ModuleType("actionpairs.metrics.change_ratio")
    sys.modules[module.__name__] = module
    try:
        exec(compile(code, str(PAGE), "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    assert isinstance(module.LOADER, MetricLoader)
    [loaded] = module.LOADER.load(MetricInputs({}))
    assert isinstance(loaded, Metric)
    return loaded


def scores(metric: Metric, edit: int, *, truth: int) -> np.ndarray:
    """The ratio of an edit to a gray of 100, where the truth is another gray."""
    grays = [np.full((2, 8, 12, 3), value, np.uint8) for value in (100, edit, truth)]
    batch = EditBatch(("a", "b"), ("do it", "do it"), ("x", "x"), *grays)
    return metric.score(batch).values[metric.columns[0].name]


def test_it_says_all_that_a_metric_says(metric: Metric) -> None:
    assert not isinstance(metric, SetMetric)
    assert metric.note.endswith(".")
    assert metric.citation
    assert metric.columns[0].better == "higher"


@pytest.mark.parametrize(("edit", "ratio"), [(100, 0), (150, 100), (125, 50), (200, 50)])
def test_a_copy_has_0_the_truth_100_and_too_much_counts_as_less(metric: Metric, edit: int, ratio: float) -> None:
    assert scores(metric, edit, truth=150) == pytest.approx([ratio, ratio])


def test_a_sample_in_which_nothing_changed_does_not_count_whatever_the_edit(metric: Metric) -> None:
    assert np.isnan(scores(metric, 100, truth=100)).all()
    assert np.isnan(scores(metric, 200, truth=100)).all()
