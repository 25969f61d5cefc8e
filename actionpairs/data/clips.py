"""The frames of whole segments, from the videos that their pairs were cut from."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np

from actionpairs import shards
from actionpairs.data.examples import Example, ahead, fit
from actionpairs.errors import VideoError
from actionpairs.records import PairFacts
from actionpairs.storage import Folder
from actionpairs.video.catalog import Catalog, listed
from actionpairs.video.decode import Video, opened
from actionpairs.video.reader import NotAsPlannedError
from actionpairs.video.scaling import FrameError
from actionpairs.video.timeline import Timeline

_ROUNDED_SECONDS = 1e-4  # facts give times to a millionth


@dataclass(frozen=True, slots=True)
class SegmentClip:
    """A pair, what is known of it, and the file that shows its segment."""

    example: Example
    facts: PairFacts
    file: str


def find(examples: Sequence[Example], videos: Folder) -> tuple[SegmentClip, ...]:
    """Look up the video of every pair; in the order of the files, and of the segments' ends within one.

    Raises VideoError where a video is missing, or a name could mean several files.
    """
    catalog, found = Catalog(videos.names()), []
    known: dict[tuple[Folder, str], Mapping[str, PairFacts]] = {}
    for example in examples:
        table = example.folder, example.entry.split
        if table not in known:
            known[table] = shards.facts(*table)
        facts = known[table][example.entry.key]
        files = catalog.find(facts.segment.video)
        if len(files) != 1:
            what = f"could be any of {listed(files)}" if files else "no such file in the folder"
            raise VideoError(
                f"{videos}: {facts.segment.video}, which the pair {example.name} was cut from: {what}.",
                cure="Give the folder that `extract` read, with --videos.",
            )
        found.append(SegmentClip(example, facts, files[0]))
    return tuple(sorted(found, key=lambda one: (one.file, one.facts.after_pts, one.example.name)))


def read_all(
    segments: Sequence[SegmentClip], videos: Folder, *, frames: int, size: int, workers: int = 0
) -> Iterator[np.ndarray]:
    """So many frames of every segment, evenly spaced from its pair's first to its last: F size size 3 uint8, RGB.

    segments: as `find` orders them. workers: threads, each of which decodes a video. Raises VideoError, which
    names the file.
    """
    grouped = [list(group) for _, group in groupby(segments, key=attrgetter("file"))]
    for clips in ahead(lambda group: _read(group, videos, frames, size), grouped, workers=workers):
        yield from clips


def _read(segments: Sequence[SegmentClip], videos: Folder, frames: int, size: int) -> list[np.ndarray]:
    """The clips of one video."""
    file = segments[0].file
    try:
        with opened(videos, file, short_side=size) as video:
            try:
                return list(_clips(video, segments, frames, size))
            except NotAsPlannedError as error:
                video.read_through(str(error))
                return list(_clips(video, segments, frames, size))
    except VideoError as error:
        raise VideoError(f"{videos}/{file}: {error.message}", cure=error.cure) from None


def _clips(video: Video, segments: Sequence[SegmentClip], frames: int, size: int) -> Iterator[np.ndarray]:
    """Each clip as soon as its last frame has come."""
    waiting = deque(_positions(one, video.timeline, frames) for one in segments)
    uses = Counter(position for positions in waiting for position in positions)
    pictures: dict[int, np.ndarray] = {}
    for position, picture in video.pictures(list(uses)):
        if isinstance(picture, FrameError):
            seconds = video.timeline.seconds_of(position)
            raise VideoError(f"the frame at {seconds:.3f} s: {picture.detail}.", cure=_REPAIR)
        pictures[position] = fit(picture.pixels, size)[..., ::-1]
        while waiting and waiting[0][-1] <= position:
            positions = waiting.popleft()
            yield np.stack([pictures[at] for at in positions])
            uses.subtract(positions)
            pictures = {at: kept for at, kept in pictures.items() if uses[at]}


def _positions(one: SegmentClip, timeline: Timeline, frames: int) -> list[int]:
    """The frames on screen at evenly spaced times, the pair's own two included."""
    first, last = one.facts.before_pts, one.facts.after_pts
    seconds = one.facts.after_seconds - one.facts.before_seconds
    times = [first + (last - first) * number // (frames - 1) for number in range(frames)]
    on_screen = [max(bisect_right(timeline.shown, at) - 1, 0) for at in times]
    ends = timeline.shown[on_screen[0]], timeline.shown[on_screen[-1]]
    as_long = abs(float((last - first) * timeline.time_base) - seconds) < _ROUNDED_SECONDS
    if ends != (first, last) or not as_long:
        raise VideoError(
            f"the pair {one.example.name} was not cut from this video: it has no frames at the pair's times.",
            cure="Give the videos that `extract` read. Frames that were released as JPEGs will not do.",
        )
    return on_screen


_REPAIR = "Download the video again, or make shards without its pairs."
