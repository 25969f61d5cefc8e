"""The ground truth of a rendered set: all things and the camera, before and after each action."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from actionpairs.synthetic.actions import Verb
from actionpairs.synthetic.world import CameraKind, Kind, Material, State

BlemishKind = Literal["stop_before_start", "past_the_end", "unknown_video", "unreadable_time", "repeated_id"]
Row3 = tuple[float, float, float]
Matrix = tuple[Row3, Row3, Row3]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
_FILE_KEYS = {"color": "colour", "center": "centre"}  # truth.json of edition 1 has British keys


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of render_set. The same arguments give the same bytes."""

    edition: int
    camera: CameraKind
    videos: int
    actions_per_video: int
    seed: int
    size: tuple[int, int]  # width, height in pixels
    frame_rate: int
    frame_index_in_pixels: bool
    blemishes: bool
    verbs: tuple[Verb, ...]


@dataclass(frozen=True, slots=True)
class ThingTruth:
    """One thing in one frame: its state, base point (meters), and center and bounding box in the picture."""

    id: str
    kind: Kind
    color: str
    material: Material
    state: State
    position: Row3 | None  # x right, y away, z up; None while absent
    center: tuple[float, float] | None  # pixels; None if it is out of view
    box: Box | None


@dataclass(frozen=True, slots=True)
class MomentTruth:
    """One frame: the camera's pose (meters, radians), the homography from table to pixels, and all things."""

    frame: int
    camera_position: Row3
    camera_target: Row3
    camera_roll: float
    table_to_pixels: Matrix
    things: tuple[ThingTruth, ...]


@dataclass(frozen=True, slots=True)
class SegmentTruth:
    """One annotated action: its verb, its things, and its first and last frame."""

    id: str
    verb: Verb
    noun: Kind
    narration: str
    start_seconds: float
    stop_seconds: float
    acted: str  # id of the thing that the hand moved; for cover, of the lid
    other: str | None  # id of the thing stacked on or covered
    moved: bool  # whether anything changed
    first: MomentTruth
    last: MomentTruth


@dataclass(frozen=True, slots=True)
class VideoTruth:
    """One video with its segments."""

    id: str
    camera: CameraKind
    frame_count: int
    frame_rate: int
    segments: tuple[SegmentTruth, ...]


@dataclass(frozen=True, slots=True)
class Blemish:
    """A row of epic100.csv that is bad on purpose: its line (the header is line 1) and what is wrong."""

    line: int
    narration_id: str
    kind: BlemishKind


@dataclass(frozen=True, slots=True)
class Truth:
    """The ground truth of a set: the contents of truth.json."""

    arguments: Arguments
    videos: tuple[VideoTruth, ...]
    blemishes: tuple[Blemish, ...]


def format_truth(truth: Truth) -> str:
    """Format a truth as JSON with sorted keys and a final newline."""
    document = asdict(
        truth, dict_factory=lambda items: {_FILE_KEYS.get(name, name): value for name, value in items}
    )
    return json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"


def load_truth(path: Path) -> Truth:
    """Load a truth.json.

    Raises OSError or ValueError if it cannot be read, KeyError or TypeError if its contents are not a truth's.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    arguments = document["arguments"]
    return Truth(
        Arguments(**{**arguments, **{name: tuple(arguments[name]) for name in ("size", "verbs")}}),
        tuple(_parse_video(video) for video in document["videos"]),
        tuple(Blemish(**blemish) for blemish in document["blemishes"]),
    )


def _parse_video(video: dict[str, Any]) -> VideoTruth:
    return VideoTruth(**{**video, "segments": tuple(_parse_segment(segment) for segment in video["segments"])})


def _parse_segment(segment: dict[str, Any]) -> SegmentTruth:
    moments = {name: _parse_moment(segment[name]) for name in ("first", "last")}
    return SegmentTruth(**{**segment, **moments})


def _parse_moment(moment: dict[str, Any]) -> MomentTruth:
    return MomentTruth(
        **{
            **moment,
            "camera_position": tuple(moment["camera_position"]),
            "camera_target": tuple(moment["camera_target"]),
            "table_to_pixels": tuple(tuple(row) for row in moment["table_to_pixels"]),
            "things": tuple(_parse_thing(thing) for thing in moment["things"]),
        }
    )


def _parse_thing(thing: dict[str, Any]) -> ThingTruth:
    fields = thing | {name: thing[key] for name, key in _FILE_KEYS.items()}
    for key in _FILE_KEYS.values():
        del fields[key]
    coordinates = {name: tuple(fields[name]) if fields[name] else None for name in ("position", "center", "box")}
    return ThingTruth(**{**fields, **coordinates})
