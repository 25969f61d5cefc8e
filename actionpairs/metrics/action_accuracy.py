"""Action accuracy: whether a recognizer sees the action that the instruction asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actionpairs import manifest
from actionpairs.metrics.intervals import SHARE
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader
from actionpairs.recognition import calibration, families, labels
from actionpairs.recognition.recognizer import Recognizer
from actionpairs.storage import Folder

TOP_1 = MetricColumn("Acc top-1", "higher", "action", "%", SHARE, text="the recognized action")
TOP_5 = MetricColumn("Acc top-5", "higher", "action", "%", SHARE)


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a recognizer was of its first answers on one row, and how often it was right.

    error, raw_error: its expected calibration error in [0, 1], with its temperature and without. temperature: None
    if none was fitted. fitted_on: the number of samples that it was fitted on.
    """

    samples: int
    raw_error: float
    error: float
    temperature: float | None
    fitted_on: int


class ActionAccuracy:
    """Per edit: 100 where the action is the recognizer's first answer, or among its first five; else 0.

    actions: those of the samples. mapping: our action → the recognizer's label, for actions whose label has
    another name. An action that the recognizer never learned counts as wrong. Raises ScoreError where a recognizer
    that was not trained here lacks one.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        digest: str,
        actions: Sequence[str] = (),
        mapping: Mapping[str, str] | None = None,
    ) -> None:
        self._recognizer, self.digest, self._mapping = recognizer, digest, mapping or {}
        self.columns = (TOP_1, TOP_5) if len(recognizer.actions) > 5 else (TOP_1,)
        self.citation = recognizer.family.citation
        self.note = _note(recognizer, digest, actions, self._class_numbers(actions))
        self._answers: dict[str, dict[str, tuple[float, float, bool]]] = {}  # row → key → raw, calibrated, hit

    def score(self, batch: EditBatch) -> BatchScores:
        """Hits as 100 or 0, and the recognized action."""
        logits = self._recognizer.predict(batch.originals, batch.edits)
        numbers = self._class_numbers(batch.actions)
        targets = np.array([numbers.get(action, -1) for action in batch.actions])
        self._remember(batch, logits, targets)
        values = {
            column.name: 100.0 * top_k(logits, targets, k) for column, k in zip(self.columns, (1, 5), strict=False)
        }
        names = self._recognizer.actions
        return BatchScores(values, {TOP_1.name: tuple(names[best] for best in logits.argmax(axis=1))})

    def confidence(self, row: str) -> Confidence | None:
        """How sure the recognizer was on a row that has been scored; None if it has not."""
        answers = np.array([answer for _, answer in sorted(self._answers.get(row, {}).items())])
        if not len(answers):
            return None
        raw, calibrated, hits = answers.T
        fitted = self._recognizer.calibration
        return Confidence(
            len(answers),
            calibration.expected_error(raw, hits > 0),
            calibration.expected_error(calibrated, hits > 0),
            fitted.temperature if fitted else None,
            fitted.samples if fitted else 0,
        )

    def _class_numbers(self, actions: Sequence[str]) -> Mapping[str, int]:
        recognizer = self._recognizer
        return labels.class_numbers(actions, recognizer.actions, self._mapping, is_ours=recognizer.is_ours)

    def _remember(self, batch: EditBatch, logits: np.ndarray, targets: np.ndarray) -> None:
        raw = calibration.confidence(logits, 1.0)
        calibrated = calibration.confidence(logits, self._recognizer.temperature)
        hits = logits.argmax(axis=1) == targets
        answers = zip(raw.tolist(), calibrated.tolist(), hits.tolist(), strict=True)
        self._answers.setdefault(batch.row, {}).update(zip(batch.keys, answers, strict=True))


def _note(recognizer: Recognizer, digest: str, actions: Sequence[str], numbers: Mapping[str, int]) -> str:
    first, last = recognizer.repeats
    note = (
        f"Acc: a {recognizer.family.name}, digest {digest}, gets [input × {first}, edit × {last}], "
        f"{recognizer.preprocessing.description}, and chooses among {len(recognizer.actions)} actions."
    )
    if not recognizer.is_ours:
        note += " It was trained on videos, not on pairs of stills: read it only beside the real last frame."
    if unlearned := sum(action not in numbers for action in actions):
        note += f" {unlearned} samples have actions that it never learned: all count as wrong."
    return note


def top_k(logits: np.ndarray, targets: np.ndarray, k: int) -> np.ndarray:
    """Whether each target is among the k largest logits; a target of −1 never is.

    logits: N K, targets: N int; returns N bool. Of equal logits the first counts as larger.
    """
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return np.asarray((best == targets[:, None]).any(axis=1))


def load_recognizer(inputs: MetricInputs) -> tuple[Recognizer, str]:
    """The recognizer that the user gave, and its digest; raises ModelError where it cannot be loaded."""
    recognizer = inputs.shared(LOADER.kind, lambda path: families.load(path, device=inputs.device))
    return recognizer, _digest(inputs.weights[LOADER.kind])


def _digest(source: str) -> str:
    return manifest.folder_digest(Folder(families.locate(source)))


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    recognizer, digest = load_recognizer(inputs)
    actions = [entry.action for entry in inputs.entries]
    return (ActionAccuracy(recognizer, digest=digest, actions=actions, mapping=inputs.recognizer_labels),)


LOADER = MetricLoader(
    _load,
    "recognizer",
    _digest,
    "No action accuracy: no recognizer was given. Train one on the same shards with `actionpairs train` and a "
    "recipe whose task is recognizer, and name its folder with --recognizer.",
)
