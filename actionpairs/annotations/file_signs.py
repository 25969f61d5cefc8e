"""Recognize which format a file is of, from its column names or its keys, for errors about the wrong one."""

from __future__ import annotations

from collections.abc import Sequence

from actionpairs.annotations.times import quoted

_MOST_NAMED = 12
# Columns that only files of this format have; the first format whose columns are all there is taken.
_COLUMNS: Sequence[tuple[str, frozenset[str]]] = (
    ("epic100", frozenset({"narration_id", "video_id", "start_timestamp", "verb_class"})),
    ("epic55", frozenset({"uid", "video_id", "start_timestamp", "verb_class"})),
    ("charades", frozenset({"id", "subject", "actions", "length"})),
    ("meccano", frozenset({"video_id", "action_name", "start_frame", "end_frame"})),
    ("assembly101", frozenset({"video", "start_frame", "end_frame", "action_cls"})),
    ("egoexolearn", frozenset({"video_uid", "start_sec", "end_sec", "narration_en"})),
    ("egtea", frozenset({"Starting Time (ms)", "Ending Time (ms)", "Action Label"})),
    ("boris", frozenset({"Observation id", "Behavior", "Behavior type"})),
)
# Keys of an entry of a JSON file: of an object in its list, or of the first value in its object.
_KEYS: Sequence[tuple[str, frozenset[str]]] = (
    ("holoassist", frozenset({"video_name", "events"})),
    ("ssv2", frozenset({"id", "template"})),
    ("tacos", frozenset({"timestamps", "sentences", "fps"})),
    ("activitynet", frozenset({"timestamps", "sentences"})),
    ("activitynet", frozenset({"duration", "annotations"})),
    ("activitynet", frozenset({"duration", "annotation"})),
    ("hdepic", frozenset({"steps", "captures"})),
    ("howto100m", frozenset({"start", "end", "text"})),
)
# Keys of an entry below a key of the document.
_KEYS_BELOW: Sequence[tuple[str, str, frozenset[str]]] = (
    ("ego4d", "videos", frozenset({"annotated_intervals"})),
    ("goalstep", "videos", frozenset({"goal_description"})),
    ("egoexo4d_keysteps", "annotations", frozenset({"segments"})),
)


def name_format(names: Sequence[str]) -> str:
    """The format that has these columns, or these keys in its entries; empty if none is known to have them."""
    return next((name for name, columns in (*_COLUMNS, *_KEYS) if columns <= set(names)), "")


def document_format(document: object) -> str:
    """The format of a JSON document; empty if none is known to look like it."""
    if isinstance(document, dict):
        if isinstance(document.get("database"), dict):
            return "activitynet"
        for name, key, keys in _KEYS_BELOW:
            if _has_keys(_first(document.get(key)), keys):
                return name
    return next((name for name, keys in _KEYS if _has_keys(_first(document), keys)), "")


def looks_like(name: str) -> str:
    """The end of a sentence about a file: the format that it looks like, or nothing."""
    return f"; it looks like `format: {name}`" if name else ""


def describe_document(document: object) -> str:
    """What a JSON document is, and its first keys, in words."""
    if isinstance(document, dict):
        kind, entry = f"an object with the {_keys(document)}", _first(document)
        inside = f", whose first value has the {_keys(entry)}" if isinstance(entry, dict) else ""
    elif isinstance(document, list):
        kind, entry = f"a list of {len(document):,}", _first(document)
        inside = f", whose first item has the {_keys(entry)}" if isinstance(entry, dict) else ""
    else:
        kind, inside = quoted(document), ""
    return f"{kind}{inside}{looks_like(document_format(document))}"


def _keys(values: dict[str, object]) -> str:
    names = [key if key.isprintable() and len(key) <= 60 else quoted(key) for key in list(values)[:_MOST_NAMED]]
    more = f" and {len(values) - _MOST_NAMED:,} more" if len(values) > _MOST_NAMED else ""
    return f"keys {', '.join(names)}{more}" if names else "keys: none"


def _first(document: object) -> object:
    values = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return next(iter(values), None)


def _has_keys(entry: object, keys: frozenset[str]) -> bool:
    return isinstance(entry, dict) and keys <= set(entry)
