"""The loss of a recognizer, and its accuracy on pairs that it was not trained on."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actionpairs.data import rng
from actionpairs.data.batches import EpochOrder, TrainRow, is_flipped, is_sided
from actionpairs.data.examples import Example
from actionpairs.recognition import calibration
from actionpairs.recognition.recognizer import Recognizer
from actionpairs.training.task import Losses, Prefetch, sum_and_count

_SIDE = re.compile(r"\b(left|right)\b")


@dataclass(frozen=True, slots=True)
class ClipAugmentation:
    """How a clip varies from epoch to epoch; all of its pictures vary alike.

    flip: the probability that it is mirrored. "move left" is then "move right"; an action without such a
    counterpart is never mirrored. shift: how far it is moved at most, as a share of the picture's side.
    """

    flip: float
    shift: float


class RecognizerTask:
    """Trains a recognizer to name the action of each clip, with the cross entropy as loss.

    pictures: N P S S 3, uint8; P is 2 for pairs, more for clips. balanced: all actions weigh the same.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        examples: Sequence[Example],
        pictures: np.ndarray,
        *,
        order: EpochOrder,
        augmentation: ClipAugmentation,
        balanced: bool,
    ) -> None:
        self._recognizer = recognizer
        self._examples = examples
        self._pictures = pictures
        self._order = order
        self._augmentation = augmentation
        self._mirrored = [mirrored_action(action, recognizer.actions) for action in recognizer.actions]
        self._weights = _class_weights(recognizer.actions, examples) if balanced else None
        self._prefetch = Prefetch(self._draw)

    def names(self, step: int) -> tuple[str, ...]:
        """The names of the pairs in a step's batch."""
        return tuple(row.name for row in self._order.rows(step))

    def prepare(self, step: int, part: slice) -> None:
        """Draw some rows of a step in advance, while the device works on the step before."""
        self._prefetch.prepare(step, part)

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        """The cross entropy of some rows of a step."""
        device = next(model.parameters()).device
        pictures, labels = (tensor.to(device) for tensor in self._prefetch.get(step, part))
        logits = model(self._recognizer.to_clips(pictures)).logits.float()
        losses = F.cross_entropy(logits, labels, reduction="none")
        if self._weights is not None:
            losses = losses * self._weights.to(device)[labels]
        correct = (logits.argmax(1) == labels).float()
        return Losses(losses.mean(), {"loss": sum_and_count(losses), "accuracy": sum_and_count(correct)})

    def _draw(self, step: int, part: slice) -> tuple[Tensor, Tensor]:
        """The augmented pictures of some rows, B P S S 3 uint8, and their labels, B int64; on the CPU."""
        rows = [self._augmented(row) for row in self._order.rows(step)[part]]
        pictures = torch.from_numpy(np.stack([pictures for pictures, _ in rows]))
        return pictures, torch.tensor([label for _, label in rows])

    def _augmented(self, row: TrainRow) -> tuple[np.ndarray, int]:
        """The augmented pictures of a row, P S S 3, and its label."""
        seed, augmentation = self._order.seed, self._augmentation
        pictures, action = self._pictures[row.index], self._examples[row.index].entry.action
        label = self._recognizer.actions.index(action)
        mirrored = self._mirrored[label]
        if mirrored is not None and is_flipped(row, "", probability=augmentation.flip, seed=seed):
            pictures, label = pictures[:, :, ::-1], mirrored
        if augmentation.shift:
            pictures = _shifted(pictures, rng.generator(seed, "shift", row.epoch, row.name), augmentation.shift)
        return pictures, label


def _shifted(pictures: np.ndarray, generator: np.random.Generator, shift: float) -> np.ndarray:
    """Move pictures, P S S 3, by up to `shift` of their sides; the border is repeated."""
    limits = shift * np.array(pictures.shape[1:3])
    offsets = generator.uniform(-limits, limits).round().astype(int)
    rows, columns = (
        (np.arange(size) + offset).clip(0, size - 1)
        for size, offset in zip(pictures.shape[1:3], offsets, strict=True)
    )
    return pictures[:, rows][:, :, columns]


def mirrored_action(action: str, actions: Sequence[str]) -> int | None:
    """The number of the action that a mirrored clip shows; None if it is not among the actions."""
    mirrored = _SIDE.sub(lambda side: "right" if side[0] == "left" else "left", action)
    is_unclear = mirrored == action and is_sided(action)  # "turn clockwise"
    return actions.index(mirrored) if mirrored in actions and not is_unclear else None


def hold_out(
    examples: Sequence[Example], *, share: float, seed: int, purpose: str = "held out"
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Divide pairs into a training set and a held-out set of about this share. A pair's name decides its set.

    purpose: what the held-out set is for; sets for different purposes are drawn independently.
    """
    held_out = {example.name for example in examples if rng.uniform(seed, purpose, example.name) < share}
    train = tuple(example for example in examples if example.name not in held_out)
    return train, tuple(example for example in examples if example.name in held_out)


@dataclass(frozen=True, slots=True)
class RecognizerScore:
    """How many samples a recognizer names right.

    top_1: as its first choice. top_5: among its first five. confusion: A A, samples by true action (row) and
    predicted action (column). logits: N A; labels: N, the true actions.
    """

    samples: int
    top_1: int
    top_5: int
    confusion: np.ndarray
    logits: np.ndarray
    labels: np.ndarray

    def calibration_error(self, temperature: float) -> float:
        """The expected calibration error where logits are divided by a temperature: in [0, 1]."""
        confidences = calibration.confidence(self.logits, temperature)
        return calibration.expected_error(confidences, self.logits.argmax(axis=1) == self.labels)


def score_recognizer(recognizer: Recognizer, examples: Sequence[Example], pictures: np.ndarray) -> RecognizerScore:
    """Score a recognizer on pairs, whose actions must be among its own. pictures: N 2 S S 3, uint8."""
    labels = np.array([recognizer.actions.index(example.entry.action) for example in examples], dtype=int)
    logits = recognizer.predict(pictures[:, 0], pictures[:, 1])
    ranking = np.argsort(-logits, axis=1, kind="stable")
    confusion = np.zeros((len(recognizer.actions),) * 2, dtype=int)
    np.add.at(confusion, (labels, ranking[:, 0]), 1)
    top_5 = int((ranking[:, :5] == labels[:, None]).any(1).sum())
    return RecognizerScore(len(examples), int(np.trace(confusion)), top_5, confusion, logits, labels)


def confusion_csv(score: RecognizerScore, actions: Sequence[str]) -> bytes:
    """The confusion matrix as CSV: one row per true action, one column per predicted action."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["action", *actions])
    for action, row in zip(actions, score.confusion.tolist(), strict=True):
        writer.writerow([action, *row])
    return sink.getvalue().encode()


def _class_weights(actions: Sequence[str], examples: Sequence[Example]) -> Tensor:
    """The weight of each action that gives all of them the same sum: A, float32."""
    counts = Counter(example.entry.action for example in examples)
    return torch.tensor([len(examples) / (len(actions) * counts[action]) for action in actions])
