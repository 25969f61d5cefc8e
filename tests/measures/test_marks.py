"""The displacement of real pairs that were marked by eye, and of rendered pairs with hands."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from tests.measures.marked_pairs import MARKS, MarkedPair, load_marked, rank_correlation, render_marked

MAX_ERROR = 0.2  # of the diagonal, of a pair that is sure
UNSEEN = {"entered", "left", "hidden"}


@cache
def real_pairs(folder: Path) -> tuple[MarkedPair, ...]:
    return tuple(load_marked(folder))


@cache
def rendered_pairs() -> tuple[MarkedPair, ...]:
    return tuple(render_marked())


@pytest.fixture
def marked(shared: Path) -> tuple[MarkedPair, ...]:
    return real_pairs(shared / "videos")


def test_no_marked_pair_that_is_sure_is_far_off(marked: tuple[MarkedPair, ...]) -> None:
    assert len(marked) >= 24
    sure = [pair for pair in marked if pair.is_sure and pair.truth is not None]
    assert {pair.id: pair.error for pair in sure if pair.error > MAX_ERROR} == {}


def test_what_enters_leaves_or_is_hidden_is_unsure(marked: tuple[MarkedPair, ...]) -> None:
    unseen = [pair for pair in marked if pair.event in UNSEEN]
    assert len(unseen) >= 4
    assert [pair.id for pair in unseen if pair.is_sure] == []


def test_nothing_is_0_and_sure_although_the_focus_and_the_shadows_change(marked: tuple[MarkedPair, ...]) -> None:
    still = [pair for pair in marked if pair.event == "nothing"]
    assert len(still) == 3
    assert {(pair.measures.displacement, pair.measures.displacement_confidence) for pair in still} == {(0.0, 1.0)}


def test_a_hand_alone_is_never_surely_a_move(marked: tuple[MarkedPair, ...]) -> None:
    hands = [pair for pair in marked if pair.event == "hand only"]
    assert len(hands) == 2
    assert not any(pair.is_sure and pair.measures.displacement for pair in hands)


def test_most_marked_pairs_are_sure_and_in_the_order_of_the_truth(marked: tuple[MarkedPair, ...]) -> None:
    with MARKS.open(encoding="utf-8") as file:
        if len(marked) < len(list(csv.DictReader(file))):
            pytest.skip("../shared/data/videos lacks some of the marked clips")
    measurable = [pair for pair in marked if pair.truth is not None]
    assert 2 * sum(pair.is_sure for pair in measurable) >= len(measurable)
    assert rank_correlation(marked) >= 0.8


def test_rendered_pairs_with_hands_that_are_sure_are_in_the_order_of_the_truth() -> None:
    pairs = rendered_pairs()
    sure = [pair for pair in pairs if pair.is_sure and pair.truth is not None]
    assert len(sure) >= 4
    assert max(pair.error for pair in sure) < MAX_ERROR
    assert rank_correlation(pairs) >= 0.8


def test_a_thing_that_is_put_or_taken_is_unsure() -> None:
    gone = [pair for pair in rendered_pairs() if pair.truth is None]
    assert len(gone) >= 6
    assert [pair.id for pair in gone if pair.is_sure] == []
