"""What a recognizer learns in a step, and how well it does on pairs it has not seen."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actionpairs.data import rng
from actionpairs.data.batches import EpochOrder, Row, is_flipped, is_sided
from actionpairs.data.examples import Example
from actionpairs.recognition.timesformer import Recognizer
from actionpairs.training.loop import Ahead, Losses, summed


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often a recognizer is right. confusion: A A, how often each action (row) was called what."""

    samples: int
    first: int
    first_five: int
    confusion: np.ndarray


@dataclass(frozen=True, slots=True)
class Variation:
    """How a pair differs each time that it is shown, both of its pictures alike.

    flip: how often it is mirrored; "move left" is then "move right", and an action without such a counterpart
    stays as it is. shift: how far it is moved at most, in sides of the picture.
    """

    flip: float
    shift: float


class RecognizerTask:
    """Asks a recognizer for the action of each pair. pictures: N P S S 3, uint8; two, or a whole clip."""

    def __init__(
        self,
        recognizer: Recognizer,
        examples: Sequence[Example],
        pictures: np.ndarray,
        *,
        order: EpochOrder,
        variation: Variation,
        balanced: bool,
    ) -> None:
        self._recognizer = recognizer
        self._examples = examples
        self._pictures = pictures
        self._order = order
        self._variation = variation
        self._mirrored = [mirrored(action, recognizer.actions) for action in recognizer.actions]
        self._weights = _weights(recognizer.actions, examples) if balanced else None
        self._clips = Ahead(self._drawn)

    def names(self, step: int) -> tuple[str, ...]:
        """The pairs of a step."""
        return tuple(row.name for row in self._order.rows(step))

    def prepare(self, step: int, part: slice) -> None:
        """Draw how some rows of a step are shown, while the device works on the step before."""
        self._clips.prepare(step, part)

    def show(self, model: nn.Module, path: Path | None) -> None:
        """A recognizer draws nothing."""

    def losses(self, model: nn.Module, step: int, part: slice) -> Losses:
        """The cross entropy of some rows of a step."""
        device = next(model.parameters()).device
        pictures, truth = (part.to(device) for part in self._clips.take(step, part))
        logits = model(self._recognizer.clips(pictures)).logits.float()
        losses = F.cross_entropy(logits, truth, reduction="none")
        if self._weights is not None:
            losses = losses * self._weights.to(device)[truth]
        right = (logits.argmax(1) == truth).float()
        return Losses(losses.mean(), {"loss": summed(losses), "accuracy": summed(right)})

    def _drawn(self, step: int, part: slice) -> tuple[Tensor, Tensor]:
        """Some rows as they are shown in a step, B P S S 3 uint8, and the numbers of their actions; on the CPU."""
        shown = [self._shown(row) for row in self._order.rows(step)[part]]
        pictures = torch.from_numpy(np.stack([pictures for pictures, _ in shown]))
        return pictures, torch.tensor([action for _, action in shown])

    def _shown(self, row: Row) -> tuple[np.ndarray, int]:
        """A pair as it is shown this time, P S S 3, and the number of its action."""
        seed, variation = self._order.seed, self._variation
        pictures, action = self._pictures[row.index], self._examples[row.index].entry.action
        number = self._recognizer.actions.index(action)
        counterpart = self._mirrored[number]
        if counterpart is not None and is_flipped(row, "", share=variation.flip, seed=seed):
            pictures, number = pictures[:, :, ::-1], counterpart
        if variation.shift:
            reach = variation.shift * np.array(pictures.shape[1:3])
            moves = rng.generator(seed, "shift", row.epoch, row.name).uniform(-reach, reach).round().astype(int)
            rows, columns = (
                (np.arange(size) + move).clip(0, size - 1)
                for size, move in zip(pictures.shape[1:3], moves, strict=True)
            )
            pictures = pictures[:, rows][:, :, columns]
        return pictures, number


def mirrored(action: str, actions: Sequence[str]) -> int | None:
    """The number of what an action is in a mirror; None where that is not among the actions."""
    other = _SIDE.sub(lambda side: "right" if side[0] == "left" else "left", action)
    unclear = other == action and is_sided(action)  # "turn clockwise"
    return actions.index(other) if other in actions and not unclear else None


_SIDE = re.compile(r"\b(left|right)\b")


def hold_out(
    examples: Sequence[Example], *, share: float, seed: int
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Put a share of the pairs aside to score with, drawn by name: what is learned from, and what is not."""
    aside = {example.name for example in examples if rng.uniform(seed, "held out", example.name) < share}
    learned = tuple(example for example in examples if example.name not in aside)
    return learned, tuple(example for example in examples if example.name in aside)


def judge(recognizer: Recognizer, examples: Sequence[Example], pictures: np.ndarray) -> Verdict:
    """Score a recognizer on pairs whose actions it knows. pictures: N 2 S S 3, uint8."""
    truth = np.array([recognizer.actions.index(example.entry.action) for example in examples], dtype=int)
    logits = recognizer.predict(pictures[:, 0], pictures[:, 1])
    ranks = np.argsort(-logits, axis=1, kind="stable")
    confusion = np.zeros((len(recognizer.actions),) * 2, dtype=int)
    np.add.at(confusion, (truth, ranks[:, 0]), 1)
    first_five = int((ranks[:, :5] == truth[:, None]).any(1).sum())
    return Verdict(len(examples), int(np.trace(confusion)), first_five, confusion)


def confusion_table(verdict: Verdict, actions: Sequence[str]) -> bytes:
    """The confusion as CSV: one row per true action, one column per recognized one."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["action", *actions])
    for action, row in zip(actions, verdict.confusion.tolist(), strict=True):
        writer.writerow([action, *row])
    return sink.getvalue().encode()


def _weights(actions: Sequence[str], examples: Sequence[Example]) -> torch.Tensor:
    """A weight per action, so that all of them add up to the same: A, float32."""
    counts = Counter(example.entry.action for example in examples)
    return torch.tensor([len(examples) / (len(actions) * counts[action]) for action in actions])
