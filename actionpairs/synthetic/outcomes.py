"""Renders all correct outcomes of an instruction, and scores an edited picture against them.

An instruction is ambiguous: how far to the left, and where should the cup go? So each action has many correct
outcomes, and an edit is scored against the nearest one. Of several actions under one instruction, each has its own
outcomes, in which the others are done as in the true last frame; an edit is as good as its worst action.
Where a hand is in the first or the last frame, an edit may look like anything: those pixels are not scored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.actions import MOVES, Action
from actionpairs.synthetic.animation import Moment, compute_moment
from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.episode import Episode, make_generator
from actionpairs.synthetic.frame_renderer import FrameRenderer
from actionpairs.synthetic.pair_plan import PairPlan
from actionpairs.synthetic.rendering import PairOptions, plan_scene
from actionpairs.synthetic.scene import Scene, find_spot, is_free
from actionpairs.synthetic.world import Placement, World, replace_placement

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
_VISIBLE = 24  # 8-bit levels: a pixel that differs by more has changed
_KEPT = 40  # 8-bit levels: a pixel that differs by no more is preserved; an autoencoder's error is below
_HAND = 16  # 8-bit levels: a pixel that differs by more belongs to a hand, its load or its shadow
_FEWEST_PIXELS = 6
_SPOTS = 40
_REACHES = np.linspace(0.10, 0.24, 8)  # meters that a thing is moved: the range in actions.py
_SIDEWAYS = (-0.025, 0.0, 0.025)  # meters that it may end up to the side
_IN_PLACE = ("open", "close", "turn-over")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One correct outcome: pictures before and after (H W 3 RGB), and the masks (H W) that must all change.

    action: which of an instruction's actions it is the outcome of. view: 0 as in the first frame's camera, 1 as in
    the last one's, if it has moved. ignored: mask (H W) of the pixels that are not scored: hands, and what the
    other actions change. No part has a pixel with a hand.
    """

    before: Pixels
    after: Pixels
    parts: tuple[Mask, ...]
    action: int = 0
    view: int = 0
    ignored: Mask | None = None


@dataclass(frozen=True, slots=True)
class EditScore:
    """`progress`: how much of the action an edit shows, 0 to 1. `kept`: the share of other pixels preserved."""

    progress: float
    kept: float

    @property
    def is_done(self) -> bool:
        """Whether every part that must change is nearer to the outcome than to the input."""
        return self.progress >= 0.5


def score_edit(edit: Pixels, outcomes: Sequence[Outcome]) -> EditScore:
    """Score an edit (H W 3 RGB) against the outcome of each action for which its progress is highest.

    The outcomes are those of the edit's view: the one whose input has the least median difference to it.

    The progress of a part is 1 − Σ|edit − after| / Σ|before − after|: 0 for a copy of the input, 1 for the outcome
    itself, below 0 for an edit farther away than the input. An outcome's progress is the minimum over its parts,
    and an edit's the minimum over the actions. `kept` is the share of all other pixels that look as before.
    """
    view = _find_view(edit, outcomes)
    progress, best = zip(
        *(
            _find_nearest(
                edit, [outcome for outcome in outcomes if (outcome.action, outcome.view) == (action, view)]
            )
            for action in sorted({outcome.action for outcome in outcomes})
        ),
        strict=True,
    )
    left_out = np.zeros(edit.shape[:2], bool)
    for outcome in best:
        left_out |= _dilate(find_changed_pixels(outcome.before, outcome.after))
        if outcome.ignored is not None:
            left_out |= outcome.ignored
    same = np.abs(edit.astype(int) - best[0].before).max(axis=2) <= _KEPT
    return EditScore(min(progress), float(same[~left_out].mean()))


def _find_view(edit: Pixels, outcomes: Sequence[Outcome]) -> int:
    """Return the view of a picture. An action changes less than half of it, so the median is of the table."""
    inputs = {outcome.view: outcome.before.astype(int) for outcome in outcomes}
    return min(inputs, key=lambda view: float(np.median(np.abs(edit - inputs[view]))))


def _find_nearest(edit: Pixels, outcomes: Sequence[Outcome]) -> tuple[float, Outcome]:
    """Return the highest progress over the outcomes of one action, and the first outcome that has it."""
    progress = [_progress(edit, outcome) for outcome in outcomes]
    return max(progress), outcomes[progress.index(max(progress))]


def find_changed_pixels(first: Pixels, second: Pixels) -> Mask:
    """Return the mask of the pixels that look different.  H W"""
    mask: Mask = np.abs(first.astype(int) - second).max(axis=2) > _VISIBLE
    return mask


def _dilate(mask: Mask, pixels: int = 2) -> Mask:
    """Return a mask that is larger by so many pixels on every side.  H W"""
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    larger: Mask = cv2.dilate(mask.astype(np.uint8), square) > 0
    return larger


