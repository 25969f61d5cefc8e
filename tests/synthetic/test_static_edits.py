"""Static edits change what a scene looks like, and contain no action."""

from __future__ import annotations

import numpy as np
import pytest

from actionpairs.synthetic import StaticEdit, find_changed_pixels, render_static_edits

ACTS = {"take", "put", "move", "open", "close", "cover", "turn-over", "stack", "check"}


def render_edits(seed: int = 3) -> list[StaticEdit]:
    return [
        edit
        for index in range(6)
        for edit in render_static_edits(camera="fixed", edits=6, seed=seed, index=index, size=(64, 64))
    ]


@pytest.fixture(scope="module")
def edits() -> list[StaticEdit]:
    return render_edits()


def test_every_kind_of_edit_occurs_and_none_names_an_action(edits: list[StaticEdit]) -> None:
    assert {edit.verb for edit in edits} >= {"recolor", "remove", "add", "replace"}
    assert not ACTS & {word for edit in edits for word in edit.instruction.split()}


def test_a_small_part_changes_and_the_rest_stays(edits: list[StaticEdit]) -> None:
    for edit in edits:
        changed = find_changed_pixels(edit.before, edit.after).mean()
        assert changed > 0, edit.instruction
        assert changed < 0.25 or edit.verb == "restyle", edit.instruction


def test_the_same_seed_renders_the_same_edits(edits: list[StaticEdit]) -> None:
    for first, again in zip(edits, render_edits(), strict=True):
        assert first.instruction == again.instruction
        assert np.array_equal(first.after, again.after)
    assert not np.array_equal(render_edits(seed=4)[0].before, edits[0].before)
