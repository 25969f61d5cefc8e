"""Every format: each row becomes a Segment or a Rejection with a reason, whatever the file holds."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionpairs.annotations import read
from actionpairs.errors import AnnotationError
from actionpairs.formats import AnnotationFormat
from actionpairs.records import Rejection, Segment
from tests.annotations.conftest import config, rows_of
from tests.annotations.examples import EXAMPLES, Example


def test_every_format_has_an_example() -> None:
    pytest.importorskip("h5py")
    formats = {kind.model_fields["format"].annotation.__args__[0] for kind in AnnotationFormat.__origin__.__args__}
    assert {example.keys["format"] for example in EXAMPLES.values()} == formats


def test_every_row_is_a_segment_or_a_rejection(example: Example, tmp_path: Path) -> None:
    rows = rows_of(example.write(tmp_path), **example.keys)
    segments = [row for row in rows if isinstance(row, Segment)]
    assert (len(rows), len(segments)) == (example.rows, example.segments)
    for row in rows:
        assert isinstance(row, Segment) or (
            row.stage == "extract" and row.reason and row.detail and row.segment_id
        )


def test_times_are_seconds(example: Example, tmp_path: Path) -> None:
    first = next(row for row in rows_of(example.write(tmp_path), **example.keys) if isinstance(row, Segment))
    video, start, stop, instruction = example.first
    assert (first.video, first.instruction) == (video, instruction)
    assert math.isclose(first.start_seconds, start, abs_tol=1e-9)
    assert first.stop_seconds == stop or math.isclose(first.stop_seconds, stop, abs_tol=1e-9)


def test_ids_are_unique_and_do_not_depend_on_the_folder(example: Example, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    here = rows_of(example.write(tmp_path), **example.keys)
    there = rows_of(example.write(tmp_path / "elsewhere"), **example.keys)
    assert here == there
    ids = [row.id for row in here if isinstance(row, Segment)]
    assert len(set(ids)) == len(ids)


def test_a_file_given_twice_adds_no_segment(example: Example, tmp_path: Path) -> None:
    paths = example.write(tmp_path)
    segments = [row for row in rows_of([*paths, *paths], **example.keys) if isinstance(row, Segment)]
    assert len(segments) == example.segments


def _is_text(example: Example) -> bool:
    try:
        return bool(next(iter(example.files.values())).decode())
    except UnicodeDecodeError:
        return False


TEXT_FORMATS = [name for name, item in EXAMPLES.items() if _is_text(item)]


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_a_file_in_an_encoding_without_a_mark_is_an_error_that_names_it(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    paths = example.write(tmp_path)
    text = paths[0].read_bytes().decode()
    paths[0].write_bytes(text.replace("a", "é").encode("latin-1"))
    with pytest.raises(AnnotationError, match=rf"{re.escape(paths[0].name)}: not UTF-8 text") as caught:
        rows_of(paths, **example.keys)
    assert "UTF-8" in caught.value.cure


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_utf16_and_utf32_with_a_byte_order_mark_change_nothing(name: str, encoding: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    paths = example.write(tmp_path)
    plain = rows_of(paths, **example.keys)
    for path in paths:
        path.write_bytes(path.read_bytes().decode().encode(encoding))
    assert rows_of(paths, **example.keys) == plain


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_utf16_without_a_byte_order_mark_is_an_error(name: str, encoding: str, tmp_path: Path) -> None:
    """Such a file is valid UTF-8 with NULs, so only its content shows that something is wrong."""
    example = EXAMPLES[name]
    paths = example.write(tmp_path)
    paths[0].write_bytes(paths[0].read_bytes().decode().encode(encoding))
    outcome = _outcome(paths, example)
    assert isinstance(outcome, AnnotationError)
    assert paths[0].name in outcome.message


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(example: Example, tmp_path: Path) -> None:
    paths = example.write(tmp_path)
    plain = rows_of(paths, **example.keys)
    for path in paths:
        data = path.read_bytes()
        if data.isascii():
            path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert rows_of(paths, **example.keys) == plain


# Values that real files contain, and values that an attacker might use.
NASTY: list[Any] = [
    None, True, -1, 0, 10**400, float("nan"), float("inf"), "", " ", "nan", "inf", "1e999", "1_0", "٣", "12:99:99",
    "-3", "=1+1", '=HYPERLINK("http://x")', "../../etc/passwd", "/etc/passwd", "http://x/y", "\0", "\ud800",
    "x" * 5000, "\r\n", "a\u2028b", [], {}, [[]], [1, 2], {"a": 1}, {"segment": [2, 1]}, "{verb}", "%s", "c001",
    "\x1b[31m",
]  # fmt: skip


@settings(max_examples=25, deadline=5000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("name", EXAMPLES)
def test_damaged_bytes_never_raise_anything_else(name: str, data: st.DataObject) -> None:
    example = EXAMPLES[name]
    which = data.draw(st.sampled_from(sorted(example.files)))
    damaged = _damaged(example.files[which], data)
    with TemporaryDirectory() as folder:
        paths = example.write(Path(folder))
        (Path(folder) / which).write_bytes(damaged)
        _outcome(paths, example)


def _damaged(whole: bytes, data: st.DataObject) -> bytes:
    """Truncate, splice, repeat or overwrite bytes."""
    place = data.draw(st.integers(0, len(whole)))
    junk = data.draw(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"\0", b'"', b",,,,", b"\n\n", b"\r", b"\xff\xfe", b"=1+1,", b"x" * 70_000, b'"' * 9]
            ),
            st.sampled_from(NASTY).map(lambda value: str(value).encode("utf-8", "replace")),
        )
    )
    skipped = data.draw(st.integers(0, 30))
    return data.draw(st.sampled_from([whole[:place], whole[:place] + junk + whole[place + skipped :], junk * 3]))


@settings(max_examples=60, deadline=5000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize(
    "name", [name for name, item in EXAMPLES.items() if next(iter(item.files)).endswith(".json")]
)
def test_wrong_types_in_json_never_raise_anything_else(name: str, data: st.DataObject) -> None:
    example = EXAMPLES[name]
    [(file, whole)] = example.files.items()
    document = [json.loads(whole)]
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(list(_places(document))))
        if data.draw(st.booleans()) and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = deepcopy(data.draw(st.sampled_from(NASTY)))
    with TemporaryDirectory() as folder:
        (Path(folder) / file).write_text(json.dumps(document[0]))
        _outcome([Path(folder) / file], example)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Everything in a document, as (holder, key)."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


@pytest.mark.parametrize(
    "cell", [str(value) for value in NASTY if not isinstance(value, str) or value.isprintable()]
)
@pytest.mark.parametrize("name", ["csv", "tsv in frames", "epic100", "epic55", "meccano", "mpii2012", "charades"])
def test_wrong_cells_never_raise_anything_else(name: str, cell: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    paths = example.write(tmp_path)
    lines = paths[0].read_text().split("\n")
    mark = "\t" if "\t" in lines[0] else ","
    cells = lines[-2].split(mark)
    for place in range(len(cells)):
        changed = [*cells[:place], f'"{cell.replace(chr(34), chr(34) * 2)}"', *cells[place + 1 :]]
        # Below the whole row: a file in which no row can be read is an error.
        paths[0].write_text("\n".join([*lines[:-1], mark.join(changed), ""]))
        outcome = _outcome(paths, example)
        assert isinstance(outcome, list)


@pytest.mark.parametrize(
    "name", [name for name, item in EXAMPLES.items() if next(iter(item.files)).endswith(".json")]
)
def test_deep_nesting_is_an_error_that_names_the_file(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    [path] = example.write(tmp_path)
    path.write_text("[" * 200_000)
    with pytest.raises(AnnotationError, match=path.name):
        rows_of([path], **example.keys)


def test_an_unclosed_quote_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('video,start,stop,instruction\na,1,2,go\na,1,2,"go\n' + "a,2,3,go\n" * 50)
    with pytest.raises(AnnotationError, match=r"mine\.csv, line 5"):
        rows_of([path], format="table")


def test_a_giant_cell_is_an_error_and_a_big_one_a_rejection(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"video,start,stop,instruction\na,1,2,go\na,1,2,{'x' * 3000}\n")
    [_, row] = rows_of([path], format="table")
    assert isinstance(row, Rejection)
    assert "3000 characters" in row.detail
    path.write_text(f"video,start,stop,instruction\na,1,2,{'x' * (1 << 21)}\n")
    with pytest.raises(AnnotationError, match=r"mine\.csv, line 2"):
        rows_of([path], format="table")


def test_the_order_of_rows_changes_no_id(tmp_path: Path) -> None:
    rows = [f"a{number % 3},{number},{number + 2},go {number % 5}" for number in range(40)]
    for name, order in (("one", rows), ("two", random.Random(1).sample(rows, len(rows)))):
        (tmp_path / f"{name}.csv").write_text("video,start,stop,instruction\n" + "\n".join(order) + "\n")
    one, two = (set(rows_of([tmp_path / f"{name}.csv"], format="table")) for name in ("one", "two"))
    assert one == two


def _outcome(paths: list[Path], example: Example) -> list[Segment | Rejection] | AnnotationError:
    """The rows, or the AnnotationError, which must name one of the files."""
    try:
        rows = list(read([str(path) for path in paths], config(**example.keys)))
    except AnnotationError as error:
        failure = error
    else:
        _check_text(rows)
        return rows
    assert any(path.name in failure.message for path in paths)
    assert failure.cure
    return failure


def _check_text(rows: list[Segment | Rejection]) -> None:
    for row in rows:
        assert isinstance(row, Segment | Rejection)
        json.dumps(str(row)).encode()
        text = row.instruction + row.id + row.video + row.action if isinstance(row, Segment) else row.detail
        assert "\0" not in text
        text.encode()
