"""EPIC-KITCHENS-100 and -55: one row per narrated action, with timestamps and classes.

The frame columns are numbers of the released JPEGs, not of the video's frames, so only the timestamps are used.
The class tables (EPIC_100_verb_classes.csv, EPIC_verb_classes.csv and those of the nouns) can be among the
annotation files; they are recognized by their headers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from actionpairs.annotations.clips import Clip, unreadable
from actionpairs.annotations.rows import Row, column_names, file_name, load_text, map_rows, parse_rows
from actionpairs.annotations.times import Times, quoted
from actionpairs.errors import AnnotationError
from actionpairs.formats import Epic55Format, EpicFormat
from actionpairs.records import Rejection

_COLUMNS = (
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
_CLOCK = Times("clock")


@dataclass(frozen=True, slots=True)
class _Classes:
    """Class number → key, of verbs and of nouns; empty if the table is not among the files."""

    verbs: Mapping[str, str]
    nouns: Mapping[str, str]


def read(urls: Sequence[str], epic: EpicFormat) -> Iterator[Clip | Rejection]:
    """Read EPIC-KITCHENS files; a clip's label is its pair of verb class and noun class."""
    texts = {url: load_text(url) for url in urls}
    classes = _Classes(_keys(texts, "verb"), _keys(texts, "noun"))
    id_column = "uid" if isinstance(epic, Epic55Format) else "narration_id"
    keyed = epic.names == "class keys"
    for url, text in texts.items():
        if _table_kind(url, text) is None:
            rows = parse_rows(url, text, needs=(id_column, *_COLUMNS))
            yield from map_rows(rows, lambda row: _clip(row, id_column, classes, keyed=keyed))


def missing_names(urls: Sequence[str], epic: EpicFormat) -> tuple[str, ...]:
    """The class keys that the recipe uses, if their tables are not among the files."""
    kinds = {_table_kind(url, load_text(url)) for url in urls}
    missing = [kind for kind in ("verb", "noun") if kind not in kinds]
    needed = epic.names == "class keys" or "{label}" in epic.instruction
    if not needed or not missing:
        return ()
    tables = " and ".join(f"EPIC_100_{kind}_classes.csv" for kind in missing)
    return (f"the keys of the classes, which stand in {tables} (or EPIC-55's)",)


def _clip(row: Row, id_column: str, classes: _Classes, *, keyed: bool) -> Clip | Rejection:
    verb_class, noun_class = str(row["verb_class"]).strip(), str(row["noun_class"]).strip()
    verb_key, noun_key = classes.verbs.get(verb_class), classes.nouns.get(noun_class)
    clip = Clip(
        where=row.where,
        id=row[id_column],
        video=row["video_id"],
        start=row["start_timestamp"],
        stop=row["stop_timestamp"],
        times=_CLOCK,
        group=row["participant_id"],
        verb=verb_key if keyed and verb_key else row["verb"],
        noun=noun_key if keyed and noun_key else row["noun"],
        label=f"{verb_key or f'verb {verb_class}'} {noun_key or f'noun {noun_class}'}",
        narration=row["narration"],
    )
    for kind, number, table in (("verb", verb_class, classes.verbs), ("noun", noun_class, classes.nouns)):
        if not number.isdecimal() or (table and number not in table):
            return unreadable(clip, f"{quoted(number)} is no {kind} class")
    return clip


def _keys(texts: Mapping[str, str], kind: str) -> dict[str, str]:
    keys: dict[str, str] = {}
    for url, text in texts.items():
        if _table_kind(url, text) == kind:
            number, key = column_names(text)[:2]
            for row in parse_rows(url, text, needs=(number, key)):
                if isinstance(row, Row):
                    keys[str(row[number]).strip()] = str(row[key]).strip()
    return keys


def _table_kind(url: str, text: str) -> str | None:
    """Whether a file is a table of verb or of noun classes; None for annotations."""
    header = column_names(text)
    if header[1:2] == ["class_key"]:  # EPIC-55: verb_id,class_key,verbs
        return header[0].removesuffix("_id")
    if header[:2] != ["id", "key"]:
        return None
    # EPIC-100's two tables have the same header, so only the file names differ.
    kinds = [kind for kind in ("verb", "noun") if kind in file_name(url).lower()]
    if len(kinds) != 1:
        raise AnnotationError(
            f"{url}: a class table, but of verbs or of nouns?",
            cure="Give it the name that it came with: EPIC_100_verb_classes.csv, EPIC_100_noun_classes.csv.",
        )
    return kinds[0]
