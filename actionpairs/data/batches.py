"""Which pairs each training step takes, and how each pair is augmented.

Every draw depends on the seed, the epoch and the pair's name alone. It does not depend on earlier draws or on the
number of processes, so a run that resumes at step n sees exactly what an uninterrupted run does.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from actionpairs.configs import IdentityConfig
from actionpairs.data import rng
from actionpairs.data.examples import Example, Shape
from actionpairs.data.negatives import NegativeSampler
from actionpairs.errors import TrainingError
from actionpairs.records import Entry

_SIDED = re.compile(r"\b((left|right)(most|wards?|hand)?|((anti|counter)-?)?clockwise)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrainRow:
    """One pair of a batch, with its augmentation.

    index: the pair's number among the training pairs. text: empty where the instruction is dropped.
    negative_texts: instructions of other actions; empty where the pair takes no part in L_action. replayed_text:
    the instruction of L_reg, if it has one of its own. is_identity: the target is the input picture.
    """

    index: int
    epoch: int
    name: str
    flipped: bool = False
    text: str = ""
    negative_texts: tuple[str, ...] = ()
    picture_dropped: bool = False
    replayed_text: str | None = None
    is_identity: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """All instructions that the row meets."""
        return self.text, *self.negative_texts, *(() if self.replayed_text is None else (self.replayed_text,))


class EpochOrder:
    """The order in which steps take the pairs: each epoch is a shuffle of all pairs, different from the last.

    With shapes, those of one shape are a bucket. Each pair joins the queue of its bucket, and a queue that holds
    batch_size pairs is the next step's batch. So every batch is full and of one shape, and a bucket takes each of
    its pairs once per epoch. The batches of a bucket with fewer pairs than that span several epochs: one pair
    alone comes batch_size times in the same batch, once in as many epochs, each time augmented differently.

    shapes: the height and width of each pair, in pixels. Without them, or with one shape for all pairs, steps
    take the pairs in the order of the shuffles.
    """

    def __init__(
        self, names: tuple[str, ...], seed: int, batch_size: int, shapes: Sequence[Shape] | None = None
    ) -> None:
        self.names = names
        self.seed = seed
        self.batch_size = batch_size
        self.shapes = None if shapes is None else tuple(shapes)
        self._kinds = sorted(set(self.shapes or ()))  # the shape of each bucket
        number_of = {shape: bucket for bucket, shape in enumerate(self._kinds)}
        buckets = [0] * len(names) if self.shapes is None else [number_of[shape] for shape in self.shapes]
        if len(buckets) != len(names):
            raise TrainingError(
                f"{len(buckets)} shapes for {len(names)} pairs.", cure="Give the shape of every pair, in order."
            )
        self._buckets = np.array(buckets, np.uint16)  # NumPy sorts 16 bits five times as fast as 64
        self._counts = [int(count) for count in np.bincount(self._buckets)]
        self._starts = [sum(self._counts[:bucket]) for bucket in range(len(self._counts))]

    def rows(self, step: int) -> list[TrainRow]:
        """The pairs of a step, counted from 0, without augmentation. A batch may span several epochs."""
        bucket, batch = self._batch(step)
        first = batch * self.batch_size
        return [self._row(bucket, number) for number in range(first, first + self.batch_size)]

    def shape(self, step: int) -> Shape | None:
        """The height and width of all pairs of a step; None if the order has no shapes."""
        return self._kinds[self._batch(step)[0]] if self.shapes else None

    def _row(self, bucket: int, number: int) -> TrainRow:
        epoch, position = divmod(number, self._counts[bucket])
        index = int(_pass(self, epoch).pairs[self._starts[bucket] + position])
        return TrainRow(index, epoch, self.names[index])

    def _batch(self, step: int) -> tuple[int, int]:
        """A step's bucket, and how many batches of this bucket came before."""
        early = step * self.batch_size // len(self.names)  # the epoch if no queue ever held a pair back
        waiting = len(self._counts) * self.batch_size  # more pairs than all queues hold
        late = early + waiting // len(self.names) + 2
        epoch = early + bisect_right(range(early, late), step, key=self._steps_before) - 1
        buckets, batches = _full_queues(self, epoch)
        position = step - self._steps_before(epoch)
        return int(buckets[position]), int(batches[position])

    def _steps_before(self, epoch: int) -> int:
        """How many batches are full when an epoch begins."""
        return sum(epoch * count // self.batch_size for count in self._counts)


@dataclass(frozen=True, slots=True)
class _Pass:
    """One epoch's shuffle, bucket after bucket. pairs: their numbers. positions: their places in the shuffle."""

    pairs: np.ndarray
    positions: np.ndarray


@lru_cache(maxsize=4)
def _pass(order: EpochOrder, epoch: int) -> _Pass:
    shuffled = rng.generator(order.seed, "order", epoch).permutation(len(order.names))
    positions = order._buckets[shuffled].argsort(kind="stable")
    return _Pass(shuffled[positions], positions)


@lru_cache(maxsize=2)
def _full_queues(order: EpochOrder, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Every batch that an epoch fills, in the order of its steps: its bucket, and its number in that bucket."""
    size, positions = order.batch_size, _pass(order, epoch).positions
    buckets, batches, times = [], [], []
    for bucket, (start, count) in enumerate(zip(order._starts, order._counts, strict=True)):
        numbers = np.arange(epoch * count // size, (epoch + 1) * count // size)
        last = (numbers + 1) * size - 1 - epoch * count  # the batch's last pair, among the bucket's of this epoch
        buckets.append(np.full(len(numbers), bucket))
        batches.append(numbers)
        times.append(positions[start + last])
    order_of_steps = np.concatenate(times).argsort()
    return np.concatenate(buckets)[order_of_steps], np.concatenate(batches)[order_of_steps]


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
    pair. drawn_from: see `NegativeSampler`; "batch" takes them from the other pairs of the same batch. null_text:
    what stands for a dropped instruction. drops_picture: false for models that are not guided by the picture.
    pool: how many different negatives a pair meets in all epochs together; None: any. "batch" has no pool.
    replayed_texts: instructions for L_reg, for a share of the rows of each batch. identity: which rows have the
    input picture as their target.
    """

    flip: float
    conditioning_dropout: float
    negatives: int
    drawn_from: str
    null_text: str = ""
    drops_picture: bool = True
    pool: int | None = None
    replayed_texts: tuple[str, ...] = ()
    replayed_share: float = 1.0
    identity: IdentityConfig = field(default_factory=IdentityConfig)

    def replayed_rows(self, pairs: int) -> int:
        """How many of so many pairs have an instruction for L_reg."""
        return int(pairs * self.replayed_share) if self.replayed_texts else 0

    def rows(self, pairs: int) -> int:
        """How many rows the denoiser sees of so many pairs, with all their instructions."""
        return pairs * (1 + self.negatives) + self.replayed_rows(pairs)


class BatchSampler:
    """The augmented rows of every step of an editor's training. shapes: see `EpochOrder`."""

    def __init__(
        self,
        examples: Sequence[Example],
        augmentation: Augmentation,
        *,
        seed: int,
        batch_size: int,
        shapes: Sequence[Shape] | None = None,
    ) -> None:
        self.examples = examples
        self.augmentation = augmentation
        self.order = EpochOrder(tuple(example.name for example in examples), seed, batch_size, shapes)
        entries = [example.entry for example in examples]
        self._negatives = NegativeSampler(entries, augmentation.drawn_from, pool=augmentation.pool)
        if augmentation.negatives and not any(self._negatives.candidates(entry) for entry in entries):
            raise TrainingError(
                f"No pair has a negative instruction (drawn_from: {augmentation.drawn_from}).",
                cure="Give shards with several actions, set action.drawn_from: all, or action.weight: 0, "
                "and no regularization under wrong instructions.",
            )
        if augmentation.negatives and augmentation.drawn_from == "batch":
            self._check_batches()

    def note(self) -> str:
        """What to know of the negatives before training; empty if there is nothing."""
        if not self.augmentation.negatives or self.augmentation.drawn_from == "batch":
            return ""
        return self._negatives.note([example.entry for example in self.examples])

    def texts(self) -> tuple[str, ...]:
        """Every text that a row can have, sorted; the null text stands for a dropped instruction."""
        augmentation = self.augmentation
        more = {augmentation.null_text, *augmentation.replayed_texts, *augmentation.identity.texts}
        return tuple(sorted(more | {example.entry.instruction for example in self.examples}))

    def shape(self, step: int) -> Shape | None:
        """The height and width of all pairs of a step; None if the sampler has no shapes."""
        return self.order.shape(step)

    def rows(self, step: int, part: slice) -> tuple[TrainRow, ...]:
        """The rows `part` of a step's batch. Steps count from 0."""
        rows = self.order.rows(step)
        negatives = self._negatives
        if self.augmentation.drawn_from == "batch":
            negatives = NegativeSampler([self.examples[row.index].entry for row in rows])
        return tuple(self._augmented(row, negatives, place) for place, row in list(enumerate(rows))[part])

    def _check_batches(self) -> None:
        """Raise TrainingError if no batch of some bucket can have negatives: L_action would silently be zero."""
        buckets: dict[str, list[Entry]] = {}
        for example, shape in zip(self.examples, self.order.shapes or [()] * len(self.examples), strict=True):
            buckets.setdefault("×".join(map(str, shape)), []).append(example.entry)
        for bucket, entries in buckets.items():
            one_of_each = {entry.action: entry for entry in entries}.values()
            if self.order.batch_size == 1 or not any(map(NegativeSampler(entries).candidates, one_of_each)):
                problem = f"No batch of the bucket {bucket or 'of all pairs'} has pairs of two actions"
                raise TrainingError(f"{problem} (drawn_from: batch).", cure="Set action.drawn_from: all.")

    def _augmented(self, row: TrainRow, negatives: NegativeSampler, place: int) -> TrainRow:
        """A row with its draws. place: its number in the whole batch."""
        augmentation, entry, seed = self.augmentation, self.examples[row.index].entry, self.order.seed
        dropout, identity = augmentation.conditioning_dropout, augmentation.identity
        r = rng.uniform(seed, "dropout", row.epoch, row.name)
        row = replace(
            row,
            flipped=is_flipped(row, entry.instruction, probability=augmentation.flip, seed=seed),
            picture_dropped=augmentation.drops_picture and dropout <= r < 3 * dropout,
            text=augmentation.null_text,
            replayed_text=self._drawn(self._replayed_texts(place), "replayed text", row),
        )
        if r < 2 * dropout:
            return replace(row, is_identity=identity.dropped and not row.picture_dropped)
        if not row.picture_dropped and rng.uniform(seed, "identity", row.epoch, row.name) < identity.share:
            text = self._drawn(identity.texts, "identity text", row)
            assert text is not None
            return replace(row, text=text, is_identity=True)
        texts = negatives.sample(entry, count=augmentation.negatives, seed=seed, epoch=row.epoch, name=row.name)
        return replace(row, text=entry.instruction, negative_texts=texts)

    def _replayed_texts(self, place: int) -> Sequence[str]:
        """The instructions that L_reg may draw for this row: evenly spaced rows have them, others have none."""
        share = self.augmentation.replayed_share
        return self.augmentation.replayed_texts if int((place + 1) * share) > int(place * share) else ()

    def _drawn(self, texts: Sequence[str], purpose: str, row: TrainRow) -> str | None:
        """One of some texts, or None if there are none."""
        if not texts:
            return None
        generator = rng.generator(self.order.seed, purpose, row.epoch, row.name)
        return texts[int(generator.integers(len(texts)))]
