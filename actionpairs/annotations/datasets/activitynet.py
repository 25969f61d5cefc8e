"""The ActivityNet family: JSON, video → segments in seconds.

ActivityNet, HACS, COIN and YouCook2 have it in `database`, with a list `annotations` (COIN: `annotation`) of
objects with `segment` and `label` (YouCook2: `sentence`). ActivityNet Captions has two lists, `timestamps` and
`sentences`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, malformed, unwanted
from actionpairs.annotations.documents import load_object, objects, pair, sentences
from actionpairs.annotations.rows import Row, file_name
from actionpairs.annotations.times import quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import ActivityNetFormat
from actionpairs.records import Rejection


def read(urls: Sequence[str], family: ActivityNetFormat) -> Iterator[Clip | Rejection]:
    """Read files of the family; they name no participant, so the group is empty."""
    for url in urls:
        document = load_object(url)
        database = document.get("database", document)
        if not isinstance(database, dict):
            raise AnnotationError(f"{url}: `database` is no object.", cure="Download the file again.")
        for video, entry in database.items():
            where = f"{file_name(url)}, {video}"
            if isinstance(entry, dict):
                yield from _clips(where, video, entry, family)
            else:
                yield malformed(where, "not an object", video=video)


def _clips(
    where: str, video: str, entry: dict[str, object], family: ActivityNetFormat
) -> Iterator[Clip | Rejection]:
    length, subset = entry.get("duration", entry.get("duration_second")), entry.get("subset")
    for row in _rows(where, video, entry):
        if isinstance(row, Rejection):
            yield row
            continue
        start, stop = pair(row["segment"])
        text = row["label"] if row["label"] is not None else row["sentence"]
        clip = Clip(
            where=row.where,
            id=None,
            video=video,
            start=start,
            stop=stop,
            label=text,
            narration=text,
            length=length,
            past_length=family.past_length_seconds,
        )
        is_selected = not family.subsets or subset in family.subsets
        yield clip if is_selected else unwanted(clip, f"of the subset {quoted(subset)}")


def _rows(where: str, video: str, entry: dict[str, object]) -> Iterator[Row | Rejection]:
    if "timestamps" in entry:
        return sentences(entry, where=where, video=video)
    return objects(entry.get("annotations", entry.get("annotation")), where=where, video=video)
