"""The recognizer's own features give FD and KD under their own names, where no Inception file was given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actionpairs.metrics import available
from actionpairs.metrics.metric import MetricInputs
from actionpairs.metrics.recognizer_distance import COLUMNS, LOADER, RecognizerEncoder
from tests.evaluation.conftest import make_recognizer

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), np.uint8)


def test_features_are_one_token_of_the_networks_width() -> None:
    features = RecognizerEncoder(make_recognizer(), digest="abc")(PICTURES)
    assert (features.shape, features.dtype) == ((2, 16), np.float32)
    assert not np.array_equal(features[0], features[1])


def test_they_stand_in_where_there_is_no_inception_file_alone(weights: Mapping[str, str]) -> None:
    inputs = MetricInputs({"recognizer": weights["recognizer"]})
    [metric] = LOADER.load(inputs)
    assert metric.columns == COLUMNS
    assert not LOADER.load(MetricInputs(weights))


def test_the_recognizer_is_loaded_once_for_all_metrics(weights: Mapping[str, str]) -> None:
    inputs = MetricInputs({"recognizer": weights["recognizer"]})
    available.load_all(inputs)
    first = inputs.shared("recognizer", lambda _: None)
    available.load_all(inputs)
    assert inputs.shared("recognizer", lambda _: None) is first is not None
