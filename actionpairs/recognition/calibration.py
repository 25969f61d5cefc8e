"""Whether a recognizer is right as often as it is sure: temperature and expected calibration error.

Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from actionpairs.errors import ModelError

FILE = "calibration.json"
BINS = 15
LEAST_SAMPLES = 30  # below, one temperature says more of the samples than of the model
_LIMITS = (0.05, 20.0)  # a model that is never wrong would have 0, one that only guesses ∞


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature, and what it does on the samples that it was fitted on.

    samples: so many, none of which was trained or tested on. nll: the mean negative log-likelihood of the right
    class, in nats. ece: the expected calibration error, in [0, 1]. Both without and with the temperature.
    """

    temperature: float
    samples: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float

    def save(self, folder: Path) -> None:
        """Write calibration.json."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> Calibration | None:
    """The calibration of a recognizer's folder, or None. Raises ModelError if the file is not one."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        made = TypeAdapter(Calibration).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelError(f"{path}: {error.errors()[0]['msg']}.", cure="Train the recognizer again.") from error
    if not (math.isfinite(made.temperature) and made.temperature > 0):
        raise ModelError(
            f"{path}: a temperature of {made.temperature} is not positive.", cure="Train the recognizer again."
        )
    return made


def fit(logits: np.ndarray, targets: np.ndarray) -> Calibration:
    """Choose the temperature with the least negative log-likelihood, between 0.05 and 20.

    logits: N K; targets: N int, the right classes.
    """
    bounds = tuple(math.log(limit) for limit in _LIMITS)
    best = minimize_scalar(lambda log: nll(logits, targets, math.exp(log)), bounds=bounds, method="bounded")
    temperature = math.exp(float(best.x))
    before, after = (confidence(logits, at) for at in (1.0, temperature))
    hits = logits.argmax(axis=1) == targets
    return Calibration(
        temperature,
        len(targets),
        nll(logits, targets, 1.0),
        nll(logits, targets, temperature),
        expected_error(before, hits),
        expected_error(after, hits),
    )


def nll(logits: np.ndarray, targets: np.ndarray, temperature: float) -> float:
    """The mean of −log p of the right class, where p is the softmax of logits / temperature."""
    log_p = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return -float(log_p[np.arange(len(targets)), targets].mean())


def confidence(logits: np.ndarray, temperature: float) -> np.ndarray:
    """The probability of the most probable class: N K logits in, N float64 in (0, 1] out."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1).max(axis=1))


def expected_error(confidences: np.ndarray, hits: np.ndarray) -> float:
    """The expected calibration error: Σ over bins of |B|/N · |share of hits in B − mean confidence in B|.

    15 bins of equal width, ((m − 1)/15, m/15]. confidences: N in (0, 1]; hits: N bool. Returns a value in [0, 1].
    """
    bins = np.clip(np.ceil(confidences * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=hits - confidences, minlength=BINS)  # of each bin: |B| · (hits − confidence)
    return float(np.abs(gaps).sum() / len(confidences))
