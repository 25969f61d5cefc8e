"""Steps with buckets take the pairs that a replay of the queues does, from any step on."""

from __future__ import annotations

import pickle
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import count, islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpairs.data import rng
from actionpairs.data.batches import EpochOrder, TrainRow
from actionpairs.data.examples import Shape
from actionpairs.errors import TrainingError

SHAPES = st.lists(st.sampled_from([(32, 32), (24, 40), (40, 24), (16, 64), (64, 16)]), min_size=1, max_size=40)


def order_of(shapes: list[Shape], batch_size: int, *, seed: int = 0) -> EpochOrder:
    return EpochOrder(tuple(f"SQ/{number}" for number in range(len(shapes))), seed, batch_size, shapes)


def replayed(order: EpochOrder, epoch: int = 0) -> Iterator[list[TrainRow]]:
    """The rule itself: one queue per shape, each emptied as soon as it holds a batch."""
    assert order.shapes is not None
    queues = defaultdict(list)
    for number in count(epoch):
        for index in rng.generator(order.seed, "order", number).permutation(len(order.names)):
            queue = queues[order.shapes[index]]
            queue.append(TrainRow(int(index), number, order.names[index]))
            if len(queue) == order.batch_size:
                yield queue.copy()
                queue.clear()


@given(shapes=SHAPES, batch_size=st.integers(1, 50), seed=st.integers(0, 9), shuffler=st.randoms())
@settings(max_examples=60, deadline=None)
def test_every_step_is_the_one_that_the_queues_give(
    shapes: list[Shape], batch_size: int, seed: int, shuffler: np.random.Generator
) -> None:
    order = order_of(shapes, batch_size, seed=seed)
    whole = list(islice(replayed(order), 30))
    steps = list(range(30))
    shuffler.shuffle(steps)
    for step in steps:
        assert order.rows(step) == whole[step]
        assert {order.shape(step)} == {shapes[row.index] for row in whole[step]}


@given(shapes=SHAPES, batch_size=st.integers(1, 50), rounds=st.integers(1, 10**6))
@settings(max_examples=60, deadline=None)
def test_steps_far_out_are_right_too(shapes: list[Shape], batch_size: int, rounds: int) -> None:
    """After batch_size epochs every queue is empty, so the replay can begin there."""
    order = order_of(shapes, batch_size)
    first = rounds * len(shapes)
    for step, rows in enumerate(islice(replayed(order, rounds * batch_size), 12), first):
        assert order.rows(step) == rows


@pytest.mark.parametrize("batch_size", [1, 4, 10, 23])
def test_one_bucket_leaves_the_order_as_it_was(batch_size: int) -> None:
    names = tuple(f"SQ/{number}" for number in range(10))
    plain, bucket = EpochOrder(names, 1, batch_size), EpochOrder(names, 1, batch_size, [(24, 40)] * 10)
    for step in range(40):
        numbers = range(step * batch_size, (step + 1) * batch_size)
        shuffles = [rng.generator(1, "order", number // 10).permutation(10) for number in numbers]
        rows = [
            TrainRow(int(shuffle[number % 10]), number // 10, f"SQ/{shuffle[number % 10]}")
            for number, shuffle in zip(numbers, shuffles, strict=True)
        ]
        assert plain.rows(step) == bucket.rows(step) == rows
    assert (plain.shape(3), bucket.shape(3)) == (None, (24, 40))


def test_the_order_is_that_of_earlier_versions() -> None:
    order = EpochOrder(tuple("abcdefghij"), seed=1, batch_size=4)
    assert ["".join(row.name for row in order.rows(step)) for step in range(5)] == [
        "hecf",
        "igjb",
        "dafi",
        "bacj",
        "egdh",
    ]


def test_no_pair_is_dropped_or_repeated_within_an_epoch() -> None:
    """Other trainers drop what does not fill a bucket's last batch, or make that batch smaller."""
    order = order_of([(32, 32)] * 13 + [(24, 40)] * 3 + [(40, 24)], 4)
    batches = [order.rows(step) for step in range(17)]  # 4 epochs: then every queue is empty
    assert {len(rows) for rows in batches} == {4}
    taken = Counter((row.epoch, row.index) for rows in batches for row in rows)
    assert taken == {(epoch, index): 1 for epoch in range(4) for index in range(17)}


def test_a_pair_alone_in_its_bucket_waits_for_itself() -> None:
    order = order_of([(32, 32)] * 7 + [(24, 40)], 4)
    [step] = [step for step in range(8) if order.shape(step) == (24, 40)]
    assert [(row.index, row.epoch) for row in order.rows(step)] == [(7, 0), (7, 1), (7, 2), (7, 3)]


def test_batches_are_mixed_anew_in_every_epoch_and_not_sorted_by_shape() -> None:
    order = order_of([(32, 32)] * 16 + [(24, 40)] * 16, 4)
    epochs = [[order.rows(step) for step in range(first, first + 8)] for first in (0, 8)]
    first, second = ({frozenset(row.index for row in rows) for rows in epoch} for epoch in epochs)
    assert not first & second
    assert sum(order.shape(step) != order.shape(other) for step, other in pairwise(range(8))) > 1


def test_a_copy_in_another_process_takes_the_same_steps() -> None:
    order = order_of([(32, 32)] * 5 + [(24, 40)] * 3, 4)
    order.rows(9)
    copy = pickle.loads(pickle.dumps(order))
    assert [copy.rows(step) for step in range(12)] == [order.rows(step) for step in range(12)]


def test_a_pair_without_a_shape_is_refused() -> None:
    with pytest.raises(TrainingError, match="2 shapes for 3 pairs"):
        EpochOrder(("a", "b", "c"), 0, 2, [(32, 32)] * 2)
