"""EPIC-KITCHENS-100: `narration_id,participant_id,video_id,…,start_timestamp,stop_timestamp,…`.

The frame columns number the released JPEGs, not the frames of the video, so only the timestamps are read. The
class tables (EPIC_100_verb_classes.csv, EPIC_100_noun_classes.csv) may be given beside the annotations; with
them verbs and nouns are the classes' keys, without them the words of the narration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from actionpairs.annotations.rows import Row, read_rows, read_text, segment_or_rejection
from actionpairs.records import Rejection, Segment

_COLUMNS = (
    "narration_id",
    "participant_id",
    "video_id",
    "start_timestamp",
    "stop_timestamp",
    "narration",
    "verb",
    "verb_class",
    "noun",
    "noun_class",
)


def read(urls: Sequence[str], *, instruction: Literal["class keys", "narration"]) -> Iterator[Segment | Rejection]:
    """Read EPIC-KITCHENS-100 files; an action is a pair of verb class and noun class.

    instruction: `class keys` makes it of verb and noun, `narration` takes the annotator's words.
    """
    texts = [(url, read_text(url)) for url in urls]
    verbs = _class_keys(texts, "verb")
    nouns = _class_keys(texts, "noun")
    for url, text in texts:
        if not _is_class_table(text):
            for row in read_rows(url, text, needs=_COLUMNS):
                yield _segment(row, verbs, nouns, narrated=instruction == "narration")


def _segment(
    row: Row, verbs: Mapping[str, str], nouns: Mapping[str, str], *, narrated: bool
) -> Segment | Rejection:
    verb = verbs.get(row["verb_class"], row["verb"])
    noun = nouns.get(row["noun_class"], row["noun"])
    numbered = f"verb {row['verb_class']} noun {row['noun_class']}"
    return segment_or_rejection(
        row,
        segment_id=row["narration_id"],
        video=row["video_id"],
        start=row["start_timestamp"],
        stop=row["stop_timestamp"],
        instruction=row["narration"] if narrated else f"{spoken(verb)} {spoken(noun)}",
        verb=verb,
        noun=noun,
        action=f"{verb} {noun}" if verbs and nouns else numbered,
        group=row["participant_id"],
    )


def spoken(key: str) -> str:
    """Say a class key as people do: `put-down` is put down, `box:lunch` is lunch box."""
    return " ".join(reversed(key.split(":"))).replace("-", " ")


def _is_class_table(text: str) -> bool:
    return text.startswith("id,key")


def _class_keys(texts: Sequence[tuple[str, str]], kind: str) -> dict[str, str]:
    """Class number → key, from the tables whose file name speaks of `kind`."""
    keys: dict[str, str] = {}
    for url, text in texts:
        if _is_class_table(text) and kind in url.rpartition("/")[2]:
            keys.update({row["id"]: row["key"] for row in read_rows(url, text, needs=("id", "key"))})
    return keys
