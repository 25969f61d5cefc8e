"""LeRobot data sets, v2.0 to v3.0: whole episodes, subtasks, or runs of a column, for each chosen camera.

In v3.0 a video holds many episodes: the columns `videos/CAMERA/from_timestamp` and `to_timestamp` are an episode's
place in it, sums of rounded lengths. An episode is [from, from + length / fps), as in lerobot's reader
(datasets/dataset_reader.py, _query_videos), but never more than [from, to). lerobot takes the frame whose
presentation time is nearest to `from_timestamp + timestamp`; so do we, by the tolerance of half a frame.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from actionpairs.annotations.clips import Clip, malformed, unreadable, unwanted
from actionpairs.annotations.lerobot.lerobot_files import (
    VIDEO_COLUMNS,
    LerobotDataset,
    episode_rows,
    list_files,
    load_dataset,
    load_texts,
    no_column,
    short_name,
    whole,
)
from actionpairs.annotations.lerobot.lerobot_frames import EpisodeFrames, Run, load_frames, runs, runs_column
from actionpairs.annotations.rows import Row
from actionpairs.annotations.times import Times, number
from actionpairs.formats import LerobotFormat
from actionpairs.records import Rejection

__all__ = ["list_files", "read"]


@dataclass(frozen=True, slots=True)
class FrameTimes(Times):
    """Seconds that are those of frames, rounded: the nearest frame is meant. rate: frames per second."""

    @property
    def tolerance_seconds(self) -> float:
        """Half a frame."""
        return float(1 / (2 * self.rate))


@dataclass(frozen=True, slots=True)
class _Episode:
    """An episode, and where its frames are: camera → place in a video, or why it has none."""

    where: str
    name: str
    group: object
    runs: tuple[Run, ...]
    places: Mapping[str, _Place | str]


@dataclass(frozen=True, slots=True)
class _Place:
    """An episode's part of a video file, [start, stop) in seconds. video: the name of the episode's video."""

    file: str
    video: str
    start_seconds: float
    stop_seconds: float


def read(urls: Sequence[str], lerobot: LerobotFormat) -> Iterator[Clip | Rejection]:
    """Read a data set; one clip for each camera and episode or part of it.

    The group is the episode if the config names no column of groups: the pairs of its cameras stay in one split.
    The video is the episode too, `file-000.mp4#episode_000003`, since a file of v3.0 has many, and a split that
    held files apart would often have only one.
    """
    dataset = load_dataset(urls, lerobot)
    episodes: list[_Episode] = []
    for item in _episodes(dataset, lerobot):
        if isinstance(item, Rejection):
            yield item
        else:
            episodes.append(item)
    times = FrameTimes("seconds", dataset.rate)
    for camera in dataset.cameras:
        overlaps = _overlaps(episodes, camera, slack_seconds=dataset.half_frame_seconds)
        for episode in episodes:
            place = overlaps.get(episode.name, episode.places[camera])
            for count, run in enumerate(episode.runs):
                part = f"_{count:03d}" if lerobot.segments != "episodes" else ""
                yield _clip(episode, run, place, times, name=f"{episode.name}{part}_{short_name(camera)}")


def _clip(episode: _Episode, run: Run, place: _Place | str, times: Times, *, name: str) -> Clip | Rejection:
    if isinstance(place, str):
        return unreadable(Clip(episode.where, name, "", "", ""), place)
    clip = Clip(
        where=episode.where,
        id=name,
        video=place.video,
        start=place.start_seconds + run.start_seconds,
        stop=min(place.start_seconds + run.stop_seconds, place.stop_seconds),
        times=times,
        group=episode.name if episode.group in (None, "") else episode.group,
        label=run.text,
        narration=run.text,
    )
    return clip if run.text is not None else unwanted(clip, "no text for this part of the episode")


def _episodes(dataset: LerobotDataset, lerobot: LerobotFormat) -> Iterator[_Episode | Rejection]:
    column = runs_column(dataset, lerobot)
    group = lerobot.group if lerobot.group in dataset.columns else None
    frames = load_frames(dataset, column, group) if column or group else None
    texts = load_texts(dataset, "subtask" if column == "subtask_index" else "task") if column else {}
    for row in episode_rows(dataset, lerobot.group):
        if isinstance(row, Rejection):
            yield row
            continue
        if lerobot.group and not group and lerobot.group not in row.cells:
            raise no_column(dataset.info_url, lerobot.group, [*row.cells, *dataset.columns])
        try:
            yield _episode(row, dataset, lerobot, frames, texts)
        except ValueError as error:
            yield malformed(row.where, str(error))


def _episode(
    row: Row,
    dataset: LerobotDataset,
    lerobot: LerobotFormat,
    frames: Mapping[int, EpisodeFrames] | None,
    texts: Mapping[int, str],
) -> _Episode:
    index, length = whole(row["episode_index"], "`episode_index`"), whole(row["length"], "`length`")
    own = EpisodeFrames() if frames is None else frames.get(index, EpisodeFrames(problem="no frames in data/"))
    if own.problem:
        raise ValueError(f"episode {index}: {own.problem}")
    if lerobot.segments == "episodes":
        parts = [Run(0.0, float(length / dataset.rate), _task(row["tasks"]))]
    else:
        parts = list(runs(own, frame_seconds=float(1 / dataset.rate), texts=texts, style=lerobot.style))
    group = row.cells.get(lerobot.group or "", own.group)
    places = {camera: _place(row, dataset, camera, index, length) for camera in dataset.cameras}
    return _Episode(row.where, _name(index), group, tuple(parts), places)


def _name(index: int) -> str:
    return f"episode_{index:06d}"


def _task(tasks: object) -> object:
    """The one task of an episode; raises ValueError if it has several."""
    if not isinstance(tasks, list):
        return tasks
    if len(tasks) > 1:
        raise ValueError(f"{len(tasks)} tasks in one episode: `segments: column, column: task_index` divides it")
    return tasks[0] if tasks else None


def _place(row: Row, dataset: LerobotDataset, camera: str, index: int, length: int) -> _Place | str:
    """An episode's place in a camera's video, or what is wrong in the row."""
    fields = {"video_key": camera, "episode_index": index, "episode_chunk": index // dataset.chunk_size}
    seconds = float(length / dataset.rate)
    try:
        if dataset.major == 2:
            file = dataset.video_name(**fields)
            return _Place(file, file, 0.0, seconds)
        cells = {name: row[f"videos/{camera}/{name}"] for name in VIDEO_COLUMNS}
        indices = {name: whole(cells[name], name) for name in ("chunk_index", "file_index")}
        file, start = dataset.video_name(**fields, **indices), number(cells["from_timestamp"])
        stop = min(start + seconds, number(cells["to_timestamp"]))
        return _Place(file, f"{file}#{_name(index)}", start, stop)
    except ValueError as error:
        return f"its video of {camera}: {error}"


def _overlaps(episodes: Sequence[_Episode], camera: str, *, slack_seconds: float) -> dict[str, str]:
    """The episodes that share frames of a video with another one, and what to say of them.

    lerobot's merge has written such tables (its pull request 2550): an episode then shows frames of another one.
    """
    by_file: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for episode in episodes:
        place = episode.places[camera]
        if isinstance(place, _Place):
            by_file[place.file].append((place.start_seconds, place.stop_seconds, episode.name))
    problems: dict[str, str] = {}
    for file, spans in by_file.items():
        end, last = -math.inf, ""
        for start, stop, name in sorted(spans):
            if start < end - slack_seconds and name != last:
                problems[name] = f"{last} has frames of it too: {file}"
                problems[last] = f"{name} has frames of it too: {file}"
            end, last = max((end, last), (stop, name))
    return problems
