"""One video's share of extract: open it, take the wanted frames, write its pairs."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np

from actionpairs import measures, pairs
from actionpairs.configs import PictureConfig
from actionpairs.errors import StorageError, VideoError
from actionpairs.manifest import FileDigest
from actionpairs.records import FramePair, PairFacts, Reason, Rejection, Segment
from actionpairs.storage import Folder
from actionpairs.video.decode import Pixels, Video
from actionpairs.video.index import PacketTable

_CHROMA = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


@dataclass(frozen=True, slots=True)
class VideoTask:
    """A video, the segments wanted of it, and where its pairs go."""

    videos_url: str
    file: str
    segments: tuple[Segment, ...]
    out_url: str
    name: str
    pictures: PictureConfig
    past_end_seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """What came of a video."""

    name: str
    digest: FileDigest
    pairs: int
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A segment and the presentation times of its two frames."""

    segment: Segment
    before: int
    after: int


def cut_video(task: VideoTask) -> Cut:
    """Take one video's pairs and write them; what cannot be had becomes rejections."""
    cv2.setNumThreads(1)
    found: list[FramePair] = []
    rejections: list[Rejection] = []
    try:
        with _opened(Folder(task.videos_url), task.file) as video:
            for outcome in _pairs(video, task):
                if isinstance(outcome, FramePair):
                    found.append(outcome)
                else:
                    rejections.append(outcome)
    except (VideoError, StorageError) as error:
        found.clear()
        rejections = [_rejection(segment, Reason.VIDEO_UNREADABLE, error.message) for segment in task.segments]
    found.sort(key=lambda pair: pair.facts.segment.id)
    rejections.sort(key=lambda rejection: rejection.segment_id)
    digest = pairs.write(Folder(task.out_url), task.name, found, rejections)
    return Cut(task.name, digest, len(found), tuple(rejections))


@contextmanager
def _opened(folder: Folder, file: str) -> Iterator[Video]:
    """Open a video: by its path where it lies on this disk, which reads fastest, else as a file."""
    if folder.is_local:
        with Video(str(folder.local_path(file))) as video:
            yield video
    else:
        with folder.open(file) as source, Video(source) as video:
            yield video


def _pairs(video: Video, task: VideoTask) -> Iterator[FramePair | Rejection]:
    wanted: list[_Wanted] = []
    for segment in task.segments:
        place = _locate(segment, video.table, task.past_end_seconds)
        if isinstance(place, Rejection):
            yield place
        else:
            wanted.append(place)
    times = [pts for want in wanted for pts in (want.before, want.after)]
    uses = Counter(times)
    waiting = deque(sorted(wanted, key=lambda want: (want.after, want.before, want.segment.id)))
    pictures: dict[int, Pixels | str] = {}
    # Frames come in ascending order, so a pair is whole as soon as its last frame has come; a picture goes with
    # the last pair that needs it.
    for pts, picture in video.pictures(times, short_side=task.pictures.short_side):
        pictures[pts] = picture
        while waiting and waiting[0].after <= pts:
            want = waiting.popleft()
            yield _pair(want, pictures, video.table, task.pictures)
            for used in (want.before, want.after):
                uses[used] -= 1
                if not uses[used]:
                    del pictures[used]


def _locate(segment: Segment, table: PacketTable, past_end_seconds: float) -> _Wanted | Rejection:
    """Find the frame on screen at start and the last frame shown before stop."""
    length = table.duration_seconds
    if math.isinf(segment.stop_seconds) and segment.start_seconds < length:
        segment = replace(segment, stop_seconds=length)
    if segment.start_seconds >= length or segment.stop_seconds > length + past_end_seconds:
        detail = (
            f"{segment.start_seconds:.2f} to {segment.stop_seconds:.2f} s, but the video ends at {length:.2f} s"
        )
        return _rejection(segment, Reason.PAST_END, detail)
    before, after = table.on_screen_at(segment.start_seconds), table.last_before(segment.stop_seconds)
    if before >= after:
        return _rejection(
            segment, Reason.ONE_FRAME, f"only the frame at {table.seconds_of(before):.3f} s is shown"
        )
    return _Wanted(segment, before, after)


def _pair(
    want: _Wanted, pictures: Mapping[int, Pixels | str], table: PacketTable, config: PictureConfig
) -> FramePair | Rejection:
    before, after = pictures[want.before], pictures[want.after]
    for pts, picture in ((want.before, before), (want.after, after)):
        if isinstance(picture, str):
            detail = f"frame at {table.seconds_of(pts):.3f} s: {picture}"
            return _rejection(want.segment, Reason.DECODE_ERROR, detail)
    assert not isinstance(before, str)
    assert not isinstance(after, str)
    if before.shape != after.shape:
        return _rejection(want.segment, Reason.DECODE_ERROR, "the picture's size changes between the frames")
    height, width = before.shape[:2]
    facts = PairFacts(
        segment=want.segment,
        before_seconds=round(table.seconds_of(want.before), 6),
        after_seconds=round(table.seconds_of(want.after), 6),
        width=width,
        height=height,
        measures=measures.measure(before, after),
    )
    return FramePair(facts, _jpeg(before, config), _jpeg(after, config))


def _jpeg(pixels: Pixels, config: PictureConfig) -> bytes:
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        config.quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        _CHROMA[config.chroma],
    ]
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)[1])


def _rejection(segment: Segment, reason: Reason, detail: str) -> Rejection:
    return Rejection(segment.id, segment.video, "extract", reason, detail)
