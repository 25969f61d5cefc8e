"""Load JSON documents and iterate over their entries; an entry of the wrong type becomes a Rejection."""

from __future__ import annotations

import json
from collections.abc import Iterator

from actionpairs.annotations.clips import malformed
from actionpairs.annotations.file_signs import describe_document, looks_like, name_format
from actionpairs.annotations.rows import Row, column_names, load_text
from actionpairs.annotations.times import quoted
from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection


def load_json(url: str) -> object:
    """The content of a JSON file; raises AnnotationError if it is not valid JSON."""
    text = load_text(url)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    start = quoted(text.lstrip()[:60].partition("\n")[0])
    raise AnnotationError(
        f"{url}: not JSON: {what}; it begins {start}{looks_like(name_format(column_names(text)))}.",
        cure="Give a JSON file, or check `extract.annotations.format` in the recipe.",
    )


def load_object(url: str) -> dict[str, object]:
    """The JSON object in a file; raises AnnotationError if it holds something else."""
    content = load_json(url)
    if isinstance(content, dict):
        return content
    raise _of_another_kind(url, content, "an object")


def load_list(url: str) -> list[object]:
    """The JSON list in a file; raises AnnotationError if it holds something else."""
    content = load_json(url)
    if isinstance(content, list):
        return content
    raise _of_another_kind(url, content, "a list")


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


def _of_another_kind(url: str, content: object, wanted: str) -> AnnotationError:
    return AnnotationError(
        f"{url}: this format is {wanted} in JSON, and the file is {describe_document(content)}.",
        cure="Check `extract.annotations.format` in the recipe, or give another file.",
    )


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {dict: "object", list: "list", str: "text", bool: "truth value"}.get(type(value), "number")
