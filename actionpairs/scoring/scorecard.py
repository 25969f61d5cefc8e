"""What is measured of a row's pictures, sample by sample, and the scores that follow from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from actionpairs.learning.recogniser import Recogniser
from actionpairs.records import EditScores, ReportRow, Score
from actionpairs.scoring import flow, metrics
from actionpairs.scoring.features import FeatureNetwork
from actionpairs.scoring.metrics import Estimate

TOP_1, TOP_5, MOTION, SSIM, PSNR = "Acc top-1", "Acc top-5", "motion alignment", "SSIM", "PSNR"
_STILL = 0.005  # of the picture's width: flow shorter than that is noise
_PER_SAMPLE = {  # name → about, unit; more is better for all of them
    TOP_1: ("action", "%"),
    TOP_5: ("action", "%"),
    MOTION: ("action", ""),
    SSIM: ("picture", ""),
    PSNR: ("picture", "dB"),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """Some samples as one row answers them; originals, edits and truths are B H W 3 uint8."""

    keys: tuple[str, ...]
    actions: tuple[str, ...]
    originals: np.ndarray
    edits: np.ndarray
    truths: np.ndarray


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured of N samples.

    values: score name → N float64, NaN where a score does not apply to a sample. recognised is None where no
    recogniser was asked, features (N D) where there is no network.
    """

    keys: tuple[str, ...]
    recognised: tuple[str, ...] | None
    values: Mapping[str, np.ndarray]
    features: np.ndarray | None


def measure(
    trials: Iterable[Trial], *, recogniser: Recogniser | None, network: FeatureNetwork | None
) -> Measurements:
    """Look at every edit of a row: with the recogniser, by its motion, beside its truth, through the network."""
    parts = [_measure(trial, recogniser, network) for trial in trials]
    recognised = [part.recognised for part in parts if part.recognised is not None]
    features = [part.features for part in parts if part.features is not None]
    return Measurements(
        keys=tuple(key for part in parts for key in part.keys),
        recognised=tuple(action for part in recognised for action in part) if recognised else None,
        values={name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        features=np.concatenate(features) if features else None,
    )


def row(
    name: str,
    kind: str,
    measured: Measurements,
    *,
    network: FeatureNetwork | None,
    truth_features: np.ndarray | None,
) -> ReportRow:
    """Sum up one row. The truth gets no picture scores: it is what pictures are compared with."""
    scores = [*_mean_scores(measured.values)]
    if network is not None and measured.features is not None and truth_features is not None:
        scores += _set_scores(network, measured.features, truth_features)
    if kind == "truth":
        scores = [score for score in scores if score.about == "action"]
    shown = {score.name for score in scores}
    edits = tuple(
        EditScores(
            key,
            measured.recognised[i] if measured.recognised else None,
            {
                name: float(values[i])
                for name, values in measured.values.items()
                if name in shown and not math.isnan(values[i])
            },
        )
        for i, key in enumerate(measured.keys)
    )
    return ReportRow(name, kind, tuple(scores), edits)


def _measure(trial: Trial, recogniser: Recogniser | None, network: FeatureNetwork | None) -> Measurements:
    recognised, values = None, dict[str, np.ndarray]()
    if recogniser is not None:
        logits = recogniser.predict(trial.originals, trial.edits)
        actions = recogniser.actions
        targets = np.array([actions.index(a) if a in actions else -1 for a in trial.actions])
        recognised = tuple(actions[best] for best in logits.argmax(axis=1))
        values[TOP_1] = 100.0 * metrics.top_k(logits, targets, 1)
        if len(actions) > 5:
            values[TOP_5] = 100.0 * metrics.top_k(logits, targets, 5)
    values[MOTION] = 100.0 * _motion(trial)
    values[SSIM] = metrics.ssim(trial.edits, trial.truths)
    values[PSNR] = metrics.psnr(trial.edits, trial.truths)
    return Measurements(trial.keys, recognised, values, None if network is None else network(trial.edits))


def _motion(trial: Trial) -> np.ndarray:
    """B float64 in [−1, 1], NaN where the truth stands still."""
    still = _STILL * trial.originals.shape[2]
    return np.array(
        [
            metrics.motion_alignment(flow.between(original, edit), flow.between(original, truth), still=still)
            for original, edit, truth in zip(trial.originals, trial.edits, trial.truths, strict=True)
        ]
    )


def _mean_scores(values: Mapping[str, np.ndarray]) -> Iterator[Score]:
    for name, (about, unit) in _PER_SAMPLE.items():
        if name not in values:
            continue
        estimate = _percent(values[name]) if unit == "%" else metrics.mean(values[name])
        if estimate.count:
            yield _score(name, estimate, better="higher", about=about, unit=unit)


def _percent(values: np.ndarray) -> Estimate:
    """The share of hits (N values, each 0 or 100) in per cent."""
    found = metrics.share(values > 0)
    low, high = (None if end is None else 100 * end for end in (found.low, found.high))
    return Estimate(100 * found.value, low, high, found.count)


def _set_scores(network: FeatureNetwork, features: np.ndarray, truth_features: np.ndarray) -> list[Score]:
    if len(features) < 2:
        return []
    return [
        _score(name, metrics.jackknife(statistic, features, truth_features), better="lower", about="picture")
        for name, statistic in (
            (network.frechet_name, metrics.frechet),
            (network.kernel_name, metrics.kernel_distance),
        )
    ]


def _score(name: str, estimate: Estimate, *, better: str, about: str, unit: str = "") -> Score:
    return Score(name, estimate.value, estimate.low, estimate.high, estimate.count, better, about, unit)
