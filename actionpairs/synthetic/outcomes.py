"""Renders all correct outcomes of an action, and scores an edited picture against them.

An instruction is ambiguous: how far to the left, and where should the cup go? So each action has many correct
outcomes, and an edit is scored against the nearest one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.actions import MOVES, Action
from actionpairs.synthetic.animation import Moment
from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.episode import EpisodeSegment, make_generator, plan_episode
from actionpairs.synthetic.frame_renderer import FrameRenderer
from actionpairs.synthetic.rendering import compute_cameras, make_renderer
from actionpairs.synthetic.scene import Scene, find_spot, is_free
from actionpairs.synthetic.world import CameraKind, Placement, World, replace_placement

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
_VISIBLE = 24  # 8-bit levels: a pixel that differs by more has changed
_KEPT = 40  # 8-bit levels: a pixel that differs by no more is preserved; an autoencoder's error is below
_FEWEST_PIXELS = 6
_SPOTS = 40
_REACHES = np.linspace(0.10, 0.24, 8)  # meters that a thing is moved: the range in actions.py
_SIDEWAYS = (-0.025, 0.0, 0.025)  # meters that it may end up to the side
_IN_PLACE = ("open", "close", "turn-over")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One correct outcome: pictures before and after (H W 3 RGB), and the masks (H W) that must all change."""

    before: Pixels
    after: Pixels
    parts: tuple[Mask, ...]


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
    """Score an edit (H W 3 RGB) against the outcome for which its progress is highest.

    The progress of a part is 1 − Σ|edit − after| / Σ|before − after|: 0 for a copy of the input, 1 for the outcome
    itself, below 0 for an edit farther away than the input. An outcome's progress is the minimum over its parts.
    `kept` is the share of all other pixels that look as before.
    """
    progress, best = max(
        ((_progress(edit, outcome), number) for number, outcome in enumerate(outcomes)),
        key=lambda candidate: (candidate[0], -candidate[1]),
    )
    outcome = outcomes[best]
    touched = cv2.dilate(
        find_changed_pixels(outcome.before, outcome.after).astype(np.uint8), np.ones((5, 5), np.uint8)
    )
    same = np.abs(edit.astype(int) - outcome.before).max(axis=2) <= _KEPT
    return EditScore(progress, float(same[touched == 0].mean()))


def find_changed_pixels(first: Pixels, second: Pixels) -> Mask:
    """Return the mask of the pixels that look different.  H W"""
    mask: Mask = np.abs(first.astype(int) - second).max(axis=2) > _VISIBLE
    return mask


def render_outcomes(
    *, camera: CameraKind, actions: int, seed: int, index: int, size: tuple[int, int], frame_rate: int = 30
) -> Iterator[tuple[EpisodeSegment, list[Outcome]]]:
    """Render the correct outcomes of every action of the index-th video of a set; its pairs are render_pairs'."""
    episode = plan_episode(
        seed=seed, camera_kind=camera, index=index, actions=actions, size=size, frame_rate=frame_rate
    )
    cameras = compute_cameras(episode, seed, index)
    renderer = make_renderer(episode, seed, index, noisy=False)
    for segment in episode.segments:
        views = dict.fromkeys([cameras[segment.first_frame], cameras[segment.last_frame]])
        rng = make_generator(seed, camera, segment.id, index)
        worlds = list(_allowed_worlds(rng, episode.scene, segment.action))
        if segment.action.before != segment.action.after:
            outcomes = [
                _render_outcome(renderer, view, segment.action, world) for view in views for world in worlds
            ]
            yield segment, [outcome for outcome in outcomes if outcome.parts]


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


def _render_outcome(renderer: FrameRenderer, camera: Camera, action: Action, after: World) -> Outcome:
    """Render one outcome, and find where the thing left and where it arrived."""
    without = replace_placement(action.before, action.acted, Placement("absent"))
    first, last, bare = (
        renderer.render(camera, Moment(world, None, None)) for world in (action.before, after, without)
    )
    changed = find_changed_pixels(first, last)
    if action.verb in _IN_PLACE:
        parts = [changed]
    else:
        parts = [changed & find_changed_pixels(first, bare), changed & find_changed_pixels(last, bare)]
    return Outcome(first, last, tuple(part for part in parts if part.sum() >= _FEWEST_PIXELS))


def _progress(edit: Pixels, outcome: Outcome) -> float:
    error = np.abs(edit.astype(int) - outcome.after).sum(axis=2)
    change = np.abs(outcome.before.astype(int) - outcome.after).sum(axis=2)
    return min(float(1 - error[part].sum() / change[part].sum()) for part in outcome.parts)
