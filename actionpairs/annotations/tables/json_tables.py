"""Rows of a table in JSON: lines, a list of objects, or one of the forms of pandas' `to_json`.

pandas calls its forms orients: `records` is a list of objects; `columns` (the default) an object of columns, each
an object of rows; `index` the same the other way round; `split` and `table` state the columns beside the rows.
`values` has no names, so nothing can be read from it. A list of objects can also stand below a key of an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from actionpairs.annotations.clips import malformed
from actionpairs.annotations.file_signs import describe_document, document_format
from actionpairs.annotations.rows import Row, file_name
from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection

_Rows = list[Row | Rejection]
_CURE = (
    "Write it with one object per row, for example `table.to_json(PATH, orient='records')`, or check "
    "`extract.annotations.format` in the recipe."
)


def open_json(url: str, text: str, *, needs: Sequence[str]) -> tuple[list[str], _Rows]:
    """The names and rows of a text that begins with `[` or `{`; raises AnnotationError if it is no table."""
    document, problem = _document(text)
    if problem or _is_row(document, needs):
        lines = list(_lines(url, text))
        if problem and not any(isinstance(row, Row) for row in lines):
            raise AnnotationError(f"{url}: not JSON: {problem}.", cure=_CURE)
        return _keys(lines), lines
    rows = _rows(url, document, needs)
    if rows is None:
        raise AnnotationError(f"{url}: not a table; it is {describe_document(document)}.", cure=_CURE)
    return _keys(rows), rows


def _document(text: str) -> tuple[object, str]:
    """The one document in a text; or None and what is wrong, as it is with one document per line."""
    try:
        return json.loads(text), ""
    except RecursionError:
        return None, "nested too deeply"
    except ValueError as error:
        return None, str(error)


def _lines(url: str, text: str) -> Iterator[Row | Rejection]:
    """One JSON object per line; a line that is no object becomes a Rejection."""
    file = file_name(url)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            document, problem = _document(line)
            yield _row(f"{file}, line {number}", document, problem and f"not JSON: {problem}")


def _row(where: str, document: object, problem: str = "") -> Row | Rejection:
    if isinstance(document, dict):
        return Row(where, document)
    return malformed(where, problem or "not a JSON object")


def _is_row(document: object, needs: Sequence[str]) -> bool:
    """Whether a document is a single row, so that the file is JSON lines with one line."""
    if not isinstance(document, dict):
        return False
    values = [document[name] for name in needs if name in document]
    return bool(values) and not any(isinstance(value, dict | list) for value in values)


def _rows(url: str, document: object, needs: Sequence[str]) -> _Rows | None:
    """The rows of a document in one of the forms; None if it is in none of them."""
    if isinstance(document, list):
        is_table = any(isinstance(item, dict) for item in document)
        return _numbered(url, document) if is_table or not document else None
    if not isinstance(document, dict):
        return None
    columns, content = document.get("columns"), document.get("data")
    if isinstance(columns, list) and isinstance(content, list):
        return _numbered(url, [_named(columns, cells) for cells in content])
    if isinstance(document.get("schema"), dict) and isinstance(content, list):
        return _numbered(url, content)
    return _of_mapping(url, document, needs) or _of_list(url, document, needs)


def _of_list(url: str, document: Mapping[str, object], needs: Sequence[str]) -> _Rows | None:
    """The rows of the one list in a document whose objects have most of the needed keys."""
    if document_format(document):
        return None
    merits: dict[str, int] = {}
    for name, value in document.items():
        keys = (
            {key for item in value if isinstance(item, dict) for key in item} if isinstance(value, list) else set()
        )
        merits[name] = len(keys.intersection(needs))
    best = [name for name, merit in merits.items() if merit and merit == max(merits.values())]
    items = document[best[0]] if len(best) == 1 else None
    return _numbered(url, items) if isinstance(items, list) else None


def _of_mapping(url: str, document: Mapping[str, object], needs: Sequence[str]) -> _Rows | None:
    """The rows of an object of columns, or of an object of rows."""
    values = list(document.values())
    if not values or not all(isinstance(value, dict | list) for value in values):
        return None
    inner = {key for value in values if isinstance(value, dict) for key in value}
    if len(inner.intersection(needs)) > len(set(document).intersection(needs)):
        return _numbered(url, values)  # orient="index"
    if not set(needs).intersection(document):
        return None
    columns = {
        name: value if isinstance(value, dict) else dict(enumerate(value) if isinstance(value, list) else ())
        for name, value in document.items()
    }
    places = dict.fromkeys(chain.from_iterable(columns.values()))
    return _numbered(url, [{name: column.get(place) for name, column in columns.items()} for place in places])


def _named(columns: Sequence[object], cells: object) -> object:
    """One row of orient="split"; what is no row of this length stays as it is, and is rejected."""
    if not isinstance(cells, list) or len(cells) != len(columns):
        return cells
    return dict(zip(map(str, columns), cells, strict=True))


def _numbered(url: str, items: Sequence[object]) -> _Rows:
    file = file_name(url)
    return [_row(f"{file}, item {number}", item) for number, item in enumerate(items)]


def _keys(rows: _Rows) -> list[str]:
    """Every key of the rows, in the order of their first appearance."""
    return list(dict.fromkeys(chain.from_iterable(row.cells for row in rows if isinstance(row, Row))))
