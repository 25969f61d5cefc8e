"""Animation: where all things and the hand are in each frame."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.episode import Episode, EpisodeSegment
from actionpairs.synthetic.thing_meshes import DOOR_SWING, DRAWER_TRAVEL
from actionpairs.synthetic.world import Placement, Thing, World, replace_placement

_ENTERED, _GRASPED, _PLACED, _RELEASED = 0.34, 0.42, 0.64, 0.70  # of the segment's length
_HOVER = 0.13  # meters above the table at which the hand comes in

Point = tuple[float, float, float]  # meters


@dataclass(frozen=True, slots=True)
class HandPose:
    """The grip point (meters), the arm's direction on the table (radians) and how closed the hand is (0 to 1)."""

    grip: Point
    heading: float
    closure: float
    left_handed: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """The content of one frame: all things, the index of the moving one, and the hand's pose if it is in view."""

    world: World
    moving: int | None
    hand: HandPose | None


def compute_moment(episode: Episode, frame: int) -> Moment:
    """Return the content of one frame of an episode."""
    world = episode.scene.opening
    for segment in episode.segments:
        if frame < segment.first_frame:
            break
        if frame <= segment.last_frame:
            return _animate_segment(episode, segment, frame)
        world = segment.action.after
    return Moment(world, None, None)


def _animate_segment(episode: Episode, segment: EpisodeSegment, frame: int) -> Moment:
    """Return one frame of a segment. In its first and last frame no hand is in view."""
    action = segment.action
    if frame == segment.first_frame:
        return Moment(action.before, None, None)
    if frame == segment.last_frame:
        return Moment(action.after, None, None)
    progress = (frame - segment.first_frame) / (segment.last_frame - segment.first_frame)
    thing = episode.scene.things[action.acted]
    camera = episode.scene.camera
    if action.verb in ("take", "put"):
        return _carry_in_or_out(segment, thing, camera, progress)
    if action.verb == "check":
        return _hover(segment, thing, camera, progress)
    return _rearrange(segment, thing, camera, progress)


def _rearrange(segment: EpisodeSegment, thing: Thing, camera: Camera, progress: float) -> Moment:
    """The hand comes in, grasps the thing, brings it to its new pose, lets go and leaves."""
    action = segment.action
    before, after = action.before[action.acted], action.after[action.acted]
    placement = _interpolate_placement(before, after, _smoothstep(progress, _GRASPED, _PLACED))
    grip = find_grip(thing, placement, segment.heading)
    hand = grip
    if progress < _ENTERED:
        hand = _interpolate_point(
            _find_exit_point(grip, segment.heading, camera, 0.0), grip, _smoothstep(progress, 0.0, _ENTERED)
        )
    elif progress > _RELEASED:
        hand = _interpolate_point(
            grip, _find_exit_point(grip, segment.heading, camera, 0.0), _smoothstep(progress, _RELEASED, 1.0)
        )
    closure = _smoothstep(progress, _ENTERED * 0.6, _GRASPED) - _smoothstep(progress, _PLACED, _RELEASED + 0.06)
    pose = HandPose(hand, segment.heading, closure, segment.left_handed)
    if progress <= _GRASPED:
        return Moment(action.before, None, pose)
    if progress >= _PLACED:
        return Moment(action.after, None, pose)
    return Moment(replace_placement(action.before, action.acted, placement), action.acted, pose)


def _carry_in_or_out(segment: EpisodeSegment, thing: Thing, camera: Camera, progress: float) -> Moment:
    """The hand takes the thing out of the picture; for "put" the same animation runs backwards."""
    action = segment.action
    taken = action.verb == "take"
    clock = progress if taken else 1.0 - progress
    world = action.before if taken else action.after
    placement = world[action.acted]
    rest = find_grip(thing, placement, segment.heading)
    outside = _find_exit_point(rest, segment.heading, camera, thing.radius * 2.2 + 0.06)
    closure = _smoothstep(clock, 0.22, 0.48)
    if clock < 0.40:
        hand = _interpolate_point(outside, rest, _smoothstep(clock, 0.0, 0.40))
        return Moment(world, None, HandPose(hand, segment.heading, closure, segment.left_handed))
    leaving = _smoothstep(clock, 0.48, 1.0)
    lift = 0.05 * _smoothstep(clock, 0.48, 0.70)
    hand = _interpolate_point(rest, outside, leaving)
    hand = (hand[0], hand[1], max(hand[2], rest[2] + lift))
    shifted = replace(
        placement,
        x=placement.x + hand[0] - rest[0],
        y=placement.y + hand[1] - rest[1],
        z=placement.z + hand[2] - rest[2],
        on=None,
    )
    others = action.after if taken else action.before
    moving = action.acted if clock > 0.48 else None
    current = replace_placement(others, action.acted, shifted) if moving is not None else world
    return Moment(current, moving, HandPose(hand, segment.heading, closure, segment.left_handed))


