"""What crosses a door: the records that one stage hands to the next. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why a segment did not become a sample: a closed list, so that counts can be compared."""

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
    UNMEASURED = "unmeasured"
    NEAR_DUPLICATE = "near_duplicate"


@dataclass(frozen=True, slots=True)
class Segment:
    """One annotated action, shown in [start_seconds, stop_seconds) of its video.

    A stop of infinity is the end of a video whose length the annotation does not tell; a pair's is finite.
    `video` names the file as the annotation does: a path below the videos folder, a file name or a stem.
    `action` is what counts as one action; `group` (a participant) is what a leak-free split holds apart.
    `tolerance_seconds` is half a frame where the times were frame numbers, of a clock that need not be the video's
    own: the frames meant are those nearest to the start, and to a frame before the stop. Otherwise it is 0.

    Raises ValueError where the times are no numbers, negative or not in order, or a name is empty.
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
    """A segment that did not make it, with the stage that turned it down and why."""

    segment_id: str
    video: str
    stage: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Measures:
    """What a pair looks like, as numbers that a filter can draw a line through.

    Shares are in [0, 1]; None is what could not be measured. `change` is the share of the picture's area that
    differs between the frames, `ssim` their structural similarity. `sharpness_*` is the share of detail that a
    further blur takes away. `dark` and `overexposed` are the shares of pixels without detail, of the worse frame.
    `cut` is near 0 within a scene and near 1 across a cut. The camera's shift at the picture's center and how far
    things moved besides, `displacement`, are shares of the diagonal; `camera_inliers` features agree on the first.
    `moved_area` is the area of the largest thing that moved or changed, `moved_left` and so on the box of all of
    them, in shares of width and height; None where nothing did. `hash_*` are 64-bit
    perceptual hashes in hexadecimal.
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
    moved_area: float
    moved_left: float | None
    moved_top: float | None
    moved_right: float | None
    moved_bottom: float | None
    hash_before: str
    hash_after: str


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What is known of a pair besides its pictures.

    `before_seconds` and `after_seconds` are the times of the frames truly decoded, on the annotation's clock;
    `before_pts` and `after_pts` are the same in the video's own ticks (of released frames: their numbers).
    `before_early_seconds` and `after_early_seconds` say how much earlier that is than the segment's start and
    stop. `decoded` says how the frames were had: "planned", where only the packets that they need were decoded,
    "read through", where the whole video was, or "released", as JPEGs. `treatment` says what was done to the
    pictures besides scaling: nothing, "deinterlaced" or "tone-mapped". `width` and `height` are those of the
    JPEGs, in pixels.
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
    """The first and last frame of a segment, as JPEGs of one size."""

    facts: PairFacts
    before_jpeg: bytes = field(repr=False)
    after_jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SampleMetadata(PairFacts):
    """What `KEY.json` says of a sample: the pair's facts, its split, and the recipe that made it."""

    split: str
    recipe_digest: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Exactly what a tar holds of one pair: two JPEGs, a text and the pair's metadata."""

    key: str
    original_image: bytes = field(repr=False)
    edited_image: bytes = field(repr=False)
    edit_prompt: str
    metadata: SampleMetadata


@dataclass(frozen=True, slots=True)
class Shard:
    """One tar file and what it must hold."""

    name: str
    split: str
    sha256: str
    size_bytes: int
    samples: int


@dataclass(frozen=True, slots=True)
class Subset:
    """Samples of a split that are a split of their own too: by which rule, and which, the first first."""

    rule: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one sample lies in its shards folder, and what a loader needs to know before it reads it.

    Offsets count bytes from the start of the tar to the first byte of the picture; width and height are those of
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
    """What a shards folder holds: its tars, and counts per split and action."""

    dataset: str
    recipe_digest: str
    shards: tuple[Shard, ...]
    samples_per_split: Mapping[str, int]
    samples_per_action: Mapping[str, Mapping[str, int]]  # split → action → count
