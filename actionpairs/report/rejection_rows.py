"""Which rejections a page lists, with their videos and times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actionpairs.records import Reason, Rejection
from actionpairs.report import measure_texts, pair_sheets

_MOST = 1_000  # rows of the list: a data set can have a hundred thousand


@dataclass(frozen=True, slots=True)
class RejectionRow:
    """One rejection as the page lists it. seconds: of the segment in its video; empty where it is not known."""

    segment_id: str
    video: str
    seconds: str
    reason: str
    detail: str


def rejection_rows(
    rejections: Sequence[Rejection], times: Mapping[str, tuple[float, float]], *, most: int = _MOST
) -> list[RejectionRow]:
    """At most so many rejections, of every reason about as many, evenly spaced; those of rare reasons first.

    times: segment id → start and stop in seconds.
    """
    by_reason: dict[Reason, list[Rejection]] = defaultdict(list)
    for item in rejections:
        by_reason[item.reason].append(item)
    rows: list[RejectionRow] = []
    groups = sorted(by_reason.values(), key=lambda items: (len(items), items[0].reason))
    for number, items in enumerate(groups):
        count = min(len(items), (most - len(rows)) // (len(groups) - number))
        rows += [_row(items[index * len(items) // count], times) for index in range(count)]
    return rows


def _row(item: Rejection, times: Mapping[str, tuple[float, float]]) -> RejectionRow:
    seconds = pair_sheets.seconds(*times[item.segment_id]) if item.segment_id in times else ""
    reason, detail = pair_sheets.words(item.reason), item.detail
    if item.stage == "shard" and item.reason != Reason.NEAR_DUPLICATE:
        detail = measure_texts.in_words(detail)
    texts = map(pair_sheets.short, (item.segment_id, item.video, seconds, reason, detail))
    return RejectionRow(*texts)
