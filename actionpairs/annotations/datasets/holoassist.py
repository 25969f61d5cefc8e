"""HoloAssist: `[{"video_name": …, "events": [{"label", "start", "end", "attributes": {"Verb", "Noun", …}}]}]`.

Only fine-grained actions are selected: coarse ones contain several of them, and conversations are no actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, unwanted
from actionpairs.annotations.documents import load_list, objects
from actionpairs.annotations.rows import Row, file_name
from actionpairs.formats import HoloAssistFormat
from actionpairs.records import Rejection

_FINE_GRAINED = "Fine grained action"


def read(urls: Sequence[str], _: HoloAssistFormat) -> Iterator[Clip | Rejection]:
    """Read HoloAssist files; they name no participant, so the group is empty."""
    for url in urls:
        for video in objects(load_list(url), where=file_name(url)):
            if isinstance(video, Rejection):
                yield video
                continue
            name = video["video_name"]
            for event in objects(video["events"], where=f"{video.where}, events", video=name):
                yield event if isinstance(event, Rejection) else _clip(event, name)


def _clip(row: Row, video: object) -> Clip | Rejection:
    attributes = row["attributes"]
    values = attributes if isinstance(attributes, dict) else {}
    verb, noun = (None if values.get(name) == "none" else values.get(name) for name in ("Verb", "Noun"))
    clip = Clip(
        where=row.where,
        id=f"{video}_{row['id']}" if isinstance(row["id"], int | str) else None,
        video=video,
        start=row["start"],
        stop=row["end"],
        verb=verb,
        noun=noun,
        label=" ".join(word for word in (verb, noun) if isinstance(word, str)),
    )
    return clip if row["label"] == _FINE_GRAINED else unwanted(clip, f"not a {_FINE_GRAINED.lower()}")
