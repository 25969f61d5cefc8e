"""Finds the videos of the selected segments: one task per video file, and rejections for missing videos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actionpairs import pairs
from actionpairs.configs import ExtractConfig
from actionpairs.errors import StorageError, VideoError
from actionpairs.extraction.nearest_videos import NOT_THERE, with_nearest
from actionpairs.extraction.video_pairs import VideoTask
from actionpairs.records import Reason, Rejection, Segment
from actionpairs.storage import Folder
from actionpairs.video import released
from actionpairs.video.catalog import Catalog, list_names


@dataclass(frozen=True, slots=True)
class VideoSource:
    """The folder of the videos, or of the frames that were released as JPEGs instead."""

    url: str
    frames_released: bool


def video_source(videos: str | None, frames: str | None) -> VideoSource:
    """The folder that the user named. Raises VideoError if it is not exactly one of the two."""
    if videos and not frames:
        return VideoSource(videos, frames_released=False)
    if frames and not videos:
        return VideoSource(frames, frames_released=True)
    raise VideoError(
        "either videos or frames are needed.", cure="Use --videos FOLDER, or --frames FOLDER with the JPEGs."
    )


def video_tasks(
    segments: Sequence[Segment], source: VideoSource, out: Folder, config: ExtractConfig
) -> tuple[list[VideoTask], list[Rejection]]:
    """One task per video file, those with the most segments first, and the rejections of missing videos."""
    folder = Folder(source.url)
    if not folder.exists():
        raise StorageError(f"{folder}: no such folder.", cure="Name the folder of the videos or frames.")
    names = [] if source.frames_released else folder.names()
    find = _finder(segments, folder, source, names)
    by_file: dict[str, list[Segment]] = defaultdict(list)
    rejections: list[Rejection] = []
    for segment in segments:
        files = find(segment.video)
        problem = _problem(files, folder, follow_links=config.follow_links)
        if problem is None:
            by_file[files[0]].append(segment)
        else:
            rejections.append(Rejection(segment.id, segment.video, "extract", *problem))
    tasks = [
        VideoTask(
            folder.path(), file, tuple(wanted), out.path(), pairs.file_name(file), config, source.frames_released
        )
        for file, wanted in by_file.items()
    ]
    return sorted(tasks, key=lambda task: (-len(task.segments), task.file)), with_nearest(rejections, names)


def _finder(
    segments: Sequence[Segment], folder: Folder, source: VideoSource, names: Sequence[str]
) -> Callable[[str], Sequence[str]]:
    """A function from the name of a video to the files that match the name."""
    if source.frames_released:
        files_of = released.find(folder, {segment.video for segment in segments})
        return lambda video: files_of[video]
    return Catalog(names).find


def _problem(files: Sequence[str], folder: Folder, *, follow_links: bool) -> tuple[Reason, str] | None:
    """Why these files are not exactly one usable video; None if they are."""
    if not files:
        return Reason.VIDEO_MISSING, NOT_THERE
    if len(files) > 1:
        return Reason.VIDEO_AMBIGUOUS, f"could be any of {list_names(files)}"
    if folder.is_local and folder.local_path(files[0]).is_symlink():
        try:
            target = folder.local_path(files[0]).resolve(strict=True)
        except (OSError, RuntimeError):
            return Reason.VIDEO_MISSING, f"{files[0]} is a broken symbolic link"
        if not follow_links and not target.is_relative_to(folder.local_path().resolve()):
            return (
                Reason.VIDEO_MISSING,
                f"{files[0]} is a symbolic link that points outside the videos folder, and follow_links is false",
            )
    return None
