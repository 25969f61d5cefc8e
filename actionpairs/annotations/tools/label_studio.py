"""Label Studio: its export as JSON (tasks with all annotations) or JSON-MIN (one row per annotation).

A timeline region is `value: {ranges: [{start, end}], timelinelabels}`, frames counted from 1, end included; an
audio region is `value: {start, end, labels}`, in seconds. From HumanSignal's label-studio (web/libs/editor/src:
TimelineRegion.js, AudioRegionModel.js, Video.js, VideoCanvas.tsx; data_import/models.py) and label-studio-sdk
(converter/converter.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qs, unquote

from actionpairs.annotations.clips import Clip, malformed, unreadable, unwanted
from actionpairs.annotations.documents import load_json, objects
from actionpairs.annotations.rows import Row, file_name
from actionpairs.annotations.times import Times
from actionpairs.annotations.tools.media import media_name
from actionpairs.errors import AnnotationError
from actionpairs.formats import LabelStudioFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

# An uploaded file: /data/upload/<project>/<8 digits of a UUID>-<its name>.
_UPLOADED = re.compile(r"(?:.*/)?upload/\d+/[0-9a-f]{8}-([^/]+)", re.ASCII)
_LOCAL = "/data/local-files/?"  # ?d=<path below the server's folder>
_OF_TEXT = ("text", "startOffset", "globalOffsets", "instant")  # spans of texts and of time series
_Values = Mapping[str, object]


def read(urls: Sequence[str], studio: LabelStudioFormat) -> Iterator[Clip | Rejection]:
    """Read Label Studio exports; they name no participant, so the group is empty."""
    for url in urls:
        content = load_json(url)
        tasks = list(objects([content] if isinstance(content, dict) else content, where=file_name(url)))
        rows = [task for task in tasks if isinstance(task, Row)]
        is_min = not any("annotations" in row.cells or "completions" in row.cells for row in rows)
        _check(url, rows, studio, is_min=is_min)
        if is_min and "{narration}" in studio.instruction + studio.action:
            raise AnnotationError(
                f"{url}: JSON-MIN does not say which region a text belongs to.",
                cure="Export the project as JSON, or use {label} in the recipe.",
            )
        of_task: dict[str, list[Row]] = defaultdict(list)  # JSON-MIN has a row per annotation
        for row in rows:
            of_task[str(row["id"])].append(row)
        for task in tasks:
            if isinstance(task, Rejection):
                yield task
            elif is_min:
                yield from _min_clips(task, studio, is_first=task is _first(of_task[str(task["id"])]))
            else:
                yield from _clips(task, studio)


def _check(url: str, tasks: Sequence[Row], studio: LabelStudioFormat, *, is_min: bool) -> None:
    """Raise AnnotationError if these are no tasks, or none has the media key of the recipe."""
    entries = [dict(task.cells) if is_min else task["data"] for task in tasks]
    data = [entry for entry in entries if isinstance(entry, dict)]
    if not data or (is_min and not any("annotation_id" in cells for cells in data)):
        raise AnnotationError(
            f"{url}: no tasks of Label Studio: objects with `data` and `annotations`, or with `annotation_id`.",
            cure="Export the project as JSON or JSON-MIN, or check the format in the recipe.",
        )
    if not any(studio.media in cells for cells in data):
        raise AnnotationError(
            f"{url}: no task has the key {studio.media!r}; the first has: {', '.join(map(str, data[0]))[:200]}.",
            cure="Name the key that holds the video: `media` under `extract.annotations` in the recipe.",
        )


def _clips(task: Row, studio: LabelStudioFormat) -> Iterator[Clip | Rejection]:
    """The regions of a task's annotations."""
    data = task["data"]
    video = _video(data.get(studio.media)) if isinstance(data, dict) else ""
    key = "annotations" if "annotations" in task.cells else "completions"
    annotations = list(objects(task[key], where=f"{task.where}, {key}", video=video))
    first = _first([row for row in annotations if isinstance(row, Row) and not _is_skipped(row)])
    for annotation in annotations:
        if isinstance(annotation, Rejection):
            yield annotation
            continue
        clip = Clip(annotation.where, None, video, "", "")
        if _is_skipped(annotation):
            yield unwanted(clip, "the annotator skipped this task")
        elif not _is_chosen(annotation["completed_by"], studio.annotator, is_first=annotation is first):
            yield unwanted(clip, "of another annotator")
        else:
            results = list(objects(annotation["result"], where=f"{annotation.where}, result", video=video))
            yield from (result for result in results if isinstance(result, Rejection))
            rows = [row for row in results if isinstance(row, Row)]
            yield from _region_clips(rows, video, studio)


