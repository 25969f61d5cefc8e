"""Ego4D Goal-Step: `videos[]` is a goal with `segments`, its steps; a step can have `segments`, its substeps.

Layout: README.md and data/ of facebookresearch/ego4d-goalstep. A `grp-…` is a group of videos that were
annotated as one: goalstep_video_groups.tsv lists them, and ego4d.json has their durations. With both among the
files, times become those of the group's videos; the durations are added up as in its
step_grounding/tools/parse_goalstep_jsons.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from actionpairs.annotations.clips import Clip, unreadable, unwanted
from actionpairs.annotations.datasets.entries import any_has, members, need_object
from actionpairs.annotations.documents import load_json, objects
from actionpairs.annotations.rows import Row, file_name, load_text
from actionpairs.annotations.times import number, quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import GoalStepFormat
from actionpairs.records import Rejection

_UID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Part:
    """A video of a group, and when it starts and stops on the group's clock."""

    video: str
    start_seconds: float
    stop_seconds: float


def read(urls: Sequence[str], goalstep: GoalStepFormat) -> Iterator[Clip | Rejection]:
    """Read Goal-Step files; they name no participant, so the group is empty."""
    groups: list[list[str]] = []
    durations: dict[str, float] = {}
    annotations: dict[str, dict[str, object]] = {}
    for url in urls:
        if url.lower().endswith(".tsv"):
            groups += _groups(load_text(url))
            continue
        document = load_json(url)
        videos = members(document, "videos")
        _refuse_test_file(url, videos)
        if any_has(videos, "duration_sec"):
            durations |= _durations(videos)
        else:
            is_goalstep = any_has(videos, "goal_description") or any_has(videos, "segments")
            annotations[url] = need_object(url, document, format_name="Ego4D Goal-Step", is_of_format=is_goalstep)
    parts = _parts(groups, durations)
    for url, document in annotations.items():
        for goal in objects(document["videos"], where=f"{file_name(url)}, videos"):
            for clip in [goal] if isinstance(goal, Rejection) else _clips(goal, goalstep):
                yield clip if isinstance(clip, Rejection) else _ungrouped(clip, parts)


def _clips(goal: Row, goalstep: GoalStepFormat) -> Iterator[Clip | Rejection]:
    """The segments of one goal, of the recipe's level."""
    video = goal["video_uid"]
    if goalstep.level == "goal":
        yield _clip(goal, video, "goal")
        return
    for step in objects(goal["segments"], where=goal.where, video=video):
        if isinstance(step, Rejection):
            yield step
            continue
        has_substeps = bool(step["segments"])
        if goalstep.level == "step" or (goalstep.level == "leaf" and not has_substeps):
            yield _selected(step, video, goalstep)
        elif has_substeps:
            for substep in objects(step["segments"], where=step.where, video=video):
                yield substep if isinstance(substep, Rejection) else _selected(substep, video, goalstep)


def _selected(step: Row, video: object, goalstep: GoalStepFormat) -> Clip | Rejection:
    clip, relevance = _clip(step, video, "step"), step["is_relevant"]
    if goalstep.relevance and relevance not in goalstep.relevance:
        return unwanted(clip, f"its relevance is {quoted(relevance)}")
    return clip


def _clip(row: Row, video: object, kind: str) -> Clip:
    category = row[f"{kind}_category"]
    if isinstance(category, str) and ":" in category:
        category = category.partition(":")[2].strip()  # `General cooking activity: Toast bread`
    words = row[f"{kind}_description"]
    return Clip(row.where, None, video, row["start_time"], row["end_time"], label=category, narration=words)


def _ungrouped(clip: Clip, parts: Mapping[str, Sequence[_Part]]) -> Clip | Rejection:
    """A clip of a group as a clip of one of its videos."""
    group = clip.video
    if not isinstance(group, str) or not group.startswith("grp-"):
        return clip
    if group not in parts:
        return unwanted(clip, "of a group of videos; only with goalstep_video_groups.tsv and ego4d.json")
    try:
        start, stop = number(clip.start), number(clip.stop)
    except ValueError as error:
        return unreadable(clip, str(error))
    for place, part in enumerate(parts[group]):
        is_last = place == len(parts[group]) - 1
        if part.start_seconds <= start and (start < part.stop_seconds or is_last):
            if stop > part.stop_seconds and not is_last:
                return unwanted(clip, "it goes on in the next video of its group")
            start, stop = round(start - part.start_seconds, 6), round(stop - part.start_seconds, 6)
            return replace(clip, video=part.video, start=start, stop=stop)
    return clip  # it starts before 0, which is rejected as in every format


def _parts(groups: Sequence[Sequence[str]], durations: Mapping[str, float]) -> dict[str, list[_Part]]:
    """The videos of every group whose durations are all there."""
    parts: dict[str, list[_Part]] = {}
    for videos in groups:
        if all(video in durations for video in videos):
            start, of_group = 0.0, []
            for video in videos:
                of_group.append(_Part(video, start, start + durations[video]))
                start += durations[video]
            parts[f"grp-{videos[0]}"] = of_group
    return parts


def _groups(text: str) -> list[list[str]]:
    """The groups of goalstep_video_groups.tsv, whose second column is a list in Python's notation."""
    return [videos for line in text.splitlines()[1:] if (videos := _UID.findall(line))]


def _durations(videos: Sequence[object]) -> dict[str, float]:
    durations: dict[str, float] = {}
    for video in videos:
        if isinstance(video, dict) and isinstance(video.get("video_uid"), str):
            try:
                durations[video["video_uid"]] = number(video.get("duration_sec"))
            except ValueError:
                continue  # then the groups of this video are left out, each row with its reason
    return durations


def _refuse_test_file(url: str, videos: Sequence[object]) -> None:
    if any_has(videos, "step_segments"):
        raise AnnotationError(
            f"{url}: Goal-Step's test file, which has no times.",
            cure="Give goalstep_train.json or goalstep_valid.json.",
        )