def render_outcomes(**options: Unpack[PairOptions]) -> Iterator[tuple[PairPlan, list[Outcome]]]:
    """Render the correct outcomes of every instruction of the index-th video; its pairs are render_pairs'.

    A pair has none where a hand hides most of the true change, or where an action changes nothing in view.
    """
    camera, seed, index = options["camera"], options["seed"], options["index"]
    scene = plan_scene(options, noisy=False)
    episode, cameras, renderer = scene.episode, scene.cameras, scene.renderer
    for pair in scene.pairs:
        if pair.before != pair.after:
            views = list(dict.fromkeys([cameras[pair.first_frame], cameras[pair.last_frame]]))
            hands = find_hands(renderer, episode, cameras, pair)
            outcomes: list[Outcome] = []
            for number, action in enumerate(pair.steps()):
                rng = make_generator(seed, camera, pair.segments[number].id, index)
                worlds = list(_allowed_worlds(rng, episode.scene, action))
                step = _Step(number, action, pair.before, hands)
                for view in enumerate(views):
                    outcomes += _render_step(renderer, view, step, worlds)
            scored = {(outcome.action, outcome.view) for outcome in outcomes}
            yield pair, outcomes if len(scored) == len(pair.segments) * len(views) else []


def find_hands(renderer: FrameRenderer, episode: Episode, cameras: Sequence[Camera], pair: PairPlan) -> Mask:
    """Return the mask of the pixels that a hand, its load or its shadow covers in either frame of a pair.  H W"""
    hands = np.zeros(episode.scene.camera.size[::-1], bool)
    for frame, world in ((pair.first_frame, pair.before), (pair.last_frame, pair.after)):
        moment = compute_moment(episode, frame)
        if moment.hand is not None:
            with_hand = renderer.render(cameras[frame], moment).astype(int)
            without = renderer.render(cameras[frame], Moment(world, None, None))
            hands |= _dilate(np.abs(with_hand - without).max(axis=2) > _HAND, 1)
    return hands


def _allowed_worlds(rng: np.random.Generator, scene: Scene, action: Action) -> Iterator[World]:
    """Yield the worlds that an instruction allows; the true one comes first."""
    yield action.after
    index, before = action.acted, action.before[action.acted]
    if action.verb == "put":
        for _ in range(_SPOTS):
            spot = find_spot(rng, scene, action.before, index)
            if spot is not None:
                yield replace_placement(action.before, index, Placement("standing", *spot))
    elif action.verb in MOVES:
        right, away = MOVES[action.verb]
        for reach in _REACHES:
            for aside in _SIDEWAYS:
                spot = before.x + right * reach + away * aside, before.y + away * reach + right * aside
                if is_free(scene, action.before, index, spot):
                    yield replace_placement(action.before, index, replace(before, x=spot[0], y=spot[1]))


@dataclass(frozen=True, slots=True)
class _Step:
    """The number-th action of an instruction, the world before all of them, and the mask of hands (H W)."""

    number: int
    action: Action
    start: World
    hands: Mask


def _render_step(
    renderer: FrameRenderer, view: tuple[int, Camera], step: _Step, worlds: Sequence[World]
) -> list[Outcome]:
    """Render the outcome of each world, and find where the thing left and where it arrived.

    Leaves out worlds in which hands hide most of a part; all, if they do so in the first world, the true one.
    """
    action, (number, camera) = step.action, view
    without = replace_placement(action.before, action.acted, Placement("absent"))
    first, bare, start = (
        renderer.render(camera, Moment(world, None, None)) for world in (action.before, without, step.start)
    )
    ignored = step.hands | _dilate(find_changed_pixels(start, first))
    outcomes: list[Outcome] = []
    for world in worlds:
        last = renderer.render(camera, Moment(world, None, None))
        changed = find_changed_pixels(first, last)
        parts = [changed]
        if action.verb not in _IN_PLACE:
            parts = [changed & find_changed_pixels(first, bare), changed & find_changed_pixels(last, bare)]
        parts = [part for part in parts if part.sum() >= _FEWEST_PIXELS]
        visible = [part & ~step.hands for part in parts]
        hidden = any(
            part.sum() < max(_FEWEST_PIXELS, whole.sum() / 2) for part, whole in zip(visible, parts, strict=True)
        )
        if hidden and world == worlds[0]:
            return []
        if visible and not hidden:
            outcomes.append(Outcome(first, last, tuple(visible), step.number, number, ignored))
    return outcomes


def _progress(edit: Pixels, outcome: Outcome) -> float:
    error = np.abs(edit.astype(int) - outcome.after).sum(axis=2)
    change = np.abs(outcome.before.astype(int) - outcome.after).sum(axis=2)
    return min(float(1 - error[part].sum() / change[part].sum()) for part in outcome.parts)