def _is_skipped(annotation: Row) -> bool:
    return annotation["was_cancelled"] is True or annotation["skipped"] is True


def _first(annotations: Sequence[Row]) -> Row | None:
    """The annotation that was made first: the two exports have them in different orders."""
    return min(annotations, key=lambda row: str(row["created_at"] or ""), default=None)


def _min_clips(row: Row, studio: LabelStudioFormat, *, is_first: bool) -> Iterator[Clip | Rejection]:
    """The regions of one annotation; is_first: whether it is the first of its task."""
    video = _video(row[studio.media])
    if not _is_chosen(row["annotator"], studio.annotator, is_first=is_first):
        yield unwanted(Clip(row.where, None, video, "", ""), "of another annotator")
        return
    for name, items in row.cells.items():
        for number, item in enumerate(items if isinstance(items, list) else []):
            if isinstance(item, dict) and {"ranges", "sequence", "start"} & set(item):
                yield from _spans(f"{row.where}, {name}[{number}]", video, item, "", studio)


def _is_chosen(annotator: object, chosen: str, *, is_first: bool) -> bool:
    if chosen in ("first", "all"):
        return is_first or chosen == "all"
    names = (annotator.get("email"), annotator.get("id")) if isinstance(annotator, dict) else (annotator,)
    return chosen in [str(name) for name in names]


def _region_clips(results: Sequence[Row], video: object, studio: LabelStudioFormat) -> Iterator[Clip | Rejection]:
    """The clips of an annotation's results; those of one region, such as its labels and its text, have one id."""
    texts: dict[str, str] = {}
    for row in results:
        if isinstance(value := row["value"], dict) and _is_only_text(value):
            texts[str(row["id"])] = _joined(value["text"], " ")
    for row in results:
        value = row["value"]
        if not isinstance(value, dict):
            yield malformed(row.where, "its value is no object", video=video)
        elif not (_is_only_text(value) and {"ranges", "start"} & set(value)):
            yield from _spans(row.where, video, value, texts.get(str(row["id"]), ""), studio)


def _spans(
    where: str, video: object, value: _Values, text: str, studio: LabelStudioFormat
) -> Iterator[Clip | Rejection]:
    label = next((_joined(value[name], ", ") for name in value if name.endswith("labels")), "")
    clip = Clip(where, None, video, "", "", label=label, narration=text or label)
    if "sequence" in value:
        yield unwanted(clip, "a box in the video (VideoRectangle): it says where something is, not what is done")
    elif isinstance(ranges := value.get("ranges"), list):
        times = Times("frames", parse_rate(studio.rate), studio.first_frame, studio.end_included)
        for span in ranges:
            if isinstance(span, dict):
                yield replace(clip, start=span.get("start"), stop=span.get("end"), times=times)
            else:
                yield unreadable(clip, "a range that is no object")
    elif "start" in value and not any(name in value for name in _OF_TEXT):
        yield replace(clip, start=value["start"], stop=value.get("end"))
    else:
        yield unwanted(clip, "no region in time")


def _is_only_text(value: _Values) -> bool:
    return "text" in value and not any(name.endswith("labels") for name in value)


def _joined(words: object, mark: str) -> str:
    items = words if isinstance(words, list) else [words]
    return mark.join(item.strip() for item in items if isinstance(item, str))


def _video(place: object) -> object:
    """The video's file name: of a file that was uploaded, as it was before."""
    if not isinstance(place, str):
        return place
    if _LOCAL in place:
        return media_name(next(iter(parse_qs(place.partition("?")[2]).get("d", [])), ""))
    uploaded = _UPLOADED.fullmatch(place.partition("?")[0])
    return media_name(unquote(uploaded[1]) if uploaded else place)
