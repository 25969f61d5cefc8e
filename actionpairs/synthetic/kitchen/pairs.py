"""Renders the kitchen's action pairs, and all correct outcomes of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from actionpairs.synthetic.kitchen.actions import CHOICES, KitchenAction, draw_action, list_allowed_states
from actionpairs.synthetic.kitchen.renderer import Frame, KitchenRenderer, Look, Vector, View
from actionpairs.synthetic.outcomes import Mask, Outcome, Pixels, find_changed_pixels

PAIRS_PER_SCENE = len(CHOICES)  # each verb with each noun once
_TRIALS = 12
_FEWEST, _FEWEST_KETTLE = 0.003, 0.008  # of all pixels: a change that shows less is not visible in a small picture


@dataclass(frozen=True, slots=True)
class KitchenPair:
    """A pair of pictures (H W 3 RGB) and the action between them."""

    key: str
    verb: str
    noun: str
    instruction: str
    before: Pixels
    after: Pixels


@dataclass(frozen=True, slots=True)
class _Shot:
    """An action, the arm's poses before and after it, and the views before and after it."""

    action: KitchenAction
    arms: tuple[Vector, Vector]
    views: tuple[View, View]


def render_kitchen_pairs(*, seed: int, scene: int, side: int, moving: bool = False) -> Iterator[KitchenPair]:
    """Render the pairs of a scene: one paint, light and camera. Each pair has its own state of the kitchen.

    side: of the square pictures, in pixels. moving: the camera moves between the two pictures. A pair whose change
    the arm hides is drawn anew, and left out after twelve trials. Raises MissingExtraError.
    """
    return (pair for pair, _ in _iter_pairs(seed, scene, side, moving=moving))


def render_kitchen_outcomes(
    *, seed: int, scene: int, side: int, moving: bool = False
) -> Iterator[tuple[KitchenPair, list[Outcome]]]:
    """Render the pairs of a scene, as render_kitchen_pairs, each with its correct outcomes.

    An outcome's parts leave out the pixels that show the arm in either picture.
    """
    return (
        (pair, [outcome for outcome in outcomes if _is_visible(outcome)])
        for pair, outcomes in _iter_pairs(seed, scene, side, moving=moving)
    )


def _iter_pairs(
    seed: int, scene: int, side: int, *, moving: bool
) -> Iterator[tuple[KitchenPair, Iterator[Outcome]]]:
    rng = np.random.default_rng([seed, scene])
    renderer, view = KitchenRenderer(side, Look.draw(rng)), View.draw(rng)
    for number, (verb, noun) in enumerate(CHOICES):
        rng = np.random.default_rng([seed, scene, number])
        for _ in range(_TRIALS):
            shot = _draw_shot(rng, renderer, draw_action(rng, verb, noun), view, moving=moving)
            outcomes = _iter_outcomes(renderer, shot, 0)
            true = next(outcomes)
            if _is_visible(true):
                after = true.after
                if moving:
                    after = renderer.render(shot.views[1], shot.action.after, shot.arms[1]).picture
                    outcomes = chain(outcomes, _iter_outcomes(renderer, shot, 1))
                key = f"K{scene:05d}_{number:02d}"
                pair = KitchenPair(key, verb, noun, shot.action.instruction, true.before, after)
                yield pair, chain([true], outcomes)
                break


def _draw_shot(
    rng: np.random.Generator, renderer: KitchenRenderer, action: KitchenAction, view: View, *, moving: bool
) -> _Shot:
    first, last = (renderer.draw_arm(rng, state, action.site) for state in (action.before, action.after))
    return _Shot(action, (first, last), (view, view.shifted(rng) if moving else view))


def _iter_outcomes(renderer: KitchenRenderer, shot: _Shot, view: int) -> Iterator[Outcome]:
    """Render the correct outcomes in the first (0) or the last (1) view; the true one comes first."""
    first = renderer.render(shot.views[view], shot.action.before, shot.arms[0])
    for state in list_allowed_states(shot.action):
        last = renderer.render(shot.views[view], state, shot.arms[1])
        arm = first.shows(renderer.arm_geoms) | last.shows(renderer.arm_geoms)
        parts = tuple(part & ~arm for part in _find_parts(renderer, shot.action, first, last))
        # Outcome.view stays 0: so much of a kitchen is even that score_edit cannot tell a picture's view.
        yield Outcome(first.picture, last.picture, parts, ignored=arm)


def _find_parts(renderer: KitchenRenderer, action: KitchenAction, first: Frame, last: Frame) -> tuple[Mask, ...]:
    """Find the pixels that must change: where the thing was and is; for the light, all that looks different."""
    changed = find_changed_pixels(first.picture, last.picture)
    if action.noun == "light":
        return (changed,)
    thing = renderer.find_geoms(action.bodies)
    was, is_now = first.shows(thing), last.shows(thing)
    return (changed & was, changed & is_now) if action.noun == "kettle" else (changed & (was | is_now),)


def _is_visible(outcome: Outcome) -> bool:
    fewest = _FEWEST_KETTLE if len(outcome.parts) == 2 else _FEWEST
    return all(part.mean() >= fewest for part in outcome.parts)
