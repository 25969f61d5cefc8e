"""Something-Something v2: `[{"id": "78687", "label": …, "template": …, "placeholders": […]}]`.

The whole clip is the action; its length is known only when the video is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip
from actionpairs.annotations.documents import load_list, objects
from actionpairs.annotations.rows import Row, file_name, map_rows
from actionpairs.annotations.times import Times
from actionpairs.formats import Ssv2Format
from actionpairs.records import Rejection


def read(urls: Sequence[str], _: Ssv2Format) -> Iterator[Clip | Rejection]:
    """Read Something-Something files; the label is the template without its brackets, the group is empty."""
    for url in urls:
        yield from map_rows(objects(load_list(url), where=file_name(url)), _clip)


def _clip(row: Row) -> Clip:
    template = row["template"]
    return Clip(
        where=row.where,
        id=row["id"],
        video=row["id"],
        start=None,
        stop=None,
        times=Times("whole clip"),
        label=template.replace("[", "").replace("]", "") if isinstance(template, str) else template,
        narration=row["label"],
    )
