"""Static edits change how a table looks, and do nothing on it."""

from __future__ import annotations

import numpy as np
import pytest

from actionpairs.synthetic import StaticEdit, differ, paint_static_edits

ACTS = {"take", "put", "move", "open", "close", "cover", "turn-over", "stack", "check"}


def edits(seed: int = 3) -> list[StaticEdit]:
    return [
        edit
        for index in range(6)
        for edit in paint_static_edits(camera="fixed", edits=6, seed=seed, index=index, size=(64, 64))
    ]


@pytest.fixture(scope="module")
def painted() -> list[StaticEdit]:
    return edits()


def test_every_sort_of_edit_comes_and_none_names_an_action(painted: list[StaticEdit]) -> None:
    assert {edit.verb for edit in painted} >= {"recolor", "remove", "add", "replace"}
    assert not ACTS & {word for edit in painted for word in edit.instruction.split()}


def test_one_place_changes_and_the_rest_stays(painted: list[StaticEdit]) -> None:
    for edit in painted:
        changed = differ(edit.before, edit.after).mean()
        assert changed > 0, edit.instruction
        assert changed < 0.25 or edit.verb == "restyle", edit.instruction


def test_the_same_seed_paints_the_same_edits(painted: list[StaticEdit]) -> None:
    for first, again in zip(painted, edits(), strict=True):
        assert first.instruction == again.instruction
        assert np.array_equal(first.after, again.after)
    assert edits(seed=4)[0].instruction != painted[0].instruction or not np.array_equal(
        edits(seed=4)[0].before, painted[0].before
    )
