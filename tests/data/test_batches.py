"""Rows depend on the seed, the epoch and the pair's name, and on nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from actionpairs.configs import ActionLossConfig
from actionpairs.data.batches import Augmentation, BatchSampler, EpochOrder, TrainRow, is_flipped
from actionpairs.data.examples import Example
from actionpairs.errors import TrainingError

PLAIN = Augmentation(flip=0.5, conditioning_dropout=0.05, negatives=2, drawn_from="all")
NAMES = tuple(f"SQ/{number}" for number in range(10))


def all_rows(sampler: BatchSampler, steps: int) -> list[TrainRow]:
    return [row for step in range(steps) for row in sampler.rows(step, slice(sampler.order.batch_size))]


def test_every_epoch_is_a_permutation_of_its_own() -> None:
    order = EpochOrder(NAMES, seed=1, batch_size=4)
    rows = [row for step in range(5) for row in order.rows(step)]
    first, second = rows[:10], rows[10:]
    assert sorted(row.name for row in first) == sorted(row.name for row in second) == sorted(NAMES)
    assert {row.epoch for row in first} == {0}
    assert {row.epoch for row in second} == {1}
    assert [row.name for row in first] != [row.name for row in second]
    assert rows != [row for step in range(5) for row in EpochOrder(NAMES, seed=2, batch_size=4).rows(step)]


def test_the_batch_size_does_not_change_the_order() -> None:
    small = [row for step in range(6) for row in EpochOrder(NAMES, seed=1, batch_size=2).rows(step)]
    assert small == [row for step in range(2) for row in EpochOrder(NAMES, seed=1, batch_size=6).rows(step)]


def test_a_step_is_the_same_however_it_is_reached_and_shared(pairs: tuple[Example, ...]) -> None:
    whole = BatchSampler(pairs, PLAIN, seed=0, batch_size=8).rows(7, slice(8))
    again = BatchSampler(pairs, PLAIN, seed=0, batch_size=8)
    assert again.rows(7, slice(0, 4)) + again.rows(7, slice(4, 8)) == whole


@pytest.mark.parametrize("text", ["move the cup left", "Right hand up", "turn it clockwise", "the leftmost cup"])
def test_sided_texts_are_never_flipped(text: str) -> None:
    rows = [TrainRow(0, epoch, "a") for epoch in range(50)]
    assert not any(is_flipped(row, text, probability=1.0, seed=0) for row in rows)


@pytest.mark.parametrize("text", ["put leftovers away", "open the bright box", ""])
def test_other_texts_are_flipped_with_the_given_probability(text: str) -> None:
    flips = [is_flipped(TrainRow(0, epoch, "a"), text, probability=0.5, seed=0) for epoch in range(400)]
    assert 150 < sum(flips) < 250


def test_negative_texts_are_of_another_action(pairs: tuple[Example, ...]) -> None:
    action_of = {pair.entry.instruction: pair.entry.action for pair in pairs}
    rows = all_rows(BatchSampler(pairs, PLAIN, seed=0, batch_size=8), 20)
    for row in rows:
        own = pairs[row.index].entry.action
        assert len(row.negative_texts) == (2 if row.text else 0)
        assert all(action_of[text] != own for text in row.negative_texts)
    drawn = {text for row in rows for text in row.negative_texts}
    assert drawn == set(action_of)


def test_a_text_that_two_actions_share_is_never_a_negative(pairs: tuple[Example, ...]) -> None:
    shared = [replace(pair, entry=replace(pair.entry, instruction="move it")) for pair in pairs[:6]]
    rows = all_rows(BatchSampler([*shared, *pairs[6:]], PLAIN, seed=0, batch_size=4), 20)
    assert not any("move it" in row.negative_texts for row in rows if row.text == "move it")


def test_dropped_texts_are_empty_and_have_no_negatives(pairs: tuple[Example, ...]) -> None:
    augmentation = replace(PLAIN, conditioning_dropout=0.2)
    rows = all_rows(BatchSampler(pairs, augmentation, seed=0, batch_size=8), 60)
    dropped = [row for row in rows if not row.text]
    assert all(row.negative_texts == () for row in dropped)
    assert 0.33 < len(dropped) / len(rows) < 0.47  # r < 2u
    assert 0.33 < sum(row.picture_dropped for row in rows) / len(rows) < 0.47  # u ≤ r < 3u
    both = [row for row in dropped if row.picture_dropped]
    assert 0.14 < len(both) / len(rows) < 0.26  # u ≤ r < 2u


def test_same_verb_draws_another_noun_and_same_noun_another_verb(pairs: tuple[Example, ...]) -> None:
    pairs = tuple(
        replace(pair, entry=replace(pair.entry, action=f"{pair.entry.verb}, {pair.entry.noun}")) for pair in pairs
    )
    entries = {pair.entry.instruction: pair.entry for pair in pairs}
    for kind, same, other in (("same verb", "verb", "noun"), ("same noun", "noun", "verb")):
        augmentation = replace(PLAIN, drawn_from=kind)
        rows = all_rows(BatchSampler(pairs, augmentation, seed=0, batch_size=4), 10)
        assert any(row.negative_texts for row in rows)
        for row in rows:
            own = pairs[row.index].entry
            for text in row.negative_texts:
                assert getattr(entries[text], same) == getattr(own, same)
                assert getattr(entries[text], other) != getattr(own, other)


def test_in_batch_draws_only_what_the_step_holds(pairs: tuple[Example, ...]) -> None:
    augmentation = replace(PLAIN, drawn_from="batch", conditioning_dropout=0)
    sampler = BatchSampler(pairs, augmentation, seed=0, batch_size=4)
    for step in range(10):
        rows = sampler.rows(step, slice(4))
        present = {row.text for row in rows}
        assert all(set(row.negative_texts) <= present - {row.text} for row in rows)


def test_one_action_alone_is_refused_if_negatives_are_needed(pairs: tuple[Example, ...]) -> None:
    alone = [pair for pair in pairs if pair.entry.action == "move left"]
    with pytest.raises(TrainingError, match=r"set action.drawn_from: all, or action.weight: 0"):
        BatchSampler(alone, PLAIN, seed=0, batch_size=2)
    BatchSampler(alone, replace(PLAIN, negatives=0), seed=0, batch_size=2)


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_a_pair_meets_no_more_wrong_texts_than_its_pool_and_another_pair_others(
    pairs: tuple[Example, ...], pool: int
) -> None:
    pooled = replace(PLAIN, conditioning_dropout=0, pool=pool)
    rows = all_rows(BatchSampler(pairs, pooled, seed=0, batch_size=8), 60)
    met = {pair.name: set[str]() for pair in pairs}
    for row in rows:
        assert len(row.negative_texts) == 2
        met[row.name] |= set(row.negative_texts)
    assert {len(texts) for texts in met.values()} == {pool}
    assert len({frozenset(texts) for texts in met.values()}) > 1


def test_a_pool_does_not_go_with_negatives_of_the_batch() -> None:
    with pytest.raises(ValidationError, match="does not go with `drawn_from: batch`"):
        ActionLossConfig(pool=4, drawn_from="batch")


def test_a_bucket_of_one_action_is_refused_where_negatives_come_from_the_batch(
    pairs: tuple[Example, ...],
) -> None:
    """Its steps would be without L_action, and nothing would say so."""
    in_batch = replace(PLAIN, drawn_from="batch")
    shapes = [(24, 40) if pair.entry.action == "move left" else (32, 32) for pair in pairs]
    with pytest.raises(TrainingError, match=r"bucket 24×40 .*drawn_from: all"):
        BatchSampler(pairs, in_batch, seed=0, batch_size=4, shapes=shapes)
    BatchSampler(pairs, PLAIN, seed=0, batch_size=4, shapes=shapes)
    BatchSampler(pairs, replace(in_batch, negatives=0), seed=0, batch_size=4, shapes=shapes)
    mixed = [(24, 40), (24, 40), *((32, 32) for _ in pairs[2:])]
    assert pairs[0].entry.action != pairs[1].entry.action
    BatchSampler(pairs, in_batch, seed=0, batch_size=4, shapes=mixed)


def test_batches_of_one_pair_are_refused_where_negatives_come_from_the_batch(pairs: tuple[Example, ...]) -> None:
    with pytest.raises(TrainingError, match="bucket of all pairs"):
        BatchSampler(pairs, replace(PLAIN, drawn_from="batch"), seed=0, batch_size=1)
