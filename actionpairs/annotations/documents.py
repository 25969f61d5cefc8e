"""Load JSON documents and iterate over their entries; an entry of the wrong type becomes a Rejection."""

from __future__ import annotations

import json
from collections.abc import Iterator

from actionpairs.annotations.clips import malformed
from actionpairs.annotations.rows import Row, load_text
from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection


def load_json(url: str) -> object:
    """The content of a JSON file; raises AnnotationError if it is not valid JSON."""
    try:
        return json.loads(load_text(url))
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise AnnotationError(f"{url}: not JSON: {what}.", cure="Give a JSON file, or another format.") from None


def load_object(url: str) -> dict[str, object]:
    """The JSON object in a file; raises AnnotationError if it holds something else."""
    content = load_json(url)
    if isinstance(content, dict):
        return content
    raise AnnotationError(
        f"{url}: a JSON {_kind(content)}, not an object.", cure="Check the format in the recipe."
    )


def load_list(url: str) -> list[object]:
    """The JSON list in a file; raises AnnotationError if it holds something else."""
    content = load_json(url)
    if isinstance(content, list):
        return content
    raise AnnotationError(f"{url}: a JSON {_kind(content)}, not a list.", cure="Check the format in the recipe.")


def objects(value: object, *, where: str, video: object = "") -> Iterator[Row | Rejection]:
    """The objects in a list, in order; a Rejection if it is no list, and for every item that is no object."""
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
    """Rows of `segment` and `sentence` from two lists of the same length, `timestamps` and `sentences`."""
    spans, texts = entry.get("timestamps"), entry.get("sentences")
    if not isinstance(spans, list) or not isinstance(texts, list) or len(spans) != len(texts):
        yield malformed(where, "timestamps and sentences are not two lists of one length", video=video)
        return
    for number, (span, text) in enumerate(zip(spans, texts, strict=True)):
        yield Row(f"{where}[{number}]", {"segment": span, "sentence": text})


def pair(value: object) -> tuple[object, object]:
    """The two items of a list of two; otherwise (None, None), which is rejected as a time later."""
    return (value[0], value[1]) if isinstance(value, list) and len(value) == 2 else (None, None)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {dict: "object", list: "list", str: "text", bool: "truth value"}.get(type(value), "number")
