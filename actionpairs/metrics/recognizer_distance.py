"""FD and KD on the recognizer's own features, where no Inception file was given: small, and not a standard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actionpairs.metrics import action_accuracy, inception
from actionpairs.metrics.distances import frechet, kernel_distance
from actionpairs.metrics.features import CachedEncoder, FeatureDistance
from actionpairs.metrics.metric import AnyMetric, MetricInputs, MetricLoader
from actionpairs.recognition.recognizer import Recognizer

COLUMNS = inception.columns("FD (recognizer)", "KD (recognizer)")
_CITATION = "The formulas of FID (arXiv 1706.08500) and KID (arXiv 1801.01401)"


class RecognizerEncoder:
    """The recognizer's pooled features, which its last layer gets, for a clip in which nothing moves."""

    resizing = "the center square of every picture"

    def __init__(self, recognizer: Recognizer, *, digest: str) -> None:
        self._recognizer, self.digest = recognizer, digest
        self.name = f"the pooled features of the recognizer ({recognizer.family.name})"

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """B H W 3 uint8 → B D float32."""
        return self._recognizer.features(pictures, pictures)


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    if action_accuracy.LOADER.kind not in inputs.weights or inception.LOADER.kind in inputs.weights:
        return ()
    recognizer, digest = action_accuracy.load_recognizer(inputs)
    encoder = CachedEncoder(RecognizerEncoder(recognizer, digest=digest))
    distances = zip(COLUMNS, (frechet, kernel_distance), strict=True)
    return (FeatureDistance(encoder, dict(distances), f"{_CITATION}; {recognizer.family.citation}"),)


LOADER = MetricLoader(_load)
