"""An edit is scored against the correct outcomes: the truth passes, a copy or another action's picture fails."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from actionpairs.synthetic import Outcome, render_outcomes, render_pairs, score_edit

SIZE = (64, 64)
Case = tuple[str, np.ndarray, np.ndarray, list[Outcome], str]


def iter_cases(camera: str) -> Iterator[Case]:
    """Verb, input, last frame, outcomes, and scene and acted thing of every action."""
    for index in range(2):
        options = {"camera": camera, "actions": 14, "seed": 9, "index": index, "size": SIZE, "frame_rate": 10}
        pairs = {segment.id: (before, after) for segment, before, after in render_pairs(**options)}  # type: ignore[arg-type]
        for segment, outcomes in render_outcomes(**options):  # type: ignore[arg-type]
            acted = f"{segment.id.rpartition('_')[0]} {segment.action.acted}"
            yield segment.action.verb, *pairs[segment.id], outcomes, acted


@cache
def list_cases(camera: str) -> list[Case]:
    return list(iter_cases(camera))


@pytest.fixture(params=["fixed", "head"])
def cases(request: pytest.FixtureRequest) -> list[Case]:
    return list_cases(request.param)


def test_the_true_last_frame_is_always_done(cases: list[Case]) -> None:
    scores = [(verb, score_edit(after, outcomes)) for verb, _, after, outcomes, _ in cases]
    assert [item for item in scores if not item[1].is_done] == []


def test_a_copy_of_the_input_is_never_done(cases: list[Case]) -> None:
    scores = [(verb, score_edit(before, outcomes)) for verb, before, _, outcomes, _ in cases]
    assert [item for item in scores if item[1].is_done] == []


def test_another_action_in_the_same_scene_is_never_done(cases: list[Case]) -> None:
    """The edit is the picture after the previous action, which had another thing."""
    for last, this in pairwise(cases):
        if last[4].split()[0] == this[4].split()[0] and last[4] != this[4]:
            assert not score_edit(last[1], this[3]).is_done, (last[0], this[0])


def test_a_thing_that_left_but_did_not_arrive_is_not_done() -> None:
    for verb, before, after, outcomes, _ in list_cases("fixed"):
        if verb.startswith("move"):
            left = outcomes[0].parts[0]
            gone = before.copy()
            gone[left] = after[left]
            assert not score_edit(gone, outcomes).is_done


def test_a_copy_keeps_the_other_pixels_and_a_black_picture_does_not(cases: list[Case]) -> None:
    for _, before, _, outcomes, _ in cases[:10]:
        assert score_edit(np.zeros_like(before), outcomes).kept < 0.2
    assert np.mean([score_edit(before, outcomes).kept for _, before, _, outcomes, _ in cases]) > 0.85
