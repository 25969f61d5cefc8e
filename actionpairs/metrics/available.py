"""The list of all metrics. To add one: write its file, and add its LOADER here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from actionpairs.errors import ScoreError
from actionpairs.metrics import (
    action_accuracy,
    background,
    clip,
    dinov2,
    discrimination,
    drift,
    inception,
    lpips,
    motion,
    pixels,
    recognizer_distance,
    vlm_judge,
)
from actionpairs.metrics.metric import AnyMetric, MetricInputs, MetricLoader

LOADERS: tuple[MetricLoader, ...] = (  # in the order of a report's columns
    action_accuracy.LOADER,
    motion.LOADER,
    inception.LOADER,
    lpips.LOADER,
    clip.LOADER,
    discrimination.LOADER,
    dinov2.LOADER,
    pixels.LOADER,
    background.LOADER,
    drift.LOADER,
    recognizer_distance.LOADER,
    vlm_judge.LOADER,
)


def load_all(inputs: MetricInputs) -> tuple[AnyMetric, ...]:
    """Every metric whose weights were given; raises ModelError or ScoreError where they cannot be loaded."""
    loaders = (loader for loader in LOADERS if not loader.kind or loader.kind in inputs.weights)
    return tuple(metric for loader in loaders for metric in loader.load(inputs))


def digests(weights: Mapping[str, str]) -> dict[str, str]:
    """Kind → digest of the weights, without loading any.

    Raises ScoreError for a kind that no metric takes, or where a network cannot be found; StorageError where a
    file cannot.
    """
    digest_of = {loader.kind: loader.digest for loader in LOADERS if loader.digest is not None}
    for kind in weights:
        if kind not in digest_of:
            kinds = ", ".join(sorted(set(digest_of) - {action_accuracy.LOADER.kind}))
            raise ScoreError(f"--features {kind}: no metric takes such weights.", cure=f"Choose one of: {kinds}.")
    return {kind: digest_of[kind](source) for kind, source in weights.items()}


def missing_notes(weights: Collection[str]) -> tuple[str, ...]:
    """What a report does not have because the weights of some kinds were not given."""
    return tuple(loader.without for loader in LOADERS if loader.kind and loader.kind not in weights)
