"""What an action may rightly lead to, painted, and whether an edited picture shows it.

An instruction leaves some things open: how far to the left, and where to put the cup. So a question has many
right answers, and an edit is held to the one that it comes nearest to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from actionpairs.synthetic.actions import MOVES, Action
from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.motion import Moment
from actionpairs.synthetic.paint import Painter
from actionpairs.synthetic.rendering import hire_painter, place_cameras
from actionpairs.synthetic.script import Segment, seed_generator, write_script
from actionpairs.synthetic.stage import Scene, find_spot, is_free
from actionpairs.synthetic.world import CameraKind, Placement, World, replace_placement

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
_VISIBLE = 24  # 8-bit levels by which a pixel has to differ to count as changed
_KEPT = 40  # 8-bit levels by which a pixel may differ and still be as it was: an autoencoder's error
_FEWEST_PIXELS = 6
_SPOTS = 40
_REACHES = np.linspace(0.10, 0.24, 8)  # metres that a thing is moved, as tabletop.actions draws them
_ASTRAY = (-0.025, 0.0, 0.025)  # metres that it may end up to the side
_IN_PLACE = ("open", "close", "turn-over")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One right answer: the table before and after (H W 3 RGB), and where it shows, all of which is needed."""

    before: Pixels
    after: Pixels
    parts: tuple[Mask, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How much of the action an edit shows, 0 to 1 (below 0: it leads elsewhere), and how much else it kept."""

    progress: float
    kept: float

    @property
    def is_done(self) -> bool:
        """Whether every place that changes is nearer to a right answer than to what was there."""
        return self.progress >= 0.5


def judge(edit: Pixels, outcomes: Sequence[Outcome]) -> Verdict:
    """Hold an edit (H W 3 RGB) to the right answer that it comes nearest to.

    The progress of a part is 1 − Σ|edit − after| / Σ|before − after|: 0 for a copy and 1 for the answer itself; an
    outcome's is that of its least part. kept: the share of all other pixels that look as before.
    """
    progress, best = max(
        ((_progress(edit, outcome), number) for number, outcome in enumerate(outcomes)),
        key=lambda found: (found[0], -found[1]),
    )
    outcome = outcomes[best]
    touched = cv2.dilate(differ(outcome.before, outcome.after).astype(np.uint8), np.ones((5, 5), np.uint8))
    same = np.abs(edit.astype(int) - outcome.before).max(axis=2) <= _KEPT
    return Verdict(progress, float(same[touched == 0].mean()))


def differ(first: Pixels, second: Pixels) -> Mask:
    """Say which pixels look different.  H W"""
    mask: Mask = np.abs(first.astype(int) - second).max(axis=2) > _VISIBLE
    return mask


def paint_outcomes(
    *, camera: CameraKind, actions: int, seed: int, index: int, size: tuple[int, int], frame_rate: int = 30
) -> Iterator[tuple[Segment, list[Outcome]]]:
    """Paint the right answers to every action of the index-th video of a set, as paint_pairs paints the pairs."""
    script = write_script(
        seed=seed, camera_kind=camera, index=index, actions=actions, size=size, frame_rate=frame_rate
    )
    cameras = place_cameras(script, seed, index)
    painter = hire_painter(script, seed, index, grainy=False)
    for segment in script.segments:
        views = dict.fromkeys([cameras[segment.first_frame], cameras[segment.last_frame]])
        rng = seed_generator(seed, camera, segment.id, index)
        worlds = list(_right_worlds(rng, script.scene, segment.action))
        if segment.action.before != segment.action.after:
            found = [_outcome(painter, view, segment.action, world) for view in views for world in worlds]
            yield segment, [outcome for outcome in found if outcome.parts]


def _right_worlds(rng: np.random.Generator, scene: Scene, action: Action) -> Iterator[World]:
    """List the worlds that an instruction allows, the one that it truly led to first."""
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
            for astray in _ASTRAY:
                spot = before.x + right * reach + away * astray, before.y + away * reach + right * astray
                if is_free(scene, action.before, index, spot):
                    yield replace_placement(action.before, index, replace(before, x=spot[0], y=spot[1]))


def _outcome(painter: Painter, camera: Camera, action: Action, after: World) -> Outcome:
    """Paint one answer, and find where the thing left and where it arrived."""
    without = replace_placement(action.before, action.acted, Placement("absent"))
    first, last, bare = (
        painter.paint(camera, Moment(world, None, None)) for world in (action.before, after, without)
    )
    changed = differ(first, last)
    if action.verb in _IN_PLACE:
        parts = [changed]
    else:
        parts = [changed & differ(first, bare), changed & differ(last, bare)]
    return Outcome(first, last, tuple(part for part in parts if part.sum() >= _FEWEST_PIXELS))


def _progress(edit: Pixels, outcome: Outcome) -> float:
    off = np.abs(edit.astype(int) - outcome.after).sum(axis=2)
    way = np.abs(outcome.before.astype(int) - outcome.after).sum(axis=2)
    return min(float(1 - off[part].sum() / way[part].sum()) for part in outcome.parts)
