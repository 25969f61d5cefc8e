"""What is measured of a row's pictures, sample by sample, and the scores that follow from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from actionpairs.evaluation.records import About, Better, EditScores, Kind, ReportRow, Score, Unit
from actionpairs.metrics import background, formulas, optical_flow
from actionpairs.metrics.features import FeatureNetwork
from actionpairs.metrics.formulas import Estimate
from actionpairs.metrics.lpips import Lpips
from actionpairs.recognition.timesformer import Recognizer

TOP_1, TOP_5, MOTION, DISCRIMINATION = "Acc top-1", "Acc top-5", "motion alignment", "discrimination"
LPIPS, SSIM, PSNR, BACKGROUND = "LPIPS", "SSIM", "PSNR", "background PSNR"
_STILL = 0.005  # of the picture's width: flow shorter than that is noise
_PER_SAMPLE: Mapping[str, tuple[Better, About, Unit]] = {
    TOP_1: ("higher", "action", "%"),
    TOP_5: ("higher", "action", "%"),
    MOTION: ("higher", "action", ""),
    "CLIP direction": ("higher", "action", ""),
    DISCRIMINATION: ("higher", "action", "%"),
    LPIPS: ("lower", "picture", ""),
    "CLIP similarity": ("higher", "picture", ""),
    "DINOv2 similarity": ("higher", "picture", ""),
    SSIM: ("higher", "picture", ""),
    PSNR: ("higher", "picture", "dB"),
    BACKGROUND: ("higher", "picture", "dB"),
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

    values: score name → N float64, NaN where a score does not apply to a sample. recognized is None where no
    recognizer was asked. features: name of a network → N D float32.
    """

    keys: tuple[str, ...]
    recognized: tuple[str, ...] | None
    values: Mapping[str, np.ndarray]
    features: Mapping[str, np.ndarray]


def measure(
    trials: Iterable[Trial],
    *,
    recognizer: Recognizer | None,
    networks: Sequence[FeatureNetwork],
    lpips: Lpips | None = None,
) -> Measurements:
    """Look at every edit of a row: with the recognizer, by its motion, beside its truth, through the networks."""
    parts = [_measure(trial, recognizer, networks, lpips) for trial in trials]
    recognized = [part.recognized for part in parts if part.recognized is not None]
    return Measurements(
        keys=tuple(key for part in parts for key in part.keys),
        recognized=tuple(action for part in recognized for action in part) if recognized else None,
        values={name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        features={
            network.name: np.concatenate([part.features[network.name] for part in parts]) for network in networks
        },
    )


def row(
    name: str,
    kind: Kind,
    measured: Measurements,
    *,
    networks: Sequence[FeatureNetwork],
    copy: Measurements,
    truth: Measurements,
) -> ReportRow:
    """Sum up one row beside the copy of the input and the truth, which were measured on the same samples.

    The truth gets no picture scores: it is what pictures are compared with.
    """
    measured = _with_similarity(measured, networks, copy, truth)
    scores = [*_mean_scores(measured.values)]
    for network in networks:
        scores += _set_scores(network, measured.features[network.name], truth.features[network.name])
    if kind == "truth":
        scores = [score for score in scores if score.about == "action"]
    shown = {score.name for score in scores}
    edits = tuple(
        EditScores(
            key,
            measured.recognized[i] if measured.recognized else None,
            {
                name: float(values[i])
                for name, values in measured.values.items()
                if name in shown and not math.isnan(values[i])
            },
        )
        for i, key in enumerate(measured.keys)
    )
    return ReportRow(name, kind, tuple(scores), edits)


def summed(name: str, values: np.ndarray, *, better: Better, about: About, unit: Unit) -> Score:
    """The score of some samples, N values: a share with Wilson's interval for hits in per cent, else a mean."""
    estimate = _percent(values) if unit == "%" else formulas.mean(values)
    return _score(name, estimate, better=better, about=about, unit=unit)


def _with_similarity(
    measured: Measurements, networks: Sequence[FeatureNetwork], copy: Measurements, truth: Measurements
) -> Measurements:
    """Add what the features of single samples say: how near the truth they are, and whether they went its way."""
    values = dict(measured.values)
    for network in networks:
        edits, originals, truths = (found.features[network.name] for found in (measured, copy, truth))
        if network.similarity is not None:
            values[network.similarity] = formulas.cosine(edits, truths)
        if network.direction is not None:
            values[network.direction] = formulas.direction(edits, originals, truths)
    return replace(measured, values=values)


def _measure(
    trial: Trial, recognizer: Recognizer | None, networks: Sequence[FeatureNetwork], lpips: Lpips | None
) -> Measurements:
    recognized, values = None, dict[str, np.ndarray]()
    if recognizer is not None:
        logits = recognizer.predict(trial.originals, trial.edits)
        actions = recognizer.actions
        targets = np.array([actions.index(a) if a in actions else -1 for a in trial.actions])
        recognized = tuple(actions[best] for best in logits.argmax(axis=1))
        values[TOP_1] = 100.0 * formulas.top_k(logits, targets, 1)
        if len(actions) > 5:
            values[TOP_5] = 100.0 * formulas.top_k(logits, targets, 5)
    values[MOTION] = 100.0 * _motion(trial)
    if lpips is not None:
        values[LPIPS] = lpips(trial.edits, trial.truths)
    values[SSIM] = formulas.ssim(trial.edits, trial.truths)
    values[PSNR] = formulas.psnr(trial.edits, trial.truths)
    values[BACKGROUND] = background.kept(trial.edits, trial.originals, trial.truths)
    return Measurements(
        trial.keys, recognized, values, {network.name: network(trial.edits) for network in networks}
    )


def _motion(trial: Trial) -> np.ndarray:
    """B float64 in [−1, 1], NaN where the truth stands still."""
    still = _STILL * trial.originals.shape[2]
    return np.array(
        [
            formulas.motion_alignment(
                optical_flow.between(original, edit), optical_flow.between(original, truth), still=still
            )
            for original, edit, truth in zip(trial.originals, trial.edits, trial.truths, strict=True)
        ]
    )


def _mean_scores(values: Mapping[str, np.ndarray]) -> Iterator[Score]:
    for name, (better, about, unit) in _PER_SAMPLE.items():
        if name not in values:
            continue
        score = summed(name, values[name], better=better, about=about, unit=unit)
        if score.count:
            yield score


def _percent(values: np.ndarray) -> Estimate:
    """The share of hits (N values, each 0 or 100) in per cent."""
    found = formulas.share(values > 0)
    low, high = (None if end is None else 100 * end for end in (found.low, found.high))
    return Estimate(100 * found.value, low, high, found.count)


def _set_scores(network: FeatureNetwork, features: np.ndarray, truth_features: np.ndarray) -> list[Score]:
    if len(features) < 2:
        return []
    return [
        _score(name, formulas.jackknife(statistic, features, truth_features), better="lower", about="picture")
        for name, statistic in network.distances.items()
    ]


def _score(name: str, estimate: Estimate, *, better: Better, about: About, unit: Unit = "") -> Score:
    return Score(name, estimate.value, estimate.low, estimate.high, estimate.count, better, about, unit)
