"""Which pairs each training step takes, and how each pair is augmented.

Every draw depends on the seed, the epoch and the pair's name alone. It does not depend on earlier draws or on the
number of processes, so a run that resumes at step n sees exactly what an uninterrupted run does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from actionpairs.data import rng
from actionpairs.data.examples import Example
from actionpairs.errors import TrainingError
from actionpairs.records import Entry

_SIDED = re.compile(r"\b((left|right)(most|wards?|hand)?|((anti|counter)-?)?clockwise)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrainRow:
    """One pair of a batch, with its augmentation.

    index: the pair's number among the training pairs. text: empty where the instruction is dropped.
    negative_texts: instructions of other actions; empty where the pair takes no part in L_action.
    """

    index: int
    epoch: int
    name: str
    flipped: bool = False
    text: str = ""
    negative_texts: tuple[str, ...] = ()
    picture_dropped: bool = False


@dataclass(frozen=True, slots=True)
class EpochOrder:
    """The order in which steps take the pairs: each epoch is a shuffle of all pairs, different from the last."""

    names: tuple[str, ...]
    seed: int
    batch_size: int

    def rows(self, step: int) -> list[TrainRow]:
        """The pairs of a step, counted from 0, without augmentation. A batch may span two epochs."""
        first = step * self.batch_size
        return [self._row(number) for number in range(first, first + self.batch_size)]

    def _row(self, number: int) -> TrainRow:
        epoch, position = divmod(number, len(self.names))
        index = int(_permutation(self.seed, epoch, len(self.names))[position])
        return TrainRow(index, epoch, self.names[index])


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    return rng.generator(seed, "order", epoch).permutation(count)


def is_sided(text: str) -> bool:
    """Whether a text names a side or a direction of turning, so that a mirrored picture would not match it."""
    return bool(_SIDED.search(text))


def is_flipped(row: TrainRow, text: str, *, probability: float, seed: int) -> bool:
    """Whether both pictures of a pair are mirrored in this epoch; never if the text names a side."""
    return not is_sided(text) and rng.uniform(seed, "flip", row.epoch, row.name) < probability


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How an editor's training pairs vary from epoch to epoch.

    flip: the probability that a pair is mirrored. conditioning_dropout: u of arXiv 2211.09800; for a uniform r,
    the text is dropped where r < 2u, the picture where u ≤ r < 3u. negatives: instructions of other actions per
    pair. drawn_from: see `NegativeSampler`; "batch" takes them from the other pairs of the same batch.
    """

    flip: float
    conditioning_dropout: float
    negatives: int
    drawn_from: str


class BatchSampler:
    """The augmented rows of every step of an editor's training."""

    def __init__(
        self, examples: Sequence[Example], augmentation: Augmentation, *, seed: int, batch_size: int
    ) -> None:
        self.examples = examples
        self.augmentation = augmentation
        self.order = EpochOrder(tuple(example.name for example in examples), seed, batch_size)
        self._negatives = NegativeSampler([example.entry for example in examples], augmentation.drawn_from)
        if augmentation.negatives and not any(self._negatives.candidates(one.entry) for one in examples):
            raise TrainingError(
                f"No pair has a negative instruction (drawn_from: {augmentation.drawn_from}).",
                cure="Give shards with several actions, set action.drawn_from: all, or action.weight: 0.",
            )

    def texts(self) -> tuple[str, ...]:
        """Every text that a row can have, sorted; the empty text stands for a dropped instruction."""
        return tuple(sorted({"", *(example.entry.instruction for example in self.examples)}))

    def rows(self, step: int, part: slice) -> tuple[TrainRow, ...]:
        """The rows `part` of a step's batch. Steps count from 0."""
        rows = self.order.rows(step)
        negatives = self._negatives
        if self.augmentation.drawn_from == "batch":
            negatives = NegativeSampler([self.examples[row.index].entry for row in rows])
        return tuple(self._augmented(row, negatives) for row in rows[part])

    def _augmented(self, row: TrainRow, negatives: NegativeSampler) -> TrainRow:
        augmentation, entry, seed = self.augmentation, self.examples[row.index].entry, self.order.seed
        dropout = augmentation.conditioning_dropout
        r = rng.uniform(seed, "dropout", row.epoch, row.name)
        row = replace(
            row,
            flipped=is_flipped(row, entry.instruction, probability=augmentation.flip, seed=seed),
            picture_dropped=dropout <= r < 3 * dropout,
        )
        if r < 2 * dropout:
            return row
        texts = negatives.sample(entry, count=augmentation.negatives, seed=seed, epoch=row.epoch, name=row.name)
        return replace(row, text=entry.instruction, negative_texts=texts)


class NegativeSampler:
    """Draws instructions of other actions for a pair: its negatives.

    drawn_from: "same verb" takes actions of the same verb with another noun, "same noun" those of the same noun
    with another verb; otherwise every other action counts.
    """

    def __init__(self, entries: Sequence[Entry], drawn_from: str = "all") -> None:
        self._entries = {(entry.action, entry.instruction): entry for entry in entries}
        self._drawn_from = drawn_from
        self._cache: dict[tuple[str, str], list[tuple[str, ...]]] = {}

    def sample(self, entry: Entry, *, count: int, seed: int, epoch: int, name: str) -> tuple[str, ...]:
        """Draw `count` negative texts: each other action is equally likely, then each of its texts.

        name: the pair's. Empty if there is no other action.
        """
        candidates = self.candidates(entry) if count else []
        if not candidates:
            return ()
        generator = rng.generator(seed, "wrong text", epoch, name)
        actions = [candidates[int(generator.integers(len(candidates)))] for _ in range(count)]
        return tuple(texts[int(generator.integers(len(texts)))] for texts in actions)

    def candidates(self, entry: Entry) -> list[tuple[str, ...]]:
        """The texts of each other action, sorted by action, without texts that the entry's own action uses too."""
        key = entry.action, entry.instruction
        if key not in self._cache:
            self._cache[key] = self._candidates(entry)
        return self._cache[key]

    def _candidates(self, entry: Entry) -> list[tuple[str, ...]]:
        own_texts = {text for action, text in self._entries if action == entry.action} | {entry.instruction}
        texts: dict[str, set[str]] = {}
        for (action, text), other in self._entries.items():
            if text not in own_texts and self._is_negative(entry, other):
                texts.setdefault(action, set()).add(text)
        return [tuple(sorted(texts[action])) for action in sorted(texts)]

    def _is_negative(self, entry: Entry, other: Entry) -> bool:
        if self._drawn_from == "same verb":
            return other.verb == entry.verb and other.noun != entry.noun
        if self._drawn_from == "same noun":
            return other.noun == entry.noun and other.verb != entry.verb
        return other.action != entry.action