def _hover(segment: EpisodeSegment, thing: Thing, camera: Camera, progress: float) -> Moment:
    """The hand comes near the thing and leaves without touching it."""
    action = segment.action
    x, y, z = find_grip(thing, action.before[action.acted], segment.heading)
    near = (x, y, z + 0.035 + 0.008 * float(np.sin(progress * 14)))
    outside = _find_exit_point(near, segment.heading, camera, 0.0)
    closeness = _smoothstep(progress, 0.0, 0.40) - _smoothstep(progress, 0.60, 1.0)
    hand = _interpolate_point(outside, near, closeness)
    return Moment(action.before, None, HandPose(hand, segment.heading, 0.3, segment.left_handed))


def _interpolate_placement(before: Placement, after: Placement, share: float) -> Placement:
    """Interpolate between two placements; a thing that is carried or turned is lifted on the way."""
    carried = (before.x, before.y, before.tilt) != (after.x, after.y, after.tilt)
    lift = 0.0
    if carried:
        turning = before.tilt != after.tilt
        lift = (0.085 if turning else 0.045) * float(np.sin(np.pi * share)) ** (0.7 if turning else 1.0)
    return replace(
        before,
        x=before.x + (after.x - before.x) * share,
        y=before.y + (after.y - before.y) * share,
        z=before.z + (after.z - before.z) * share ** (0.5 if after.z > before.z else 1.0) + lift,
        tilt=before.tilt + (after.tilt - before.tilt) * share,
        openness=before.openness + (after.openness - before.openness) * share,
    )


def find_grip(thing: Thing, placement: Placement, heading: float) -> Point:
    """Return the point where a hand grips a thing: its top, its near rim or its handle."""
    toward = (-float(np.cos(heading)), -float(np.sin(heading)))
    size = thing.scale
    if thing.kind == "drawer":
        return _to_table(thing, placement, 0.0, -0.078 - DRAWER_TRAVEL * placement.openness, 0.062)
    if thing.kind == "cupboard":
        swing = -float(DOOR_SWING) * placement.openness
        cos, sin = float(np.cos(swing)), float(np.sin(swing))
        return _to_table(
            thing, placement, -0.099 + 0.184 * cos + 0.020 * sin, -0.060 + 0.184 * sin - 0.020 * cos, 0.105
        )
    if thing.kind == "pan":
        return _to_table(thing, placement, 0.145, 0.0, 0.056)
    rim = {"plate": 0.80, "bowl": 0.80}.get(thing.kind, 0.0) * thing.radius
    high = {"bottle": 0.86, "plate": 1.0, "cup": 0.92}.get(thing.kind, 0.95) * thing.height
    return (
        placement.x + toward[0] * rim,
        placement.y + toward[1] * rim,
        placement.z + high + 0.004 * size,
    )


def _to_table(thing: Thing, placement: Placement, x: float, y: float, z: float) -> Point:
    """Transform a point from the thing's own frame to the table's, in meters."""
    cos, sin = float(np.cos(thing.yaw)) * thing.scale, float(np.sin(thing.yaw)) * thing.scale
    return placement.x + cos * x - sin * y, placement.y + sin * x + cos * y, placement.z + z * thing.scale


@lru_cache(maxsize=64)
def _find_exit_point(grip: Point, heading: float, camera: Camera, room: float) -> Point:
    """Return the grip point, back along the arm, where hand and load are out of view, with a margin for shake."""
    forward = np.array([np.cos(heading), np.sin(heading), 0.0])
    side = np.array([-forward[1], forward[0], 0.0])
    width, height = camera.size
    margin = 0.10 * height
    for step in range(10, 60):
        back = np.array([grip[0], grip[1], _HOVER]) - forward * step * 0.02
        reach = 0.11 + room
        corners = [
            back + forward * reach * f + side * 0.09 * s + np.array([0, 0, u])
            for f in (1, 0)
            for s in (-1, 1)
            for u in (-0.03, 0.08)
        ]
        pixels, _ = camera.project(np.array(corners))
        left, top = pixels.min(axis=0)
        right, _ = pixels.max(axis=0)
        if top > height + margin or left > width + margin or right < -margin:
            break
    return float(back[0]), float(back[1]), float(back[2])


def _interpolate_point(start: Point, stop: Point, share: float) -> Point:
    """Interpolate between two points; the height follows later than the position."""
    level = share**1.5
    return (
        start[0] + (stop[0] - start[0]) * share,
        start[1] + (stop[1] - start[1]) * share,
        start[2] + (stop[2] - start[2]) * level,
    )


def _smoothstep(progress: float, start: float, stop: float) -> float:
    """Smoothstep from 0 at start to 1 at stop."""
    share = min(max((progress - start) / (stop - start), 0.0), 1.0)
    return share * share * (3 - 2 * share)
