"""The measuring of a script into truth: every thing's place on the table and in the picture."""

import numpy as np

from actionpairs.synthetic.camera import Camera
from actionpairs.synthetic.script import Script, Segment
from actionpairs.synthetic.sprites import place_corners
from actionpairs.synthetic.truth import Box, Matrix, MomentTruth, Row3, SegmentTruth, ThingTruth, VideoTruth
from actionpairs.synthetic.world import Placement, Thing, World


def measure_video(script: Script, cameras: list[Camera]) -> VideoTruth:
    """Measure a video's segments, given the camera of every frame."""
    segments = tuple(_measure_segment(script, segment, cameras) for segment in script.segments)
    return VideoTruth(script.video_id, script.camera_kind, script.frame_count, script.frame_rate, segments)


def _measure_segment(script: Script, segment: Segment, cameras: list[Camera]) -> SegmentTruth:
    action, things = segment.action, script.scene.things
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
        first=_measure_moment(things, action.before, cameras[segment.first_frame], segment.first_frame),
        last=_measure_moment(things, action.after, cameras[segment.last_frame], segment.last_frame),
    )


def _measure_moment(things: tuple[Thing, ...], world: World, camera: Camera, frame: int) -> MomentTruth:
    rows = [_round3(row) for row in camera.map_table()]
    table_to_pixels: Matrix = (rows[0], rows[1], rows[2])
    return MomentTruth(
        frame=frame,
        camera_position=_round3(camera.position),
        camera_target=_round3(camera.target),
        camera_roll=round(camera.roll, 6),
        table_to_pixels=table_to_pixels,
        things=tuple(
            _measure_thing(thing, placement, camera) for thing, placement in zip(things, world, strict=True)
        ),
    )


def _measure_thing(thing: Thing, placement: Placement, camera: Camera) -> ThingTruth:
    position, center, box = None, None, None
    if placement.state != "absent":
        position = _round3((placement.x, placement.y, placement.z))
    if placement.state not in ("absent", "covered"):
        box = _measure_box(thing, placement, camera)
    if box is not None:
        x, y = camera.project_point(placement.x, placement.y, placement.z + thing.height / 2)
        center = (round(x, 2), round(y, 2))
    return ThingTruth(thing.id, thing.kind, thing.color, thing.material, placement.state, position, center, box)


def _measure_box(thing: Thing, placement: Placement, camera: Camera) -> Box | None:
    """Measure a thing's bounding box, cut at the picture's edges; None where it is out of view."""
    pixels, _ = camera.project(place_corners(thing, placement).reshape(-1, 3))
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
