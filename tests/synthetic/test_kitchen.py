"""The kitchen's pairs show their action and nothing else, and the truth passes its own score."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from actionpairs.errors import MissingExtraError
from actionpairs.synthetic import Outcome, score_edit
from actionpairs.synthetic.kitchen import (
    KitchenPair,
    pairs,
    render_kitchen_outcomes,
    render_kitchen_pairs,
    renderer,
)
from actionpairs.synthetic.kitchen.actions import APPLIANCES, CHOICES, VERBS, draw_action
from actionpairs.synthetic.kitchen.renderer import KitchenRenderer, Look, View

SIDE = 64
SEED = 5
MOVING_PARTS = {  # what an instruction's last words may move, in the model's own names
    "microwave": ["microdoorroot"],
    "left cupboard": ["hingeleftdoor"],
    "middle cupboard": ["hingerightdoor"],
    "right cupboard": ["slidelink"],
    "front right burner": ["knob 1", "Burner 1"],
    "front left burner": ["knob 2", "Burner 2"],
    "back right burner": ["knob 3", "Burner 3"],
    "back left burner": ["knob 4", "Burner 4"],
    "light": ["lightswitchroot", "lightblock_hinge"],
    "kettle": ["kettleroot"],
}
Case = tuple[KitchenPair, list[Outcome]]


@cache
def list_cases(*, moving: bool) -> list[Case]:
    return list(render_kitchen_outcomes(seed=SEED, scene=0, side=SIDE, moving=moving))


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["fixed", "moving"])
def cases(request: pytest.FixtureRequest, mujoco: None) -> list[Case]:
    return list_cases(moving=request.param)


@pytest.fixture
def mujoco() -> None:
    for name in ("mujoco", "gymnasium_robotics"):  # not imported before the renderer has chosen how to render
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


def test_a_missing_extra_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderer, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"\[kitchen\]"):
        next(render_kitchen_pairs(seed=0, scene=0, side=31))  # a side that is not loaded yet


def test_the_true_last_frame_is_done_in_97_of_100(cases: list[Case]) -> None:
    """The edit is the stored JPEG."""
    edits = [_through_jpeg(pair.after) for pair, _ in cases]
    done = [score_edit(edit, outcomes).is_done for edit, (_, outcomes) in zip(edits, cases, strict=True)]
    assert np.mean(done) >= 0.97


def test_a_copy_of_the_input_is_never_done(cases: list[Case]) -> None:
    assert not [pair.key for pair, outcomes in cases if score_edit(pair.before, outcomes).is_done]


def test_every_verb_occurs_once_with_each_of_its_nouns(mujoco: None) -> None:
    drawn = [(pair.verb, pair.noun) for pair, _ in list_cases(moving=False)]
    assert sorted(drawn) == sorted(CHOICES)
    assert {verb for verb, _ in drawn} == set(VERBS)


def test_the_same_scene_has_the_same_pixels_whatever_was_rendered_before(mujoco: None) -> None:
    first, other = (render_kitchen_pairs(seed=SEED, scene=scene, side=SIDE) for scene in (0, 7))
    for wanted, _ in list_cases(moving=False)[:3]:
        pair = next(first)
        next(other)  # another scene's look, between two pairs of this one
        assert (pair.key, pair.instruction) == (wanted.key, wanted.instruction)
        np.testing.assert_array_equal(pair.before, wanted.before)
        np.testing.assert_array_equal(pair.after, wanted.after)


def test_scenes_and_seeds_differ(mujoco: None) -> None:
    pictures = [
        next(render_kitchen_pairs(seed=seed, scene=scene, side=SIDE)).before
        for seed, scene in ((1, 0), (1, 1), (2, 0))
    ]
    assert all((pictures[a] != pictures[b]).mean() > 0.3 for a, b in ((0, 1), (0, 2), (1, 2)))


def _through_jpeg(picture: np.ndarray) -> np.ndarray:
    return np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 97])[1], cv2.IMREAD_COLOR), np.uint8
    )


@pytest.mark.parametrize(("verb", "noun"), CHOICES)
def test_only_the_named_thing_and_the_arm_move(mujoco: None, verb: str, noun: str) -> None:
    """Where the two pictures show different geometry, one of them shows the thing or the arm."""
    rng = np.random.default_rng(3)
    kitchen, view = KitchenRenderer(SIDE, Look.draw(rng)), View.draw(rng)
    action = draw_action(rng, verb, noun)  # type: ignore[arg-type]
    arms = [kitchen.draw_arm(rng, state, action.site) for state in (action.before, action.after)]
    first = kitchen.render(view, action.before, arms[0])
    last = kitchen.render(view, action.after, arms[1])
    name = next(name for name in MOVING_PARTS if f"the {name}" in action.instruction)
    moving = [*kitchen.find_geoms(MOVING_PARTS[name]), *kitchen.arm_geoms]
    different = first.geoms != last.geoms
    assert different.any()
    assert not (different & ~first.shows(moving) & ~last.shows(moving)).any()
    differing = [
        number for number in range(len(APPLIANCES)) if action.before.levels[number] != action.after.levels[number]
    ]
    assert differing == ([] if noun == "kettle" else [action.appliance])


@pytest.mark.parametrize(("verb", "noun"), CHOICES)
def test_moving_the_arm_alone_or_another_thing_is_not_done(mujoco: None, verb: str, noun: str) -> None:
    rng = np.random.default_rng(8)
    kitchen, view = KitchenRenderer(SIDE, Look.draw(rng)), View.draw(rng)
    visible: list[Outcome] = []
    while not visible:
        shot = pairs._draw_shot(rng, kitchen, draw_action(rng, verb, noun), view, moving=False)  # type: ignore[arg-type]
        visible = [outcome for outcome in pairs._iter_outcomes(kitchen, shot, 0) if pairs._is_visible(outcome)]
    before = shot.action.before
    other = 1 if shot.action.appliance == 0 else 0
    toggled = list(before.levels)
    toggled[other] = 0.0 if toggled[other] else 1.0
    wrong = type(before)(tuple(toggled), before.kettle)
    for state in (before, wrong):
        assert not score_edit(kitchen.render(view, state, shot.arms[1]).picture, visible).is_done


def test_turning_on_the_light_makes_the_picture_brighter(mujoco: None) -> None:
    lights = [pair for pair, _ in list_cases(moving=False) if pair.noun == "light"]
    assert len(lights) == 2
    for pair in lights:
        assert (pair.after.mean() > pair.before.mean()) == (pair.verb == "turn-on")
