"""Action accuracy: whether a recognizer sees the action that the instruction asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actionpairs import manifest
from actionpairs.metrics.intervals import SHARE
from actionpairs.metrics.metric import AnyMetric, BatchScores, EditBatch, MetricColumn, MetricInputs, MetricLoader
from actionpairs.recognition import timesformer
from actionpairs.recognition.timesformer import Recognizer
from actionpairs.storage import Folder

TOP_1 = MetricColumn("Acc top-1", "higher", "action", "%", SHARE, text="the recognized action")
TOP_5 = MetricColumn("Acc top-5", "higher", "action", "%", SHARE)


class ActionAccuracy:
    """Per edit: 100 where the action is the recognizer's first answer, or among its first five; else 0.

    actions: those of the samples. An action that the recognizer never learned counts as wrong.
    """

    citation = "TimeSformer: arXiv 2102.05095"

    def __init__(self, recognizer: Recognizer, *, digest: str, actions: Sequence[str] = ()) -> None:
        self._recognizer, self.digest = recognizer, digest
        self.columns = (TOP_1, TOP_5) if len(recognizer.actions) > 5 else (TOP_1,)
        half = recognizer.model.config.num_frames // 2
        self.note = (
            f"Acc: a TimeSformer, digest {digest}, gets [input × {half}, edit × {half}], the center square of "
            f"each as in its training, and chooses among {len(recognizer.actions)} actions."
        )
        if unlearned := sum(action not in recognizer.actions for action in actions):
            self.note += f" {unlearned} samples have actions that it never learned: all count as wrong."

    def score(self, batch: EditBatch) -> BatchScores:
        """Hits as 100 or 0, and the recognized action."""
        logits = self._recognizer.predict(batch.originals, batch.edits)
        actions = self._recognizer.actions
        targets = np.array([actions.index(a) if a in actions else -1 for a in batch.actions])
        values = {
            column.name: 100.0 * top_k(logits, targets, k) for column, k in zip(self.columns, (1, 5), strict=False)
        }
        return BatchScores(values, {TOP_1.name: tuple(actions[best] for best in logits.argmax(axis=1))})


def top_k(logits: np.ndarray, targets: np.ndarray, k: int) -> np.ndarray:
    """Whether each target is among the k largest logits; a target of −1 never is.

    logits: N K, targets: N int; returns N bool. Of equal logits the first counts as larger.
    """
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return np.asarray((best == targets[:, None]).any(axis=1))


def load_recognizer(inputs: MetricInputs) -> tuple[Recognizer, str]:
    """The recognizer that the user gave, and its digest; raises ModelError where it cannot be loaded."""
    recognizer = inputs.shared(LOADER.kind, lambda path: timesformer.load(path, device=inputs.device))
    return recognizer, _digest(inputs.weights[LOADER.kind])


def _digest(path: str) -> str:
    return manifest.folder_digest(Folder(path))


def _load(inputs: MetricInputs) -> Sequence[AnyMetric]:
    recognizer, digest = load_recognizer(inputs)
    return (ActionAccuracy(recognizer, digest=digest, actions=[entry.action for entry in inputs.entries]),)


LOADER = MetricLoader(
    _load,
    "recognizer",
    _digest,
    "No action accuracy: no recognizer was given. Train one on the same shards with `actionpairs train` and a "
    "recipe whose task is recognizer, and name its folder with --recognizer.",
)
