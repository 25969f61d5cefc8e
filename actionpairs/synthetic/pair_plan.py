"""Plans pairs: which actions an instruction covers, and which two frames show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from actionpairs.synthetic.actions import Action
from actionpairs.synthetic.animation import compute_moment, find_grip
from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.episode import Episode, EpisodeSegment
from actionpairs.synthetic.world import World

# Shares of a segment's length: before, nothing on the table has moved; after, all has.
_BEFORE, _AFTER = 0.42, 0.64
_APART = 0.10  # meters from the place where the hand grasps, or lets go


@dataclass(frozen=True, slots=True)
class PairPlan:
    """One pair: segments in a row under one instruction, and the frames that show the table before and after."""

    segments: tuple[EpisodeSegment, ...]
    first_frame: int
    last_frame: int

    @property
    def id(self) -> str:
        """The id of the first segment."""
        return self.segments[0].id

    @property
    def action(self) -> Action:
        """The first action; its verb and noun stand for the pair, as in EPIC-KITCHENS."""
        return self.segments[0].action

    @property
    def instruction(self) -> str:
        """The narrations of all actions."""
        *earlier, last = (segment.action.narration for segment in self.segments)
        return f"{', '.join(earlier)} and {last}" if earlier else last

    @property
    def before(self) -> World:
        """The world before all actions."""
        return self.action.before

    @property
    def after(self) -> World:
        """The world after all actions."""
        return self.segments[-1].action.after

    def steps(self) -> tuple[Action, ...]:
        """Return every action as if it came last: in its world before, all others are done already."""
        return tuple(
            replace(segment.action, before=_undo(self.after, segment.action), after=self.after)
            for segment in self.segments
        )


def plan_pairs(rng: np.random.Generator, episode: Episode, cameras: Sequence[Camera]) -> list[PairPlan]:
    """Plan the pairs of an episode under its conditions. cameras: of every frame."""
    pairs = []
    for segments in _group_segments(rng, episode):
        first, last = segments[0], segments[-1]
        early = [frame for frame in _list_frames_with_hand(episode, cameras, first) if frame < _middle(first)]
        late = [frame for frame in _list_frames_with_hand(episode, cameras, last) if frame > _middle(last)]
        first_frame = _choose_frame(rng, first.first_frame, early, episode.conditions.hands)
        last_frame = _choose_frame(rng, last.last_frame, late, episode.conditions.hands)
        pairs.append(PairPlan(segments, first_frame, last_frame))
    return pairs


def _group_segments(rng: np.random.Generator, episode: Episode) -> list[tuple[EpisodeSegment, ...]]:
    """Group segments in a row whose actions have nothing to do with each other."""
    groups: list[tuple[EpisodeSegment, ...]] = []
    wanted = 1
    for segment in episode.segments:
        if groups and len(groups[-1]) < wanted and _is_independent(segment.action, groups[-1]):
            groups[-1] = (*groups[-1], segment)
        else:
            groups.append((segment,))
            wanted = int(rng.integers(1, episode.conditions.steps + 1))
    return groups


def _is_independent(action: Action, segments: Sequence[EpisodeSegment]) -> bool:
    """Return whether an action changes something, and no thing that these segments' actions have to do with."""
    actions = [action, *(segment.action for segment in segments)]
    if any(each.before == each.after for each in actions):
        return False
    return not _find_things(action) & set().union(*(_find_things(each) for each in actions[1:]))


def _find_things(action: Action) -> set[int]:
    """Return the indices of the things that an action has to do with."""
    worlds = action.before[action.acted], action.after[action.acted]
    changed = {index for index, placement in enumerate(action.before) if placement != action.after[index]}
    return changed | {placement.on for placement in worlds if placement.on is not None}


def _undo(world: World, action: Action) -> World:
    """Return a world with the things that an action changed placed as before it."""
    return tuple(
        old if old != new else now for now, old, new in zip(world, action.before, action.after, strict=True)
    )


def _list_frames_with_hand(episode: Episode, cameras: Sequence[Camera], segment: EpisodeSegment) -> list[int]:
    """Return the frames that show the arm away from the acted thing: all is still as before, or done already."""
    action, thing = segment.action, episode.scene.things[segment.action.acted]
    before, after = action.before[action.acted], action.after[action.acted]
    length = segment.last_frame - segment.first_frame
    frames = []
    for frame in range(segment.first_frame + 1, segment.last_frame):
        share = (frame - segment.first_frame) / length
        moment = compute_moment(episode, frame)
        if _BEFORE < share < _AFTER or moment.hand is None:
            continue
        here, other = (before, after) if share <= _BEFORE else (after, before)
        touched = find_grip(thing, other if here.state == "absent" else here, segment.heading)
        grip = moment.hand.grip
        room = _APART + (0.0 if moment.moving is None else thing.radius)
        if np.hypot(grip[0] - touched[0], grip[1] - touched[1]) >= room and _is_in_view(cameras[frame], grip):
            frames.append(frame)
    return frames


def _middle(segment: EpisodeSegment) -> float:
    return (segment.first_frame + segment.last_frame) / 2


def _is_in_view(camera: Camera, point: tuple[float, float, float]) -> bool:
    x, y = camera.project_point(*point)
    return 0 <= x < camera.size[0] and 0 <= y < camera.size[1]


def _choose_frame(rng: np.random.Generator, clean: int, with_hand: list[int], share: float) -> int:
    """Choose a frame with a hand for a share of pairs, and the clean one for the others."""
    chosen, place = rng.random(2)
    return with_hand[int(place * len(with_hand))] if with_hand and chosen < share else clean
