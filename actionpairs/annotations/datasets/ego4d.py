"""Ego4D FHO: `videos[].annotated_intervals[].narrated_actions[]` of fho_main.json.

Critical frames are frame numbers of the canonical 30 fps videos. Actions that the annotators rejected, and actions
of other people (`#O`), are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, unwanted
from actionpairs.annotations.documents import load_object, objects
from actionpairs.annotations.rows import Row, file_name
from actionpairs.annotations.times import Times
from actionpairs.formats import Ego4dFormat
from actionpairs.rates import parse_rate
from actionpairs.records import Rejection

_TAG = re.compile(r"#\w+( [A-Z](?= ))?", re.ASCII)  # `#C C ` opens a narration, `#unsure` may stand in it


def read(urls: Sequence[str], ego4d: Ego4dFormat) -> Iterator[Clip | Rejection]:
    """Read FHO files; they name no participant, so the group is empty."""
    for url in urls:
        for video in objects(load_object(url).get("videos"), where=f"{file_name(url)}, videos"):
            if isinstance(video, Rejection):
                yield video
                continue
            name = video["video_uid"]
            for interval in objects(video["annotated_intervals"], where=video.where, video=name):
                if isinstance(interval, Rejection):
                    yield interval
                    continue
                for action in objects(interval["narrated_actions"], where=interval.where, video=name):
                    yield action if isinstance(action, Rejection) else _clip(action, name, ego4d)


def _clip(row: Row, video: object, ego4d: Ego4dFormat) -> Clip | Rejection:
    narration = row["narration_text"]
    words = _TAG.sub(" ", narration) if isinstance(narration, str) else narration
    verb = row["structured_verb"] or row["freeform_verb"]
    if isinstance(verb, str):
        verb = verb.partition("_(")[0]  # `take_(pick,_grasp,_get)`
    start, stop, times = _span(row, ego4d)
    clip = Clip(
        where=row.where,
        id=row["uid"],
        video=video,
        start=start,
        stop=stop,
        times=times,
        verb=verb,
        label=verb or words,
        narration=words,
    )
    if row["is_rejected"] is True or row["is_valid_action"] is False or row["is_invalid_annotation"] is True:
        return unwanted(clip, "the annotators rejected it")
    if isinstance(narration, str) and narration.lstrip().upper().startswith("#O"):
        return unwanted(clip, "somebody else's action")
    return clip


def _span(row: Row, ego4d: Ego4dFormat) -> tuple[object, object, Times]:
    if ego4d.span == "action":
        return row["start_sec"], row["end_sec"], Times()
    frames = row["critical_frames"]
    numbers = frames if isinstance(frames, dict) else {}
    times = Times("frames", parse_rate(ego4d.rate), ego4d.first_frame, end_included=True)
    return numbers.get("pre_frame"), numbers.get("post_frame"), times
