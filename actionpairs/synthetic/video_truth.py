"""Computes the ground truth of an episode: every thing's position on the table and in the picture."""

import numpy as np

from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.episode import Episode, EpisodeSegment
from actionpairs.synthetic.sprites import transform_corners
from actionpairs.synthetic.truth import Box, Matrix, MomentTruth, Row3, SegmentTruth, ThingTruth, VideoTruth
from actionpairs.synthetic.world import Placement, Thing, World


def compute_video_truth(episode: Episode, cameras: list[Camera]) -> VideoTruth:
    """Compute the truth of a video from its episode and the camera of every frame."""
    segments = tuple(_compute_segment_truth(episode, segment, cameras) for segment in episode.segments)
    return VideoTruth(episode.video_id, episode.camera_kind, episode.frame_count, episode.frame_rate, segments)


def _compute_segment_truth(episode: Episode, segment: EpisodeSegment, cameras: list[Camera]) -> SegmentTruth:
    action, things = segment.action, episode.scene.things
    return SegmentTruth(
        id=segment.id,
        verb=action.verb,
        noun=action.nouns[0],
        narration=action.narration,
        start_seconds=segment.start / 100,
        stop_seconds=segment.stop / 100,
        acted=things[action.acted].id,
        other=None if action.other is None else things[action.other].id,
        moved=action.before != action.after,
        first=_compute_moment_truth(things, action.before, cameras[segment.first_frame], segment.first_frame),
        last=_compute_moment_truth(things, action.after, cameras[segment.last_frame], segment.last_frame),
    )


def _compute_moment_truth(things: tuple[Thing, ...], world: World, camera: Camera, frame: int) -> MomentTruth:
    rows = [_round3(row) for row in camera.map_table()]
    table_to_pixels: Matrix = (rows[0], rows[1], rows[2])
    return MomentTruth(
        frame=frame,
        camera_position=_round3(camera.position),
        camera_target=_round3(camera.target),
        camera_roll=round(camera.roll, 6),
        table_to_pixels=table_to_pixels,
        things=tuple(
            _compute_thing_truth(thing, placement, camera) for thing, placement in zip(things, world, strict=True)
        ),
    )


def _compute_thing_truth(thing: Thing, placement: Placement, camera: Camera) -> ThingTruth:
    position, center, box = None, None, None
    if placement.state != "absent":
        position = _round3((placement.x, placement.y, placement.z))
    if placement.state not in ("absent", "covered"):
        box = _compute_box(thing, placement, camera)
    if box is not None:
        x, y = camera.project_point(placement.x, placement.y, placement.z + thing.height / 2)
        center = (round(x, 2), round(y, 2))
    return ThingTruth(thing.id, thing.kind, thing.color, thing.material, placement.state, position, center, box)


def _compute_box(thing: Thing, placement: Placement, camera: Camera) -> Box | None:
    """Compute a thing's bounding box, clipped to the picture. None if it is out of view."""
    pixels, _ = camera.project(transform_corners(thing, placement).reshape(-1, 3))
    low = np.maximum(pixels.min(axis=0), 0.0)
    high = np.minimum(pixels.max(axis=0), camera.size)
    if (low >= high).any():
        return None
    return (
        round(float(low[0]), 2),
        round(float(low[1]), 2),
        round(float(high[0]), 2),
        round(float(high[1]), 2),
    )


def _round3(values: "tuple[float, float, float] | np.typing.NDArray[np.float64]") -> Row3:
    first, second, third = (round(float(value), 8) for value in values)
    return first, second, third
