"""One video's share of extract: open it, take the wanted frames, write its pairs."""

from __future__ import annotations

import math
import signal
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath

import cv2
import numpy as np

from actionpairs import measures, pairs
from actionpairs.configs import ExtractConfig, PictureConfig
from actionpairs.errors import NoVideoStreamError, StorageError, UnreachableError, VideoError
from actionpairs.manifest import FileDigest
from actionpairs.pairs import VideoNotes
from actionpairs.records import FramePair, PairFacts, Reason, Rejection, Segment
from actionpairs.storage import Folder
from actionpairs.video.decode import Video, opened
from actionpairs.video.reader import NotAsPlannedError
from actionpairs.video.released import ReleasedFrames
from actionpairs.video.scaling import FrameError, Picture, Pixels

# How long nothing new may come from a file before it counts as hanging.
_PATIENCE_SECONDS, _REMOTE_PATIENCE_SECONDS = 25, 120
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
    config: ExtractConfig
    frames_released: bool  # as JPEGs, in a folder or a tar


@dataclass(frozen=True, slots=True)
class VideoResult:
    """What came of a video."""

    file: str
    name: str
    digest: FileDigest
    pairs: int
    notes: VideoNotes

    @property
    def read_through(self) -> int:
        """How many of its pairs come from a decode of the whole video."""
        return self.pairs if self.notes.read_through else 0


# A worker that cuts 1080p took 299 MiB, and pairs are held until their video is done; JPEGs of quality 95 without
# chroma subsampling take about half a byte a pixel, and most pictures are 16:9.
_WORKER_BYTES, _BYTES_PER_PIXEL, _ASPECT = 400 << 20, 0.5, 16 / 9


def memory_bytes(tasks: Sequence[VideoTask]) -> int:
    """What cutting any one of these videos may take."""
    pairs_bytes = (
        2 * len(task.segments) * _BYTES_PER_PIXEL * _ASPECT * task.config.pictures.short_side**2 for task in tasks
    )
    return _WORKER_BYTES + int(max(pairs_bytes, default=0))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A segment and the positions of its two frames."""

    segment: Segment
    before: int
    after: int


def extract_video(task: VideoTask) -> VideoResult:
    """Take one video's pairs and write them; what cannot be had becomes rejections.

    A process that sees nothing new for too long ends itself, by SIGALRM, wherever it hangs: its caller sees that.
    """
    cv2.setNumThreads(1)
    outcomes: list[FramePair | Rejection] = []
    reason, rate, seconds = "", None, 0.0
    try:
        with _opened(Folder(task.videos_url), task) as video:
            outcomes = _outcomes(video, task)
            reason = video.reason
            rate, seconds = video.timeline.rate, video.timeline.end_seconds
    except UnreachableError:
        raise  # the video is not at fault: the same run goes on when its store answers
    except (VideoError, StorageError) as error:
        unreadable = Reason.NO_VIDEO_STREAM if isinstance(error, NoVideoStreamError) else Reason.VIDEO_UNREADABLE
        outcomes = [_rejection(segment, unreadable, error.message) for segment in task.segments]
    except Exception as error:  # one video never ends a run
        outcomes = [_rejection(segment, Reason.VIDEO_FAILED, _described(error)) for segment in task.segments]
    finally:
        signal.alarm(0)
    found = sorted(
        (each for each in outcomes if isinstance(each, FramePair)), key=lambda pair: pair.facts.segment.id
    )
    rejections = sorted(
        (each for each in outcomes if isinstance(each, Rejection)), key=lambda rejection: rejection.segment_id
    )
    notes = VideoNotes(tuple(rejections), reason, rate=float(rate) if rate else None, seconds=seconds)
    digest = pairs.write(Folder(task.out_url), task.name, found, notes)
    return VideoResult(task.file, task.name, digest, len(found), notes)


def _described(error: Exception) -> str:
    """An error that nobody thought of: its name, where it was raised, and what it says."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(place.filename).name}, line {place.lineno}: {error}"[:500]


@contextmanager
def _opened(folder: Folder, task: VideoTask) -> Iterator[Video | ReleasedFrames]:
    """Open a video, or the frames released instead, with an alarm for where nothing comes."""
    if task.frames_released:
        signal.alarm(_REMOTE_PATIENCE_SECONDS)  # for all of it: a tar's names are read in one go
        numbering = task.config.released_frames
        short_side = task.config.pictures.short_side
        with ReleasedFrames(
            folder, task.file, rate=numbering.rate, pattern=numbering.pattern, short_side=short_side
        ) as frames:
            yield frames
    else:
        patience = _PATIENCE_SECONDS if folder.is_local else _REMOTE_PATIENCE_SECONDS
        alarm = partial(signal.alarm, patience)
        with opened(
            folder,
            task.file,
            short_side=task.config.pictures.short_side,
            hdr=task.config.pictures.hdr,
            time_zero=task.config.time_zero,
            at_work=alarm,
        ) as video:
            yield video


