"""The frames of whole segments, decoded from the videos that their pairs were extracted from."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np

from actionpairs import shards
from actionpairs.data.examples import Example, fit, threaded_map
from actionpairs.errors import VideoError
from actionpairs.records import PairFacts
from actionpairs.storage import Folder
from actionpairs.video.catalog import Catalog, list_names
from actionpairs.video.decode import Video, open_video
from actionpairs.video.reader import NotAsPlannedError
from actionpairs.video.scaling import FrameError
from actionpairs.video.timeline import Timeline

_ROUNDED_SECONDS = 1e-4  # facts give times to a millionth
_REPAIR = "Download the video again, or make shards without its pairs."


@dataclass(frozen=True, slots=True)
class SegmentClip:
    """A pair, its facts, and the video file that contains its segment."""

    example: Example
    facts: PairFacts
    file: str


def find_clips(examples: Sequence[Example], videos: Folder) -> tuple[SegmentClip, ...]:
    """Look up the video of every pair. Sorted by file, then by the time at which the segment ends.

    Raises VideoError where a video is missing, or its name fits several files.
    """
    catalog, clips = Catalog(videos.names()), []
    tables: dict[tuple[Folder, str], Mapping[str, PairFacts]] = {}
    for example in examples:
        table = example.folder, example.entry.split
        if table not in tables:
            tables[table] = shards.load_facts(*table)
        facts = tables[table][example.entry.key]
        files = catalog.find(facts.segment.video)
        if len(files) != 1:
            problem = f"the name fits {list_names(files)}" if files else "no such file in the folder"
            raise VideoError(
                f"{videos}: {facts.segment.video}, the video of the pair {example.name}: {problem}.",
                cure="Give the folder that `extract` read, with --videos.",
            )
        clips.append(SegmentClip(example, facts, files[0]))
    return tuple(sorted(clips, key=lambda clip: (clip.file, clip.facts.after_pts, clip.example.name)))


def decode_clips(
    clips: Sequence[SegmentClip], videos: Folder, *, frames: int, size: int, workers: int = 0
) -> Iterator[np.ndarray]:
    """`frames` frames of every segment, evenly spaced from its pair's first to its last: F size size 3 uint8, RGB.

    clips: in the order of `find_clips`. workers: threads, each of which decodes one video. Raises VideoError,
    which names the file.
    """
    by_video = [list(group) for _, group in groupby(clips, key=attrgetter("file"))]

    def decode(group: Sequence[SegmentClip]) -> list[np.ndarray]:
        return _decode_video(group, videos, frames, size)

    for decoded in threaded_map(decode, by_video, workers=workers):
        yield from decoded


def _decode_video(clips: Sequence[SegmentClip], videos: Folder, frames: int, size: int) -> list[np.ndarray]:
    """The clips of one video."""
    file = clips[0].file
    try:
        with open_video(videos, file, short_side=size) as video:
            try:
                return list(_iter_clips(video, clips, frames, size))
            except NotAsPlannedError as error:
                video.read_through(str(error))
                return list(_iter_clips(video, clips, frames, size))
    except VideoError as error:
        raise VideoError(f"{videos}/{file}: {error.message}", cure=error.cure) from None


def _iter_clips(video: Video, clips: Sequence[SegmentClip], frames: int, size: int) -> Iterator[np.ndarray]:
    """Each clip as soon as its last frame is decoded."""
    pending = deque(_positions(clip, video.timeline, frames) for clip in clips)
    uses = Counter(position for positions in pending for position in positions)
    pictures: dict[int, np.ndarray] = {}
    for position, picture in video.pictures(list(uses)):
        if isinstance(picture, FrameError):
            seconds = video.timeline.seconds_of(position)
            raise VideoError(f"the frame at {seconds:.3f} s: {picture.detail}.", cure=_REPAIR)
        pictures[position] = fit(picture.pixels, size)[..., ::-1]
        while pending and pending[0][-1] <= position:
            positions = pending.popleft()
            yield np.stack([pictures[at] for at in positions])
            uses.subtract(positions)
            pictures = {at: kept for at, kept in pictures.items() if uses[at]}


def _positions(clip: SegmentClip, timeline: Timeline, frames: int) -> list[int]:
    """The frames on screen at evenly spaced times; the first and the last are the pair's own frames."""
    first, last = clip.facts.before_pts, clip.facts.after_pts
    seconds = clip.facts.after_seconds - clip.facts.before_seconds
    times = [first + (last - first) * number // (frames - 1) for number in range(frames)]
    on_screen = [max(bisect_right(timeline.frame_times, at) - 1, 0) for at in times]
    ends = timeline.frame_times[on_screen[0]], timeline.frame_times[on_screen[-1]]
    as_long = abs(float((last - first) * timeline.time_base) - seconds) < _ROUNDED_SECONDS
    if ends != (first, last) or not as_long:
        raise VideoError(
            f"the pair {clip.example.name} is not from this video: it has no frames at the pair's times.",
            cure="Give the videos that `extract` read. Frames that were released as JPEGs do not work here.",
        )
    return on_screen
