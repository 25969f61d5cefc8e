"""Extracts the pairs of one video: opens it, decodes the needed frames, writes the file of its pairs."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from actionpairs import pairs
from actionpairs.configs import ExtractConfig
from actionpairs.errors import NoVideoStreamError, StorageError, UnreachableError, VideoError
from actionpairs.executors import watchdog
from actionpairs.extraction.frame_rules import most_pairs, rejection
from actionpairs.extraction.segment_frames import frame_pairs
from actionpairs.manifest import FileDigest
from actionpairs.opencv import one_thread
from actionpairs.pairs import VideoNotes
from actionpairs.records import FramePair, Reason, Rejection, Segment
from actionpairs.storage import Folder
from actionpairs.video.decode import Video, open_video
from actionpairs.video.reader import NotAsPlannedError
from actionpairs.video.released import ReleasedFrames

# If no new packet comes for so long, the file counts as hanging.
_PATIENCE_SECONDS, _REMOTE_PATIENCE_SECONDS = 25, 120


@dataclass(frozen=True, slots=True)
class VideoTask:
    """A video, its selected segments, and the output file for its pairs."""

    videos_url: str
    file: str
    segments: tuple[Segment, ...]
    out_url: str
    name: str
    config: ExtractConfig
    frames_released: bool  # as JPEGs, in a folder or a tar


@dataclass(frozen=True, slots=True)
class VideoResult:
    """The result of one video: the file of its pairs, their number, and the file's metadata."""

    file: str
    name: str
    digest: FileDigest
    pairs: int
    notes: VideoNotes

    @property
    def read_through(self) -> int:
        """The number of its pairs that come from a decode of the whole video."""
        return self.pairs if self.notes.read_through else 0


# A worker on a 1080p video took 299 MiB, and pairs are kept in memory until their video is done. JPEGs of quality
# 95 without chroma subsampling take about half a byte per pixel, and most pictures are 16:9.
_WORKER_BYTES, _BYTES_PER_PIXEL, _ASPECT = 400 << 20, 0.5, 16 / 9


def memory_bytes(tasks: Sequence[VideoTask]) -> int:
    """The memory that the largest of these tasks may need."""
    pairs_bytes = (
        2 * _count_pairs(task) * _BYTES_PER_PIXEL * _ASPECT * task.config.pictures.short_side**2 for task in tasks
    )
    return _WORKER_BYTES + int(max(pairs_bytes, default=0))


def _count_pairs(task: VideoTask) -> int:
    return sum(most_pairs(segment, task.config.frames) for segment in task.segments)


def extract_video(task: VideoTask) -> VideoResult:
    """Extract one video's pairs and write them. Failures become rejections.

    If no new packet comes for too long, executors.watchdog ends the worker. Raises UnreachableError if the store
    of the videos does not answer.
    """
    outcomes: list[FramePair | Rejection] = []
    reason, rate, seconds = "", None, 0.0
    try:
        with one_thread(), _opened(Folder(task.videos_url), task) as video:
            outcomes = _outcomes(video, task)
            reason = video.fallback_reason
            rate, seconds = video.timeline.rate, video.timeline.end_seconds
    except UnreachableError:
        raise  # not the video's fault: the same run can continue when the store answers
    except (VideoError, StorageError) as error:
        unreadable = Reason.NO_VIDEO_STREAM if isinstance(error, NoVideoStreamError) else Reason.VIDEO_UNREADABLE
        outcomes = [rejection(segment, unreadable, error.message) for segment in task.segments]
    except Exception as error:  # one video never ends a run
        outcomes = [rejection(segment, Reason.VIDEO_FAILED, _described(error)) for segment in task.segments]
    finally:
        watchdog.stop()
    kept = sorted(
        (each for each in outcomes if isinstance(each, FramePair)), key=lambda pair: pair.facts.segment.id
    )
    rejections = sorted(
        (each for each in outcomes if isinstance(each, Rejection)), key=lambda rejection: rejection.segment_id
    )
    notes = VideoNotes(tuple(rejections), reason, rate=float(rate) if rate else None, seconds=seconds)
    digest = pairs.write(Folder(task.out_url), task.name, kept, notes)
    return VideoResult(task.file, task.name, digest, len(kept), notes)


def _described(error: Exception) -> str:
    """An unexpected error: its type, where it was raised, and its message."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(place.filename).name}, line {place.lineno}: {error}"[:500]


@contextmanager
def _opened(folder: Folder, task: VideoTask) -> Iterator[Video | ReleasedFrames]:
    """Open a video, or its frames that were released as JPEGs, and start the watchdog."""
    if task.frames_released:
        watchdog.expect_progress(_REMOTE_PATIENCE_SECONDS)  # until the first pair: a tar's names are read at once
        numbering = task.config.released_frames
        short_side = task.config.pictures.short_side
        with ReleasedFrames(
            folder, task.file, rate=numbering.rate, pattern=numbering.pattern, short_side=short_side
        ) as frames:
            yield frames
    else:
        patience = _PATIENCE_SECONDS if folder.is_local else _REMOTE_PATIENCE_SECONDS
        with open_video(
            folder,
            task.file,
            short_side=task.config.pictures.short_side,
            hdr=task.config.pictures.hdr,
            time_zero=task.config.time_zero,
            on_packet=partial(watchdog.expect_progress, patience),
        ) as video:
            yield video


def _outcomes(video: Video | ReleasedFrames, task: VideoTask) -> list[FramePair | Rejection]:
    if isinstance(video, Video):
        try:
            return list(_frame_pairs(video, task))
        except NotAsPlannedError as error:  # earlier pairs of this video may be wrong too
            video.read_through(str(error))
    return list(_frame_pairs(video, task))


def _frame_pairs(video: Video | ReleasedFrames, task: VideoTask) -> Iterator[FramePair | Rejection]:
    config = task.config
    for outcome in frame_pairs(
        video,
        task.segments,
        pictures_config=config.pictures,
        frames_config=config.frames,
        past_end_seconds=config.past_end_seconds,
    ):
        if task.frames_released:  # a window has many, and no packet comes of them
            watchdog.expect_progress(_REMOTE_PATIENCE_SECONDS)
        yield outcome
