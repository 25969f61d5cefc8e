"""An edit is held to the right answers: the truth passes, and a copy or another action's picture fails."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from actionpairs.synthetic import Outcome, judge, paint_outcomes, paint_pairs

SIZE = (64, 64)
Case = tuple[str, np.ndarray, np.ndarray, list[Outcome], str]


def cases(camera: str) -> Iterator[Case]:
    for index in range(2):
        asked = {"camera": camera, "actions": 14, "seed": 9, "index": index, "size": SIZE, "frame_rate": 10}
        pairs = {told.id: (before, after) for told, before, after in paint_pairs(**asked)}  # type: ignore[arg-type]
        for told, outcomes in paint_outcomes(**asked):  # type: ignore[arg-type]
            acted = f"{told.id.rpartition('_')[0]} {told.action.acted}"
            yield told.action.verb, *pairs[told.id], outcomes, acted


@pytest.fixture(scope="module", params=["fixed", "head"])
def asked(request: pytest.FixtureRequest) -> list[Case]:
    return list(cases(request.param))


def test_the_true_last_frame_is_always_right(asked: list[Case]) -> None:
    wrong = [(verb, judge(after, outcomes)) for verb, _, after, outcomes, _ in asked]
    assert [item for item in wrong if not item[1].is_done] == []


def test_a_copy_of_the_input_is_never_right(asked: list[Case]) -> None:
    found = [(verb, judge(before, outcomes)) for verb, before, _, outcomes, _ in asked]
    assert [item for item in found if item[1].is_done] == []


def test_another_action_is_never_right() -> None:
    """On the same table, with another thing: the action before, undone."""
    for camera in ("fixed", "head"):
        found = list(cases(camera))
        for last, this in pairwise(found):
            if last[4].split()[0] == this[4].split()[0] and last[4] != this[4]:
                assert not judge(last[1], this[3]).is_done, (last[0], this[0])


def test_half_of_a_move_is_none() -> None:
    """Where the thing left but did not arrive, nothing is done."""
    for verb, before, after, outcomes, _ in cases("fixed"):
        if verb.startswith("move"):
            left = outcomes[0].parts[0]
            gone = before.copy()
            gone[left] = after[left]
            assert not judge(gone, outcomes).is_done


def test_all_else_is_kept_by_a_copy_and_by_no_blank_page(asked: list[Case]) -> None:
    for _, before, _, outcomes, _ in asked[:10]:
        assert judge(np.zeros_like(before), outcomes).kept < 0.2
    assert np.mean([judge(before, outcomes).kept for _, before, _, outcomes, _ in asked]) > 0.85
