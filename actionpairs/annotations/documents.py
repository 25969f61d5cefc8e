"""JSON documents: their entries, each an object or the reason why it is none."""

from __future__ import annotations

import json
from collections.abc import Iterator

from actionpairs.annotations.clips import malformed
from actionpairs.annotations.rows import Row, read_text
from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection


def read_json(url: str) -> object:
    """The content of a JSON file; raises AnnotationError where it is none."""
    try:
        return json.loads(read_text(url))
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise AnnotationError(f"{url}: not JSON: {what}.", cure="Give a JSON file, or another format.") from None


def read_object(url: str) -> dict[str, object]:
    """The object that a JSON file is; raises AnnotationError where it is something else."""
    found = read_json(url)
    if isinstance(found, dict):
        return found
    raise AnnotationError(f"{url}: a JSON {_kind(found)}, not an object.", cure="Check the format in the recipe.")


def read_list(url: str) -> list[object]:
    """The list that a JSON file is; raises AnnotationError where it is something else."""
    found = read_json(url)
    if isinstance(found, list):
        return found
    raise AnnotationError(f"{url}: a JSON {_kind(found)}, not a list.", cure="Check the format in the recipe.")


def objects(value: object, *, where: str, video: object = "") -> Iterator[Row | Rejection]:
    """The objects in a list, in order; a Rejection for what should be a list or an object, and is not."""
    if not isinstance(value, list):
        yield malformed(where, f"{_kind(value)} instead of a list", video=video)
        return
    for number, item in enumerate(value):
        place = f"{where}[{number}]"
        if isinstance(item, dict):
            yield Row(place, item)
        else:
            yield malformed(place, f"{_kind(item)} instead of an object", video=video)


def sentences(entry: dict[str, object], *, where: str, video: object) -> Iterator[Row | Rejection]:
    """The pairs of `timestamps` and `sentences`, two lists of one length, as rows of `segment` and `sentence`."""
    spans, texts = entry.get("timestamps"), entry.get("sentences")
    if not isinstance(spans, list) or not isinstance(texts, list) or len(spans) != len(texts):
        yield malformed(where, "timestamps and sentences are not two lists of one length", video=video)
        return
    for number, (span, text) in enumerate(zip(spans, texts, strict=True)):
        yield Row(f"{where}[{number}]", {"segment": span, "sentence": text})


def pair(value: object) -> tuple[object, object]:
    """The two things in a list of two; otherwise nothing and nothing, which no time can be read from."""
    return (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (None, None)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {dict: "object", list: "list", str: "text", bool: "truth value"}.get(type(value), "number")
