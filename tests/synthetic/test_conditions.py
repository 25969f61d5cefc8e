"""Hands at work, clutter, a moving camera and several actions per instruction: the truth of a pair stays known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from actionpairs import shards
from actionpairs.storage import Folder
from actionpairs.synthetic import Outcome, render_outcomes, render_pairs, score_edit
from actionpairs.synthetic.conditions import CLEAN, Conditions
from actionpairs.synthetic.episode import Episode, plan_episode
from actionpairs.synthetic.pair_plan import PairPlan
from actionpairs.synthetic.rendering import compute_cameras
from actionpairs.synthetic.synthetic_shards import SyntheticSet, write_synthetic_shards

BUSY = Conditions(hands=0.75, clutter=6, camera_motion=2.0, steps=2)
SCENES = 3
Pair = tuple[PairPlan, np.ndarray, np.ndarray]


def options(camera: str, index: int) -> dict[str, object]:
    return {"camera": camera, "actions": 14, "seed": 9, "index": index, "size": (64, 64), "frame_rate": 10}


@cache
def list_pairs(camera: str, conditions: Conditions) -> list[Pair]:
    return [
        pair
        for index in range(SCENES)
        for pair in render_pairs(**options(camera, index), conditions=conditions)  # type: ignore[arg-type]
        if pair[0].action.verb != "check"
    ]


@cache
def list_outcomes(camera: str, conditions: Conditions) -> list[tuple[PairPlan, list[Outcome]]]:
    return [
        pair
        for index in range(SCENES)
        for pair in render_outcomes(**options(camera, index), conditions=conditions)  # type: ignore[arg-type]
    ]


def list_cases(
    camera: str, conditions: Conditions
) -> list[tuple[PairPlan, np.ndarray, np.ndarray, list[Outcome]]]:
    """The pairs that can be scored."""
    both = zip(list_pairs(camera, conditions), list_outcomes(camera, conditions), strict=True)
    return [(plan, before, after, outcomes) for (plan, before, after), (_, outcomes) in both if outcomes]


def list_episodes(camera: str, conditions: Conditions) -> list[Episode]:
    return [
        plan_episode(
            seed=9,
            camera_kind=camera,  # type: ignore[arg-type]
            index=index,
            actions=14,
            size=(64, 64),
            frame_rate=10,
            conditions=conditions,
        )
        for index in range(8)
    ]


@pytest.mark.parametrize("camera", ["fixed", "head"])
def test_the_true_last_frame_is_done_and_a_copy_is_not(camera: str) -> None:
    cases = list_cases(camera, BUSY)
    assert len(cases) >= 0.75 * len(list_pairs(camera, BUSY))
    done = [score_edit(after, outcomes).is_done for _, _, after, outcomes in cases]
    copied = [score_edit(before, outcomes) for _, before, _, outcomes in cases]
    assert np.mean(done) >= 0.97
    assert not any(score.is_done for score in copied)
    assert np.mean([score.kept for score in copied]) > 0.97


def test_clean_pairs_are_single_actions_with_the_frames_of_their_segments() -> None:
    for plan, _, _ in list_pairs("fixed", CLEAN):
        (segment,) = plan.segments
        assert (plan.first_frame, plan.last_frame) == (segment.first_frame, segment.last_frame)
        assert plan.instruction == segment.action.narration


def test_most_pairs_show_a_hand_and_no_scored_part_is_under_it() -> None:
    hands = Conditions(hands=1.0)
    changes, hidden = [], []
    without = {plan.id: pair for plan, *pair in list_pairs("fixed", CLEAN)}
    outcomes_of = {plan.id: outcomes for plan, outcomes in list_outcomes("fixed", hands)}
    for plan, *pair in list_pairs("fixed", hands):
        differences = [
            np.abs(one.astype(int) - two).max(axis=2) for one, two in zip(pair, without[plan.id], strict=True)
        ]
        changes.extend((difference > 40).sum() > 20 for difference in differences)
        for outcome in outcomes_of[plan.id]:
            assert outcome.ignored is not None
            hidden.append(outcome.ignored.mean())
            assert (
                max(difference[~outcome.ignored].max() for difference in differences) <= 32
            )  # noise, faint shadow
            assert not any((part & outcome.ignored).any() for part in outcome.parts)
    assert np.mean(changes) > 0.6
    assert 0.05 < np.mean(hidden) < 0.4


def test_an_edit_is_not_punished_for_a_hand_that_is_gone() -> None:
    hands = Conditions(hands=1.0)
    without = {plan.id: pair for plan, *pair in list_pairs("fixed", CLEAN)}
    for plan, before, _, outcomes in list_cases("fixed", hands):
        clean_before, clean_after = without[plan.id]
        assert score_edit(clean_after, outcomes).progress > 0.9
        assert score_edit(clean_before, outcomes).progress < 0.1
        assert score_edit(clean_before, outcomes).kept > 0.98
        assert score_edit(before, outcomes).kept > 0.98


def test_clutter_stands_still_and_apart_and_no_action_touches_it() -> None:
    counts = []
    for episode in list_episodes("fixed", Conditions(clutter=6)):
        things, first = episode.scene.things, len(episode.scene.things) - episode.scene.clutter
        counts.append(episode.scene.clutter)
        assert len({(thing.kind, thing.color) for thing in things}) == len(things)
        for action in (segment.action for segment in episode.segments):
            assert action.before[first:] == action.after[first:] == episode.scene.opening[first:]
            assert {action.acted, action.other or 0} <= set(range(first))
            for index in range(first, len(things)):
                for other, placement in enumerate(action.after):
                    if other != index and placement.state != "absent":
                        mine = action.after[index]
                        apart = np.hypot(mine.x - placement.x, mine.y - placement.y)
                        assert apart > things[index].radius + things[other].radius
        verbs = {segment.action.verb for segment in episode.segments}
        assert len(verbs) >= 6
    assert np.mean(counts) > 4


def test_the_camera_moves_farther_with_more_motion() -> None:
    def mean_shift(motion: float) -> float:
        shifts = []
        for episode in list_episodes("head", Conditions(camera_motion=motion)):
            cameras = compute_cameras(episode, 9, 0)
            for segment in episode.segments:
                spots = [
                    cameras[frame].project_point(0, 0.05, 0) for frame in (segment.first_frame, segment.last_frame)
                ]
                shifts.append(np.hypot(*np.subtract(*spots)))
        return float(np.mean(shifts))

    assert mean_shift(2.0) > 1.7 * mean_shift(1.0)


def test_several_actions_under_one_instruction_are_done_only_together() -> None:
    steps = Conditions(steps=3)
    cases = [case for case in list_cases("fixed", steps) if len(case[0].segments) > 1]
    assert len(cases) >= 8
    assert max(len(plan.segments) for plan, *_ in cases) == 3
    for plan, before, _, outcomes in cases:
        narrations = [segment.action.narration for segment in plan.segments]
        assert plan.instruction.replace(" and ", ", ").split(", ") == narrations
        assert score_edit(before, outcomes).kept > 0.98
        for number in range(len(narrations)):
            mine = [outcome for outcome in outcomes if outcome.action == number]
            only_this_missing, all_done = mine[0].before, mine[0].after
            assert score_edit(all_done, outcomes).progress > 0.95
            assert score_edit(only_this_missing, outcomes).progress < 0.2
            assert score_edit(only_this_missing, mine).progress < 0.2


def digest(folder: Path) -> list[str]:
    return [sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.tar"))]


def test_two_workers_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    spec = SyntheticSet("busy", "head", "actions", 1, 1, 48, 4, conditions=BUSY)
    for workers in (1, 2):
        write_synthetic_shards(spec, out=str(tmp_path / str(workers)), workers=workers)
    assert digest(tmp_path / "1")
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_an_instruction_with_a_combination_that_is_held_back_is_never_trained_on(tmp_path: Path) -> None:
    spec = SyntheticSet("busy", "fixed", "actions", 4, 4, 48, 9, (("take", "cup"),), replace(BUSY, steps=3))
    write_synthetic_shards(spec, out=str(tmp_path))
    samples = {
        split: [entry.instruction for entry in shards.load_entries(Folder(tmp_path), split)]
        for split in (spec.train, spec.test)
    }

    def takes_cup(instruction: str) -> bool:
        actions = instruction.replace(" and ", ", ").split(", ")
        return any(action.startswith("take ") and action.endswith(" cup") for action in actions)

    assert not any(takes_cup(instruction) for instruction in samples[spec.train])
    assert any(takes_cup(instruction) and " and " in instruction for instruction in samples[spec.test])


def test_static_edits_have_no_conditions() -> None:
    with pytest.raises(ValueError, match="no actions on the tabletop"):
        SyntheticSet("static", "fixed", "static edits", 1, 1, 48, 4, conditions=BUSY)
