"""Which pairs meet in a step, and how each is shown: drawn from the seed, the epoch and the pair's name.

Nothing depends on what came before or on how many processes share the work, so a run that goes on from step n
sees exactly what an uninterrupted one does.
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
class Row:
    """One pair as it is shown once.

    `index` counts in the training pairs. `wrong_texts` is empty where the pair takes no part in L_action.
    """

    index: int
    epoch: int
    name: str
    flipped: bool = False
    text: str = ""
    wrong_texts: tuple[str, ...] = ()
    picture_dropped: bool = False


@dataclass(frozen=True, slots=True)
class EpochOrder:
    """Which pairs each step takes: every epoch goes through all pairs once, in an order of its own."""

    names: tuple[str, ...]
    seed: int
    batch_size: int

    def rows(self, step: int) -> list[Row]:
        """The pairs of a step, counted from 0; a batch may reach from one epoch into the next."""
        first = step * self.batch_size
        return [self._row(place) for place in range(first, first + self.batch_size)]

    def _row(self, place: int) -> Row:
        epoch, position = divmod(place, len(self.names))
        index = int(_permutation(self.seed, epoch, len(self.names))[position])
        return Row(index, epoch, self.names[index])


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    return rng.generator(seed, "order", epoch).permutation(count)


def is_sided(text: str) -> bool:
    """Whether a text says left or right, or which way round, so that a mirror would make it wrong."""
    return bool(_SIDED.search(text))


def is_flipped(row: Row, text: str, *, share: float, seed: int) -> bool:
    """Whether both pictures are mirrored this time; never where the text says left or right."""
    return not is_sided(text) and rng.uniform(seed, "flip", row.epoch, row.name) < share


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How an editor is shown pairs: how often they are mirrored, how often a condition is left out (arXiv
    2211.09800: the text where r < 2u, the picture where u ≤ r < 3u), and what they are contrasted with.

    wrong_texts: how many per pair. drawn_from: "all" other actions, those of the "same verb" with another
    noun, those of the "same noun" with another verb, or those in the same "batch".
    """

    flip: float
    conditioning_dropout: float
    wrong_texts: int
    drawn_from: str


class Batches:
    """What an editor is shown in every step."""

    def __init__(
        self, examples: Sequence[Example], presentation: Augmentation, *, seed: int, batch_size: int
    ) -> None:
        self.examples = examples
        self.order = EpochOrder(tuple(example.name for example in examples), seed, batch_size)
        self._presentation = presentation
        self._rivals = NegativeSampler([example.entry for example in examples])
        if presentation.wrong_texts and not any(self._wrong_texts_of(example.entry) for example in examples):
            raise TrainingError(
                f"No pair has a wrong instruction to be told from ({presentation.drawn_from}).",
                cure="Give shards with several actions, set action.drawn_from: all, or action.weight: 0.",
            )

    def texts(self) -> tuple[str, ...]:
        """Every text that can come up, sorted; the empty one stands for a dropped instruction."""
        return tuple(sorted({"", *(example.entry.instruction for example in self.examples)}))

    def rows(self, step: int, part: slice) -> tuple[Row, ...]:
        """Some of the rows of a step, counted from 0."""
        rows = self.order.rows(step)
        rivals = self._rivals
        if self._presentation.drawn_from == "batch":
            rivals = NegativeSampler([self.examples[row.index].entry for row in rows])
        return tuple(self._shown(row, rivals) for row in rows[part])

    def _shown(self, row: Row, rivals: NegativeSampler) -> Row:
        show, entry, seed = self._presentation, self.examples[row.index].entry, self.order.seed
        r = rng.uniform(seed, "dropout", row.epoch, row.name)
        text_dropped = r < 2 * show.conditioning_dropout
        row = replace(
            row,
            flipped=is_flipped(row, entry.instruction, share=show.flip, seed=seed),
            picture_dropped=show.conditioning_dropout <= r < 3 * show.conditioning_dropout,
        )
        if text_dropped:
            return row
        if not show.wrong_texts:
            return replace(row, text=entry.instruction)
        candidates = rivals.texts(entry, show.drawn_from)
        wrong = wrong_texts(row, candidates, count=show.wrong_texts, seed=seed)
        return replace(row, text=entry.instruction, wrong_texts=wrong)

    def _wrong_texts_of(self, entry: Entry) -> Sequence[Sequence[str]]:
        return self._rivals.texts(entry, self._presentation.drawn_from)


def wrong_texts(row: Row, candidates: Sequence[Sequence[str]], *, count: int, seed: int) -> tuple[str, ...]:
    """Draw instructions of other actions: each action is as likely as another, then each of its texts.

    candidates: the texts of each other action; with none, there are no wrong texts.
    """
    if not candidates:
        return ()
    generator = rng.generator(seed, "wrong text", row.epoch, row.name)
    chosen = [candidates[int(generator.integers(len(candidates)))] for _ in range(count)]
    return tuple(texts[int(generator.integers(len(texts)))] for texts in chosen)


class NegativeSampler:
    """The texts of every action, to draw wrong ones from."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = {(entry.action, entry.instruction): entry for entry in entries}
        self._known: dict[tuple[str, str, str], list[tuple[str, ...]]] = {}

    def texts(self, own: Entry, drawn_from: str) -> list[tuple[str, ...]]:
        """The texts of each rival action, without those that the pair's own action shares."""
        question = own.action, own.instruction, drawn_from
        if question not in self._known:
            self._known[question] = self._found(own, drawn_from)
        return self._known[question]

    def _found(self, own: Entry, drawn_from: str) -> list[tuple[str, ...]]:
        own_texts = {text for action, text in self._entries if action == own.action} | {own.instruction}
        texts: dict[str, set[str]] = {}
        for (action, text), entry in self._entries.items():
            if text not in own_texts and _rivals_as(drawn_from, own, entry):
                texts.setdefault(action, set()).add(text)
        return [tuple(sorted(texts[action])) for action in sorted(texts)]


def _rivals_as(drawn_from: str, own: Entry, other: Entry) -> bool:
    if drawn_from == "same verb":
        return other.verb == own.verb and other.noun != own.noun
    if drawn_from == "same noun":
        return other.noun == own.noun and other.verb != own.verb
    return other.action != own.action
