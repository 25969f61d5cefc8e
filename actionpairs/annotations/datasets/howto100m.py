"""HowTo100M: what speakers say, with times in seconds. Narration, so a weak instruction.

Four layouts. caption.json of antoine77340/howto100m and sentencified_htm_*.json of TengdaHan/TemporalAlignNet:
`{video: {"start": […], "end": […], "text": […]}}`. A CSV per video, `<video>.csv`, with `start,end,text`.
htm_align.json: `{video: [[alignable, start, end, text], …]}`. htm_aa_v1.csv: `vid,timestamp,text`, one time per
sentence; TemporalAlignNet's own loader takes 3.2 s that contain it, and here it is the middle of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, malformed, unreadable, unwanted
from actionpairs.annotations.datasets.entries import any_has, entry_name, need_object
from actionpairs.annotations.datasets.points import point_span, valid_times
from actionpairs.annotations.documents import load_object
from actionpairs.annotations.rows import Row, column_names, file_name, load_text, parse_rows
from actionpairs.formats import HowTo100mFormat
from actionpairs.records import Rejection

_CAPTIONS = ("start", "end", "text")
_ALIGNED = ("vid", "timestamp", "text")


def read(urls: Sequence[str], howto: HowTo100mFormat) -> Iterator[Clip | Rejection]:
    """Read HowTo100M captions; they name no participant, so the group is empty."""
    for url in urls:
        text = load_text(url)
        if text.lstrip()[:1] in ("{", "["):
            yield from _json(url)
        elif "timestamp" in column_names(text):
            yield from _one_time(url, text, howto)
        else:
            video = file_name(url).rpartition(".")[0]
            for row in parse_rows(url, text, needs=_CAPTIONS):
                yield row if isinstance(row, Rejection) else _clip(row, video)


def _clip(row: Row, video: object) -> Clip:
    return Clip(row.where, None, video, row["start"], row["end"], label=row["text"], narration=row["text"])


def _json(url: str) -> Iterator[Clip | Rejection]:
    document = load_object(url)
    entries = document.values()
    is_aligned = any(isinstance(entry, list) and any(map(_is_sentence, entry)) for entry in entries)
    is_howto = is_aligned or any_has(entries, *_CAPTIONS)
    need_object(url, document, format_name="captions of HowTo100M", is_of_format=is_howto)
    for video, entry in document.items():
        where = entry_name(url, video)
        if isinstance(entry, list):
            yield from _aligned(where, video, entry)
            continue
        columns = [entry.get(name) for name in _CAPTIONS] if isinstance(entry, dict) else []
        lists = [column for column in columns if isinstance(column, list)]
        if len(lists) != len(_CAPTIONS) or len({len(column) for column in lists}) != 1:
            yield malformed(where, "start, end and text are not three lists of one length", video=video)
            continue
        for number, cells in enumerate(zip(*lists, strict=True)):
            yield _clip(Row(f"{where}[{number}]", dict(zip(_CAPTIONS, cells, strict=True))), video)


def _aligned(where: str, video: str, entry: Sequence[object]) -> Iterator[Clip | Rejection]:
    """HTM-Align: a sentence is alignable if the video shows what it says."""
    for number, item in enumerate(entry):
        place = f"{where}[{number}]"
        if not isinstance(item, list) or not _is_sentence(item):
            yield malformed(place, "not [alignable, start, end, text]", video=video)
            continue
        clip = _clip(Row(place, dict(zip(_CAPTIONS, item[1:], strict=True))), video)
        yield clip if item[0] in (1, True) else unwanted(clip, "the video does not show what is said")


def _is_sentence(item: object) -> bool:
    return isinstance(item, list) and len(item) == 4


def _one_time(url: str, text: str, howto: HowTo100mFormat) -> Iterator[Clip | Rejection]:
    rows = list(parse_rows(url, text, needs=_ALIGNED))
    of_video: dict[object, list[object]] = {}
    for row in rows:
        if isinstance(row, Row):
            of_video.setdefault(row["vid"], []).append(row["timestamp"])
    times = {video: valid_times(values) for video, values in of_video.items()}
    for row in rows:
        if isinstance(row, Rejection):
            yield row
            continue
        try:
            start, stop = point_span(row["timestamp"], times[row["vid"]], howto)
        except ValueError as error:
            yield unreadable(Clip(row.where, None, row["vid"], "", ""), str(error))
            continue
        yield Clip(row.where, None, row["vid"], start, stop, label=row["text"], narration=row["text"])
