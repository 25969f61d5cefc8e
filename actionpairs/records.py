"""The records that one stage passes to the next. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why a segment did not become a sample. The list is closed, so that counts can be compared."""

    UNREADABLE_ROW = "unreadable_row"
    STOP_NOT_AFTER_START = "stop_not_after_start"
    DUPLICATE_ID = "duplicate_id"
    NOT_SELECTED = "not_selected"
    RARE_ACTION = "rare_action"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    VIDEO_MISSING = "video_missing"
    VIDEO_AMBIGUOUS = "video_ambiguous"
    VIDEO_UNREADABLE = "video_unreadable"
    NO_VIDEO_STREAM = "no_video_stream"
    PAST_END = "past_end"
    ONE_FRAME = "one_frame"
    DECODE_ERROR = "decode_error"
    DAMAGED_PICTURE = "damaged_picture"
    HDR_UNSUPPORTED = "hdr_unsupported"
    WORKER_DIED = "worker_died"
    TIMED_OUT = "timed_out"
    VIDEO_FAILED = "video_failed"
    NOTHING_CHANGED = "nothing_changed"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    OVEREXPOSED = "overexposed"
    SCENE_CUT = "scene_cut"
    CAMERA_MOVED = "camera_moved"
    MOVED_TOO_LITTLE = "moved_too_little"
    UNSURE_DISPLACEMENT = "unsure_displacement"
    UNMEASURED = "unmeasured"
    NEAR_DUPLICATE = "near_duplicate"


@dataclass(frozen=True, slots=True)
class Segment:
    """One annotated action, in [start_seconds, stop_seconds) of its video.

    `stop_seconds` is infinite if the annotation does not state the video's length; that of a pair is finite.
    `video` is the name in the annotation: a path below the videos folder, a file name or a stem. `action` is the
    name of the action class. `group` is the participant: a leak-free split has no group in both train and test.
    `tolerance_seconds` is half a frame if the annotation has frame numbers, whose rate can differ from that of the
    video: then the frames nearest to the start, and to one frame before the stop, are taken. Otherwise it is 0.

    Raises ValueError if a time is not a number or negative, the times are not in order, or a name is empty.
    """

    id: str
    video: str
    start_seconds: float
    stop_seconds: float
    instruction: str
    verb: str
    noun: str
    action: str
    group: str
    tolerance_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not self.id or not self.video:
            raise ValueError("a segment needs an id and a video")
        if not math.isfinite(self.start_seconds) or math.isnan(self.stop_seconds):
            raise ValueError(f"not times: {self.start_seconds} and {self.stop_seconds}")
        if not 0 <= self.start_seconds < self.stop_seconds:
            raise ValueError(f"start {self.start_seconds} s is not before stop {self.stop_seconds} s")
        if not 0 <= self.tolerance_seconds < math.inf:
            raise ValueError(f"not a tolerance: {self.tolerance_seconds}")

    @property
    def duration_seconds(self) -> float:
        """The length of the action in seconds."""
        return self.stop_seconds - self.start_seconds


@dataclass(frozen=True, slots=True)
class Rejection:
    """A segment that did not become a pair or a sample: the stage that rejected it, and the reason."""

    segment_id: str
    video: str
    stage: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures of a pair's two pictures. Filters compare them with thresholds.

    Shares are in [0, 1]; None if it could not be measured. `change` is the share of the picture's area that
    differs between the frames, `ssim` their structural similarity. `sharpness_*` is the share of detail that a
    further blur removes. `dark` and `overexposed` are the shares of pixels without detail, in the worse frame.
    `cut` is near 0 within a scene and near 1 across a cut. `camera_shift`, at the picture's center, and
    `displacement`, how far things moved besides the camera, are shares of the diagonal. `camera_inliers` features
    agree with the camera's motion. `displacement_confidence` is near 1 where what moved was recognized in both
    frames, and below 0.5 where it is unsure what moved, or where it came from. `moved_area` is the area of the
    largest region that moved or changed.
    `moved_left` … `moved_bottom` are the box around all of them, as shares of width and height; None if nothing
    moved. `hash_*` are 64-bit perceptual hashes in hexadecimal.
    """

    change: float
    sharpness_before: float
    sharpness_after: float
    dark: float
    overexposed: float
    ssim: float
    cut: float
    camera_shift: float | None
    camera_rotation_degrees: float | None
    camera_zoom: float | None
    camera_inliers: int
    displacement: float | None
    displacement_confidence: float | None
    moved_area: float
    moved_left: float | None
    moved_top: float | None
    moved_right: float | None
    moved_bottom: float | None
    hash_before: str
    hash_after: str


@dataclass(frozen=True, slots=True)
class PairFacts:
    """The facts of a pair: everything but its pictures.

    `before_seconds` and `after_seconds` are the presentation times of the two decoded frames, on the annotation's
    clock; `before_pts` and `after_pts` are the same in the video's time base (frame numbers if released as JPEGs).
    `before_early_seconds` and `after_early_seconds` are how much earlier these times are than the segment's start
    and stop; negative where a later frame was chosen (`extract.frames.choose`). `decoded` is "planned" if only the
    needed packets were decoded, "read through" if the whole video was, "released" if the frames were released as
    JPEGs. `treatment` is what was done to the pictures besides scaling: "", "deinterlaced", "tone-mapped" or both.
    `width` and `height` are those of the JPEGs, in pixels.
    """

    segment: Segment
    before_seconds: float
    after_seconds: float
    before_pts: int
    after_pts: int
    before_early_seconds: float
    after_early_seconds: float
    decoded: str
    treatment: str
    width: int
    height: int
    measures: Measures


@dataclass(frozen=True, slots=True)
class FramePair:
    """The two frames that `extract.frames` asks for, by default the first and last, as JPEGs of one size."""

    facts: PairFacts
    before_jpeg: bytes = field(repr=False)
    after_jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SampleMetadata(PairFacts):
    """The content of `KEY.json`: the pair's facts, its split, and the digest of its recipe."""

    split: str
    recipe_digest: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a tar: two JPEGs, a text and the metadata."""

    key: str
    original_image: bytes = field(repr=False)
    edited_image: bytes = field(repr=False)
    edit_prompt: str
    metadata: SampleMetadata


@dataclass(frozen=True, slots=True)
class Shard:
    """One tar file: its checksum, its size and the number of its samples."""

    name: str
    split: str
    sha256: str
    size_bytes: int
    samples: int


@dataclass(frozen=True, slots=True)
class Subset:
    """Samples of a split that are also a separate split: the rule, and the ids in the rule's order."""

    rule: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """The position of one sample in its shards folder, and what a loader needs before it reads the pictures.

    Offsets are bytes from the start of the tar to the first byte of the picture. Width and height are those of
    both pictures, in pixels.
    """

    key: str
    split: str
    shard: str
    instruction: str
    verb: str
    noun: str
    action: str
    group: str
    original_offset: int
    original_size: int
    edited_offset: int
    edited_size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The content of a shards folder: its tars, and counts per split and action.

    `train_split` is the split to train on; `test_splits` are the splits held out of it for evaluation.
    """

    dataset: str
    recipe_digest: str
    train_split: str
    test_splits: tuple[str, ...]
    shards: tuple[Shard, ...]
    samples_per_split: Mapping[str, int]
    samples_per_action: Mapping[str, Mapping[str, int]]  # split → action → count
