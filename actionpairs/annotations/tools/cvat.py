"""CVAT: annotations.xml of a task or a project, exported as `CVAT for video 1.1` or `CVAT for images 1.1`.

A track is an action as long as it is shown: up to its shape with `outside="1"`. Tags are in the format for images
only; consecutive frames with one tag are an action. Frame numbers are those of the video, from 0: the exporter has
added the task's start frame and multiplied by its frame step; in a project, tasks of one subset are numbered on.
From cvat/apps/dataset_manager: formats/cvat.py; bindings.py (abs_frame_id, ProjectData._task_frame_offsets).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from xml.etree.ElementTree import Element

from actionpairs.annotations.clips import Clip, unreadable
from actionpairs.annotations.rows import file_name, load_text
from actionpairs.annotations.times import Times, quoted
from actionpairs.annotations.tools.media import media_name
from actionpairs.annotations.tools.xml_documents import parse_xml
from actionpairs.errors import AnnotationError
from actionpairs.formats import CvatFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_STEP = re.compile(r"step\s*=\s*(\d{1,9})", re.ASCII)
_NO_SHAPES = ("attribute", "track")  # of the children of a track; a skeleton's points can be tracks
_WHOLE = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Task:
    """A task: its video, what a project added to its frame numbers, and the step between annotated frames."""

    video: str
    offset: int
    step: int


@dataclass(frozen=True, slots=True)
class _Run:
    """An action: its first frame, the frame after its last, and what is done."""

    first: int
    end: int
    words: str


def read(urls: Sequence[str], cvat: CvatFormat) -> Iterator[Clip | Rejection]:
    """Read CVAT exports; they name no participant, so the group is empty."""
    for url in urls:
        root = parse_xml(url, load_text(url), root="annotations")
        tasks = _tasks(url, root)
        _check(url, root, cvat)
        for number, track in enumerate(root.iterfind("track")):
            task, label = tasks.get(track.get("task_id")), track.get("label", "")
            clip = _clip(f"{file_name(url)}, track {number}", task, label, cvat)
            try:
                runs = _runs_of_track(track, task.step if task else 1, cvat)
            except ValueError as error:
                yield unreadable(clip, str(error))
            else:
                yield from (_placed(clip, run, task) for run in runs)
        for (task_id, label, _), runs in _tags(url, root, cvat).items():
            clip = _clip(f"{file_name(url)}, tag {label[:60]!r}", tasks.get(task_id), label, cvat)
            yield from (_placed(clip, run, tasks.get(task_id)) for run in runs)


def _tasks(url: str, root: Element) -> dict[str | None, _Task]:
    """The tasks by their number; a task that was exported by itself has the number None."""
    single = root.find("meta/task")
    elements = [single] if single is not None else root.findall("meta/project/tasks/task")
    tasks: dict[str | None, _Task] = {}
    older_source = root.findtext("meta/source") or ""  # as of 2020
    subset, numbered = None, 0
    for element in elements:
        if element.findtext("subset") != subset:
            subset, numbered = element.findtext("subset"), 0
        filter_text = _STEP.search(element.findtext("frame_filter") or "")
        task = _Task(
            video=str(media_name(element.findtext("source") or older_source)),
            offset=numbered if single is None else 0,
            step=max(int(filter_text[1]), 1) if filter_text else 1,
        )
        numbered += _whole(url, element, "start_frame") + task.step * _whole(url, element, "size")
        tasks[element.findtext("id") if single is None else None] = task
    if not any(task.video for task in tasks.values()):
        what = "the export of a job" if root.find("meta/job") is not None else "no task of a video"
        raise AnnotationError(
            f"{url}: {what}: no <source> names a video.",
            cure="Export the task or the project, as `CVAT for video 1.1` or `CVAT for images 1.1`.",
        )
    return tasks


def _whole(url: str, task: Element, key: str) -> int:
    value = task.findtext(key) or "0"
    if not _WHOLE.fullmatch(value):
        raise AnnotationError(f"{url}: <{key}> of a task is {quoted(value)}, no number.", cure="Export it again.")
    return int(value)


def _check(url: str, root: Element, cvat: CvatFormat) -> None:
    """Raise AnnotationError if nothing in the file can be an action."""
    if root.find("track") is None and root.find("image") is not None and root.find("image/tag") is None:
        raise AnnotationError(
            f"{url}: no tracks and no tags: a shape in one picture has no duration.",
            cure="Export tracks as `CVAT for video 1.1`, and tags as `CVAT for images 1.1`.",
        )
    names = sorted({name for element in root.iter("attribute") if (name := element.get("name"))})
    if cvat.attribute is not None and cvat.attribute not in names:
        raise AnnotationError(
            f"{url}: no attribute {cvat.attribute!r}; it has: {', '.join(names)[:200] or 'none'}.",
            cure="Write `attribute` under `extract.annotations` as in CVAT, or null for the label itself.",
        )


def _runs_of_track(track: Element, step: int, cvat: CvatFormat) -> list[_Run]:
    """The stretches in which a track is shown with one value; raises ValueError if a frame is no number."""
    runs: list[_Run] = []
    run: _Run | None = None
    shapes = [(_frame(shape.get("frame")), shape) for shape in track if shape.tag not in _NO_SHAPES]
    for frame, shape in sorted(shapes, key=itemgetter(0)):
        words = None if _is_outside(shape) else _words(shape, track, cvat)
        if run is not None and run.words != words:
            # The annotated frame before this one is the last: `step` frames back.
            runs.append(replace(run, end=max(run.end, frame - step + 1)))
            run = None
        if words is not None:
            run = _Run(run.first if run else frame, frame + 1, words)
    return [*runs, run] if run else runs


def _is_outside(shape: Element) -> bool:
    """Whether a shape ends its track; of a skeleton, whether all its points do."""
    points = [point for point in shape if point.tag != "attribute"]
    if shape.tag == "skeleton" and points:
        return all(point.get("outside") == "1" for point in points)
    return shape.get("outside") == "1"


def _tags(url: str, root: Element, cvat: CvatFormat) -> dict[tuple[str | None, str, str], list[_Run]]:
    """The stretches of consecutive pictures with one tag, by task, label and what is done."""
    try:
        images = sorted(((_frame(image.get("id")), image) for image in root.iterfind("image")), key=itemgetter(0))
    except ValueError as error:
        raise AnnotationError(f"{url}: a picture's id is {error}.", cure="Export it again.") from None
    positions: dict[str | None, int] = {}
    latest: dict[tuple[str | None, str, str], int] = {}
    runs: dict[tuple[str | None, str, str], list[_Run]] = {}
    for frame, image in images:
        task_id = image.get("task_id")
        positions[task_id] = positions.get(task_id, 0) + 1
        for tag in image.iterfind("tag"):
            key = (task_id, tag.get("label", ""), _words(tag, tag, cvat))
            since = positions[task_id] - latest.get(key, -1)
            if since == 1:
                runs[key][-1] = replace(runs[key][-1], end=frame + 1)
            elif since > 1:  # 0: the same tag twice on one picture
                runs.setdefault(key, []).append(_Run(frame, frame + 1, key[2]))
            latest[key] = positions[task_id]
    return runs


def _words(element: Element, labeled: Element, cvat: CvatFormat) -> str:
    """What is done: the value of the recipe's attribute, or the label."""
    if cvat.attribute is None:
        return labeled.get("label", "")
    values = [item.text or "" for item in element.iterfind("attribute") if item.get("name") == cvat.attribute]
    return values[0] if values else ""


def _frame(value: str | None) -> int:
    if value is None or not _WHOLE.fullmatch(value):
        raise ValueError(f"not a frame number: {quoted(value)}")
    return int(value)


def _clip(where: str, task: _Task | None, label: str, cvat: CvatFormat) -> Clip:
    times = Times("frames", parse_rate(cvat.rate))
    return Clip(where, None, task.video if task else "", "", "", times, noun=label)


def _placed(clip: Clip, run: _Run, task: _Task | None) -> Clip | Rejection:
    if task is None:
        return unreadable(clip, "its task is not in the file")
    start, stop = run.first - task.offset, run.end - task.offset
    return replace(clip, start=start, stop=stop, verb=run.words, label=run.words)
