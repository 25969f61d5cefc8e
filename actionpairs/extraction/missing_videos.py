"""Names the videos that segments ask for and the folder does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actionpairs.errors import VideoError
from actionpairs.extraction import nearest_videos
from actionpairs.extraction.summary import ExtractSummary
from actionpairs.extraction.videos import VideoSource
from actionpairs.records import Reason, Rejection
from actionpairs.storage import Folder
from actionpairs.video.catalog import list_names

_EXAMPLES = 3  # how many files of the folder a text names


def describe(rejections: Sequence[Rejection], *, segments: int) -> str:
    """How many of the selected segments have no video, their share, and the videos; "" if none is missing."""
    missing = [item for item in rejections if item.reason == Reason.VIDEO_MISSING]
    if not missing:
        return ""
    nearest = {item.video: nearest_videos.nearest(item) for item in missing}
    names = [
        f"{list_names([video])} (nearest: {nearest[video]})" if nearest[video] else video
        for video in sorted(nearest)
    ]
    share = f"{len(missing):,} of {segments:,} segments ({100 * len(missing) / max(segments, 1):.3g} %)"
    return f"no video for {share}: {list_names(names, limit=nearest_videos.MOST_NAMED)}"


def noted(summary: ExtractSummary, rejections: Sequence[Rejection]) -> ExtractSummary:
    """The summary with a note that names the missing videos, if there are any."""
    note = describe(rejections, segments=summary.selected)
    return replace(summary, notes=(note, *summary.notes)) if note else summary


def check(missing: Sequence[Rejection], *, segments: int, source: VideoSource) -> None:
    """Raise VideoError if the video of every selected segment is missing: then the folder or the names are wrong.

    missing: the rejections of segments without a usable video. segments: how many are selected.
    """
    if not missing or len(missing) < segments or any(item.reason != Reason.VIDEO_MISSING for item in missing):
        return
    folder = Folder(source.url)
    names = [name for name, _ in folder.entries("")] if source.frames_released else folder.names()
    has = f"it has {list_names(names, limit=_EXAMPLES)}" if names else "it is empty"
    raise VideoError(
        f"{folder}: {describe(missing, segments=segments)} ({missing[0].detail}); {has}.",
        cure=f"Check --{'frames' if source.frames_released else 'videos'}. If the files have other names than the "
        "annotations, say how in the recipe: `extract.annotations.video`, such as '{video}.mp4'.",
    )
