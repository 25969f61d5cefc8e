"""The ActivityNet family: JSON, video → segments in seconds.

ActivityNet, HACS, COIN and YouCook2 wrap it in `database` and list `annotations` (COIN: `annotation`), each with
`segment` and `label` (YouCook2: `sentence`). ActivityNet Captions has `timestamps` beside `sentences` instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, malformed, unwanted
from actionpairs.annotations.documents import objects, pair, read_object, sentences
from actionpairs.annotations.rows import Row, file_name
from actionpairs.annotations.times import shown
from actionpairs.errors import AnnotationError
from actionpairs.formats import ActivityNetFormat
from actionpairs.records import Rejection


def read(urls: Sequence[str], family: ActivityNetFormat) -> Iterator[Clip | Rejection]:
    """Read files of the family; they tell no participant, so the group is empty."""
    for url in urls:
        found = read_object(url)
        database = found.get("database", found)
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
        words = row["label"] if row["label"] is not None else row["sentence"]
        clip = Clip(
            where=row.where,
            id=None,
            video=video,
            start=start,
            stop=stop,
            label=words,
            narration=words,
            length=length,
            past_length=family.past_length_seconds,
        )
        taken = not family.subsets or subset in family.subsets
        yield clip if taken else unwanted(clip, f"of the subset {shown(subset)}")


def _rows(where: str, video: str, entry: dict[str, object]) -> Iterator[Row | Rejection]:
    if "timestamps" in entry:
        return sentences(entry, where=where, video=video)
    return objects(entry.get("annotations", entry.get("annotation")), where=where, video=video)
