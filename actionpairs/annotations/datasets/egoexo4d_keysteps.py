"""Ego-Exo4D keysteps: `annotations → take: {take_name, scenario, segments: [{start_time, end_time, step_name}]}`.

Layout: docs/annotations/keystep.md of EGO4D/Ego-Exo4D-docs. Segments name steps, the leaves of the taxonomy of
their scenario: `taxonomy → scenario → step_id: {name, parent_name, …}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from actionpairs.annotations.clips import Clip, malformed, unreadable
from actionpairs.annotations.datasets.entries import any_has, entry_name, members, need_object
from actionpairs.annotations.datasets.takes import load_takes
from actionpairs.annotations.documents import objects
from actionpairs.annotations.rows import Row
from actionpairs.annotations.times import number, quoted
from actionpairs.formats import EgoExo4dKeystepsFormat
from actionpairs.records import Rejection


def read(urls: Sequence[str], keysteps: EgoExo4dKeystepsFormat) -> Iterator[Clip | Rejection]:
    """Read keystep files; the group is the participant, if takes.json is among the files."""
    takes = load_takes(urls)
    for url, document in takes.annotations.items():
        is_keysteps = any_has(members(document, "annotations"), "segments")
        need_object(url, document, format_name="Ego-Exo4D keysteps", is_of_format=is_keysteps)
        annotations, taxonomy = document["annotations"], document.get("taxonomy")
        for uid, entry in annotations.items() if isinstance(annotations, dict) else ():
            where = entry_name(url, uid)
            if not isinstance(entry, dict):
                yield malformed(where, "not an object", video=uid)
                continue
            for clip in _clips(where, entry, taxonomy, keysteps):
                yield clip if isinstance(clip, Rejection) else takes.place(clip, uid, None, keysteps)


def _clips(
    where: str, entry: dict[str, object], taxonomy: object, keysteps: EgoExo4dKeystepsFormat
) -> Iterator[Clip | Rejection]:
    video = entry.get("take_name")
    rows = objects(entry.get("segments"), where=where, video=video)
    if keysteps.level == "leaf":
        for row in rows:
            yield row if isinstance(row, Rejection) else _clip(row, video)
        return
    scenario = entry.get("scenario")
    steps = taxonomy.get(scenario) if isinstance(taxonomy, dict) and isinstance(scenario, str) else None
    timed: list[tuple[float, float, Clip]] = []
    for row in rows:
        clip = row if isinstance(row, Rejection) else _parent(row, video, steps)
        if isinstance(clip, Rejection):
            yield clip
            continue
        try:
            timed.append((number(clip.start), number(clip.stop), clip))
        except ValueError as error:
            yield unreadable(clip, str(error))
    timed.sort(key=lambda item: item[:2])
    for _, items in groupby(timed, key=lambda item: item[2].label):
        run = list(items)
        yield replace(run[0][2], start=run[0][0], stop=max(stop for _, stop, _ in run))


def _clip(row: Row, video: object) -> Clip:
    return Clip(
        where=row.where,
        id=None,
        video=video,
        start=row["start_time"],
        stop=row["end_time"],
        label=row["step_name"],
        narration=row["step_description"],
    )


def _parent(row: Row, video: object, steps: object) -> Clip | Rejection:
    """A clip with the words of the parent of its step."""
    step = steps.get(str(row["step_id"])) if isinstance(steps, dict) else None
    name = step.get("parent_name") if isinstance(step, dict) else None
    clip = _clip(row, video)
    if not isinstance(name, str):
        return unreadable(clip, f"the taxonomy of its scenario has no parent of step {quoted(row['step_id'])}")
    return replace(clip, label=name, narration=name)
