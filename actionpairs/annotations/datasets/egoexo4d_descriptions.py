"""Ego-Exo4D atomic descriptions: `annotations → take: [{descriptions: [{text, timestamp, subject, …}]}]`.

Layout: docs/annotations/atomic_descriptions.md of EGO4D/Ego-Exo4D-docs; `subject` is also `narration_subject`, and
flags are also "0" and "1". A take has one list per annotator. Descriptions have one time, within 1 to 2 s of the
action. The default span is ours: from that time to the annotator's next description, at most 4 s, which is an
action of about 2 s, and the 2 s by which the time may be early.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from actionpairs.annotations.clips import Clip, unreadable, unwanted
from actionpairs.annotations.datasets.entries import any_has, entry_name, members, need_object
from actionpairs.annotations.datasets.points import point_span, valid_times
from actionpairs.annotations.datasets.takes import load_takes
from actionpairs.annotations.documents import objects
from actionpairs.annotations.rows import Row
from actionpairs.formats import EgoExo4dDescriptionsFormat
from actionpairs.records import Rejection

_WEARER = re.compile(r"C (?=\w)", re.ASCII)


def read(urls: Sequence[str], atomic: EgoExo4dDescriptionsFormat) -> Iterator[Clip | Rejection]:
    """Read files of atomic descriptions; the group is the participant, if takes.json is among the files."""
    takes = load_takes(urls)
    for url, document in takes.annotations.items():
        annotators = (
            one for entry in members(document, "annotations") if isinstance(entry, list) for one in entry
        )
        is_atomic = any_has(annotators, "descriptions")
        need_object(url, document, format_name="Ego-Exo4D atomic descriptions", is_of_format=is_atomic)
        annotations = document["annotations"]
        for uid, entry in annotations.items() if isinstance(annotations, dict) else ():
            for annotator in objects(entry, where=entry_name(url, uid), video=uid):
                if isinstance(annotator, Rejection):
                    yield annotator
                    continue
                for item in _clips(annotator, uid, atomic):
                    if isinstance(item, Rejection):
                        yield item
                    else:
                        clip, exo = item
                        yield takes.place(clip, uid, exo, atomic)


def _clips(
    annotator: Row, uid: str, atomic: EgoExo4dDescriptionsFormat
) -> Iterator[tuple[Clip, object] | Rejection]:
    """The clips of one annotator, each with the camera that shows it best."""
    rows = list(objects(annotator["descriptions"], where=annotator.where, video=uid))
    times = valid_times([row["timestamp"] for row in rows if isinstance(row, Row)])
    for row in rows:
        if isinstance(row, Rejection):
            yield row
            continue
        words = row["text"]
        text = _WEARER.sub("", words, count=1) if isinstance(words, str) and _WEARER.match(words) else words
        clip = Clip(row.where, None, uid, row["timestamp"], None, label=text, narration=text)
        reason = _reason_against(row, annotator, atomic)
        if reason:
            yield unwanted(clip, reason)
            continue
        try:
            start, stop = point_span(row["timestamp"], times, atomic)
        except ValueError as error:
            yield unreadable(clip, str(error))
            continue
        best = row["best_exo"]
        exo = best.get("cam_id") if isinstance(best, dict) else None
        yield Clip(row.where, None, uid, start, stop, label=text, narration=text), exo


def _reason_against(row: Row, annotator: Row, atomic: EgoExo4dDescriptionsFormat) -> str:
    if annotator["rejected"] in (True, "1"):
        return "the annotator's work was rejected"
    if "O" in (row["subject"], row["narration_subject"]):
        return "somebody else's action"
    if atomic.camera == "ego" and row["ego_visible"] in (False, "0"):
        return "not visible in the head camera"
    return ""