def _outcomes(video: Video | ReleasedFrames, task: VideoTask) -> list[FramePair | Rejection]:
    if isinstance(video, Video):
        try:
            return list(_pairs(video, task))
        except NotAsPlannedError as error:  # what came before is in doubt, too
            video.read_through(str(error))
    return list(_pairs(video, task))


def _pairs(video: Video | ReleasedFrames, task: VideoTask) -> Iterator[FramePair | Rejection]:
    wanted: list[_Wanted] = []
    for segment in task.segments:
        place = _locate(segment, video, task.config.past_end_seconds)
        if isinstance(place, Rejection):
            yield place
        else:
            wanted.append(place)
    positions = [position for want in wanted for position in (want.before, want.after)]
    uses = Counter(positions)
    waiting = deque(sorted(wanted, key=lambda want: (want.after, want.before, want.segment.id)))
    pictures: dict[int, Picture | FrameError] = {}
    # Frames come in ascending order, so a pair is whole as soon as its last frame has come; a picture goes with
    # the last pair that needs it.
    for position, picture in video.pictures(positions):
        pictures[position] = picture
        while waiting and waiting[0].after <= position:
            want = waiting.popleft()
            yield _pair(want, pictures, video, task.config.pictures)
            for used in (want.before, want.after):
                uses[used] -= 1
                if not uses[used]:
                    del pictures[used]


def _locate(segment: Segment, video: Video | ReleasedFrames, past_end_seconds: float) -> _Wanted | Rejection:
    """Find the frame on screen at start and the last frame shown before stop."""
    timeline = video.timeline
    length = timeline.end_seconds
    if math.isinf(segment.stop_seconds) and segment.start_seconds < length:
        segment = replace(segment, stop_seconds=length)
    half_frame = segment.tolerance_seconds
    stop_seconds = segment.stop_seconds - half_frame
    if segment.start_seconds >= length or stop_seconds > length + past_end_seconds:
        detail = (
            f"{segment.start_seconds:.2f} to {segment.stop_seconds:.2f} s, but the video ends at {length:.2f} s"
        )
        if video.stopped:
            detail += f", where it cannot be read on: {video.stopped}"
        return _rejection(segment, Reason.PAST_END, detail)
    if half_frame:
        before = timeline.numbered(segment.start_seconds, half_frame_seconds=half_frame)
        after = timeline.numbered(segment.stop_seconds, half_frame_seconds=half_frame, earlier=1)
    else:
        before = timeline.on_screen_at(segment.start_seconds)
        after = timeline.last_before(segment.stop_seconds)
    if before >= after:
        return _rejection(
            segment, Reason.ONE_FRAME, f"only the frame at {timeline.seconds_of(before):.3f} s is shown"
        )
    return _Wanted(segment, before, after)


def _pair(
    want: _Wanted,
    pictures: Mapping[int, Picture | FrameError],
    video: Video | ReleasedFrames,
    config: PictureConfig,
) -> FramePair | Rejection:
    segment, before, after = want.segment, pictures[want.before], pictures[want.after]
    timeline = video.timeline
    before_seconds, after_seconds = timeline.seconds_of(want.before), timeline.seconds_of(want.after)
    if isinstance(before, FrameError):
        return _frame_error(segment, before, before_seconds)
    if isinstance(after, FrameError):
        return _frame_error(segment, after, after_seconds)
    if before.pixels.shape != after.pixels.shape:
        return _rejection(segment, Reason.DECODE_ERROR, "the picture's size changes between the frames")
    height, width = before.pixels.shape[:2]
    facts = PairFacts(
        segment=segment,
        before_seconds=round(before_seconds, 6),
        after_seconds=round(after_seconds, 6),
        before_pts=timeline.shown[want.before],
        after_pts=timeline.shown[want.after],
        before_early_seconds=round(segment.start_seconds - before_seconds, 6),
        after_early_seconds=round(segment.stop_seconds - after_seconds, 6),
        decoded=video.way,
        treatment=before.treatment,
        width=width,
        height=height,
        measures=measures.measure(before.pixels, after.pixels),
    )
    return FramePair(facts, _jpeg(before.pixels, config), _jpeg(after.pixels, config))


def _frame_error(segment: Segment, picture: FrameError, seconds: float) -> Rejection:
    return _rejection(segment, picture.reason, f"frame at {seconds:.3f} s: {picture.detail}")


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
