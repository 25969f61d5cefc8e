"""Membership depends on ids, groups, a seed and a rule, and on nothing else."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionpairs import columns
from actionpairs.configs import FilterConfig, SplitConfig, SubsetConfig
from actionpairs.curation import splits
from actionpairs.curation.assignment import assign_splits
from actionpairs.records import PairFacts, Segment
from tests.curation.assigned import assigned
from tests.measures.measured import measured


def segment(number: int, *, group: str = "", video: str = "", verb: str = "take") -> Segment:
    group = group or f"P{number % 7:02d}"
    return Segment(
        f"id{number}", video or f"{group}_{number % 3}", 1.0, 2.0, "take cup", verb, "cup", f"{verb} cup", group
    )


POOL = [segment(number) for number in range(300)]
PAPER: dict[str, Any] = {"train": "train", "tests": {"one": 20, "two": 10}}
LEAK_FREE: dict[str, Any] = {**PAPER, "rule": "leak-free", "spare": "spare"}


def members(split_of: dict[str, str], name: str) -> set[str]:
    return {key for key, split in split_of.items() if split == name}


@pytest.mark.parametrize("keys", [PAPER, LEAK_FREE])
def test_every_segment_has_one_split_and_the_tests_their_sizes(keys: dict[str, Any]) -> None:
    split_of = assigned(POOL, SplitConfig(**keys))
    assert split_of.keys() == {item.id for item in POOL}
    assert (len(members(split_of, "one")), len(members(split_of, "two"))) == (20, 10)
    assert members(split_of, "train")


@pytest.mark.parametrize("keys", [PAPER, LEAK_FREE, {**LEAK_FREE, "unseen_verbs": {"new": ["take"]}}])
@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_changes_no_membership(keys: dict[str, Any], seed: int) -> None:
    shuffled = random.Random(seed).sample(POOL, len(POOL))
    assert assigned(shuffled, SplitConfig(**keys)) == assigned(POOL, SplitConfig(**keys))


def test_another_seed_is_another_hold_out() -> None:
    one, two = (assigned(POOL, SplitConfig(**PAPER, seed=seed)) for seed in (0, 1))
    assert members(one, "one") != members(two, "one")


def test_a_row_more_moves_at_most_one_across_each_border() -> None:
    config = SplitConfig(**PAPER)
    before = assigned(POOL, config)
    for number in range(300, 400):
        after = assigned([*POOL, segment(number)], config)
        moved = [key for key, split in before.items() if after[key] != split]
        assert len(moved) <= 2


def leaks(split_of: dict[str, str], pool: list[Segment], names: list[str]) -> set[str]:
    """Groups and videos that stand both in train and in one of the splits."""
    both: set[str] = set()
    for side in (lambda item: f"group {item.group}", lambda item: f"video {item.video}"):
        train = {side(item) for item in pool if split_of[item.id] == "train"}
        both |= train & {side(item) for item in pool if split_of[item.id] in names}
    return both - {"group "}


def test_the_paper_rule_leaks() -> None:
    assert leaks(assigned(POOL, SplitConfig(**PAPER)), POOL, ["one", "two"])


@given(
    groups=st.lists(st.sampled_from(["", "P01", "P02", "P03", "P04", "P05"]), min_size=60, max_size=90),
    videos=st.lists(st.integers(0, 30), min_size=90, max_size=90),
    verbs=st.lists(st.sampled_from(["take", "put", "wipe"]), min_size=90, max_size=90),
    least=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_leak_free_shares_no_participant_and_no_video(
    groups: list[str], videos: list[int], verbs: list[str], least: int
) -> None:
    pool = [
        Segment(f"id{number}", f"v{videos[number]}", 1.0, 2.0, "go", verbs[number], "", "go", group)
        for number, group in enumerate(groups)
    ]
    keys = {**LEAK_FREE, "tests": {"one": 5}, "min_test_groups": least, "unseen_verbs": {"new": ["wipe"]}}
    split_of = assigned(pool, SplitConfig(**keys))
    assert leaks(split_of, pool, ["one", "new"]) == set()
    assert not {item.id for item in pool if item.verb == "wipe"} & (
        members(split_of, "train") | members(split_of, "one")
    )


def test_a_row_of_a_training_participant_moves_nothing() -> None:
    config = SplitConfig(**LEAK_FREE)
    before = assigned(POOL, config)
    group = next(item.group for item in POOL if before[item.id] == "train")
    for number in range(1000, 1050):
        after = assigned([*POOL, segment(number, group=group, video="new")], config)
        assert {key: after[key] for key in before} == before


def test_a_row_of_a_test_participant_moves_at_most_one_across_each_border() -> None:
    config = SplitConfig(**LEAK_FREE)
    before = assigned(POOL, config)
    group = next(item.group for item in POOL if before[item.id] == "one")
    for number in range(1000, 1050):
        after = assigned([*POOL, segment(number, group=group, video="new")], config)
        assert sum(after[key] != before[key] for key in before) <= 2


def test_more_test_groups_are_held_out_when_asked_for() -> None:
    for least in (1, 3):
        split_of = assigned(POOL, SplitConfig(**LEAK_FREE, min_test_groups=least))
        apart = {item.group for item in POOL if split_of[item.id] in ("one", "two", "spare")}
        assert len(apart) >= least


def test_unseen_verbs_never_train() -> None:
    pool = [segment(number, verb=("wipe", "take", "put")[number % 3]) for number in range(300)]
    split_of = assigned(pool, SplitConfig(**PAPER, unseen_verbs={"new": ["wipe"]}))
    assert members(split_of, "new") == {item.id for item in pool if item.verb == "wipe"}


def test_a_subset_takes_the_largest_with_so_many_of_an_action_and_ties_by_id() -> None:
    far = {0: 0.1, 1: 0.9, 2: 0.9, 3: 0.8, 4: 0.7, 5: None}
    pool = [(far[n], f"id{n}", "take" if n < 4 else "put") for n in far]
    config = SubsetConfig(of="test", count=3, max_per_action=2)
    for order in (pool, pool[::-1]):
        assert splits.choose_subset(order, config).ids == ("id1", "id2", "id4")


def test_pairs_of_unsure_displacement_are_not_ranked_and_are_counted() -> None:
    far = [(0.9, 0.2), (0.5, 0.5), (0.7, None), (0.4, 0.9), (0.1, 1.0)]
    facts = columns.table(
        PairFacts(
            Segment(f"id{number}", "v", 0.0, 1.0, "take", "take", "cup", "take", "P1"),
            0.0, 0.9, 0, 9, 0.0, 0.1, "planned", "", 640, 360,
            measured(displacement=displacement, displacement_confidence=confidence),
        )
        for number, (displacement, confidence) in enumerate(far)
    )  # fmt: skip
    for least, ids, unsure in ((0.5, ("id1", "id3"), {"far": 2}), (None, ("id0", "id2"), {})):
        subset = SubsetConfig(of="train", count=2, min_confidence=least)
        assignment = assign_splits(
            facts, FilterConfig(), SplitConfig(train="train", subsets={"far": subset}), where="here"
        )
        assert assignment.subsets["far"].ids == ids
        assert assignment.unsure == unsure
        assert ("confidence at least 0.5" in assignment.subsets["far"].rule) == bool(unsure)


def test_a_subset_by_another_measure_asks_for_no_confidence() -> None:
    assert (
        "confidence"
        not in splits.choose_subset([(0.1, "id", "take")], SubsetConfig(of="a", count=1, by="change")).rule
    )


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"train": "a", "tests": {"a": 1}}, "both called 'a'"),
        ({"train": "a", "unseen_verbs": {"a": ["wipe"]}}, "both called 'a'"),
        ({"train": "a", "rule": "leak-free"}, "`spare`"),
        ({"train": "a", "spare": "b"}, "`spare`"),
        ({"train": "a", "min_test_groups": 2}, "`min_test_groups`"),
        ({"train": "a", "subsets": {"b": {"of": "c", "count": 1}}}, "no split"),
        ({"train": "a", "subsets": {"a": {"of": "a", "count": 1}}}, "both called 'a'"),
        ({"train": "a", "unseen_verbs": {"b": ["wipe"], "c": ["wipe"]}}, "a verb twice"),
    ],
)
def test_splits_that_cannot_be_are_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SplitConfig(**keys)
