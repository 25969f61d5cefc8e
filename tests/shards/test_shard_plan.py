"""Every sample has one shard; shards are filled in hash order, and a subset's samples come twice."""

from __future__ import annotations

import numpy as np
import pytest

from actionpairs import columns
from actionpairs.curation.assignment import SplitAssignment
from actionpairs.errors import ShardError
from actionpairs.records import PairFacts, Segment, Subset
from actionpairs.shards import ShardPlan, plan_shards
from tests.measures.measured import measured


def assignment(*ids: str, split_numbers: list[int], subset: tuple[str, ...] = ()) -> SplitAssignment:
    """Pairs with these ids, in the splits `train` (0) and `test` (1); -1 is dropped."""
    facts = columns.table(
        PairFacts(
            Segment(name, "v.mp4", 1.0, 2.0, "take cup", "take", "cup", "take cup", "P01"),
            *(1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", 8, 8),
            measured(),
        )
        for name in ids
    )
    subsets = {"subset": Subset("by hand", subset)} if subset else {}
    return SplitAssignment(facts, np.array(split_numbers, np.int16), ("train", "test"), subsets, {}, (), {})


def samples_of(plan: ShardPlan) -> set[tuple[int, str]]:
    return set(zip(plan.rows.tolist(), plan.iter_shard_names(), strict=True))


def test_every_kept_pair_is_planned_once_and_a_subset_s_pair_twice() -> None:
    pairs = assignment("a", "b", "c", "d", split_numbers=[0, -1, 1, 1], subset=("d",))
    plan = plan_shards(pairs, samples_per_shard=2, seed=0)
    assert samples_of(plan) == {
        (0, "train-000000.tar"),
        (2, "test-000000.tar"),
        (3, "test-000000.tar"),
        (3, "subset-000000.tar"),
    }


def test_shards_are_full_but_the_last() -> None:
    pairs = assignment(*(f"s{number}" for number in range(7)), split_numbers=[0] * 7)
    plan = plan_shards(pairs, samples_per_shard=3, seed=0)
    assert [len(plan.rows_of(name)) for _, name in plan.names] == [3, 3, 1]


def test_the_order_of_pairs_changes_no_shard() -> None:
    ids = [f"s{number}" for number in range(9)]
    plans = [
        plan_shards(assignment(*order, split_numbers=[0] * 9), samples_per_shard=4, seed=0)
        for order in (ids, ids[::-1])
    ]
    contents = [
        {(order[row], shard) for row, shard in samples_of(plan)}
        for order, plan in zip((ids, ids[::-1]), plans, strict=True)
    ]
    assert contents[0] == contents[1]


def test_two_ids_with_one_tar_key_are_refused() -> None:
    key = "a-" + "0" * 10
    pairs = assignment(key, key, split_numbers=[0, 0])
    with pytest.raises(ShardError, match="make one tar key"):
        plan_shards(pairs, samples_per_shard=2, seed=0)


def test_a_plan_by_hand_puts_each_sample_where_it_says() -> None:
    plan = ShardPlan.of_shards([("test", 0), ("train", 1), ("train", 0)])
    assert list(plan.iter_shard_names()) == ["test-000000.tar", "train-000001.tar", "train-000000.tar"]
    assert plan.rows_of("train-000001.tar").tolist() == [1]
