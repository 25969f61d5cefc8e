"""A table is read from whatever kind of file people have it in, or refused in one sentence."""

from __future__ import annotations

import builtins
import csv
import gzip
import io
import json
import pickle
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionpairs.annotations import list_files, read, text_encodings
from actionpairs.annotations.separators import CANDIDATES, find_separator
from actionpairs.errors import AnnotationError, MissingExtraError
from actionpairs.records import Segment
from tests.annotations.conftest import config, rows_of, segments_of
from tests.annotations.examples.tables import COLUMNS, arrow_stream, workbook
from tests.fake_hub import FakeHub

HEADER = "video,start,stop,instruction\n"


def write(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


WORDS = st.text(st.sampled_from("ab ,;|\t'\"{}[]é\n"), min_size=1, max_size=12).filter(lambda text: text.strip())


@settings(max_examples=80, deadline=5000, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(WORDS, min_size=1, max_size=6), separator=st.sampled_from(CANDIDATES), excel=st.booleans())
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_is_written_with_any_separator_is_read_back(
    rows: list[str], separator: str, excel: bool, encoding: str
) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=separator)
    writer.writerow(["video", "start", "stop", "instruction"])
    writer.writerows([f"v{number}", 1.5, 2.5, words] for number, words in enumerate(rows))
    text = f"sep={separator}\r\n" * excel + sink.getvalue()
    with TemporaryDirectory() as folder:
        segments = segments_of([write(Path(folder), text.encode(encoding))], format="table")
    assert [segment.instruction for segment in segments] == [" ".join(words.split()) for words in rows]
    assert [segment.video for segment in segments] == [f"v{number}" for number in range(len(rows))]


@settings(max_examples=60, deadline=5000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_broken_json_tables_are_rows_or_one_error(data: st.DataObject) -> None:
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-3, 9), st.floats(), st.sampled_from(["a", "", "video"])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from([*COLUMNS, "data", "columns", "schema", "0", "1"]), inner, max_size=5),
        ),
        max_leaves=12,
    )
    with TemporaryDirectory() as folder:
        path = write(Path(folder), json.dumps(data.draw(values)), "mine.json")
        try:
            rows = list(read([str(path)], config(format="table")))
        except AnnotationError as error:
            failure = error
        else:
            assert rows
            return
    assert "mine.json" in failure.message
    assert failure.cure


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split", "table"])
def test_what_pandas_writes_is_read_as_its_csv(tmp_path: Path, orient: Any) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({**COLUMNS, "note": ["é", None]}, index=["x", "y"])
    csv_path = write(tmp_path, table.to_csv(index=False))
    json_path = write(tmp_path, table.to_json(orient=orient), "mine.json")
    rows = [rows_of([path], format="table") for path in (csv_path, json_path)]
    assert [row for row in rows[1] if isinstance(row, Segment)] == [
        row for row in rows[0] if isinstance(row, Segment)
    ]
    assert len(rows[0]) == len(rows[1]) == 2


def test_pandas_values_have_no_names_and_the_error_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([["a", 1, 2, "go"]]), "mine.json")
    with pytest.raises(AnnotationError, match=r"mine\.json: not a table; it is a list of 1") as caught:
        rows_of([path], format="table")
    assert "orient='records'" in caught.value.cure


def test_lists_inside_cells_do_not_hide_the_semicolon() -> None:
    """The file of cpython issue 119123, of which csv.Sniffer takes the commas."""
    text = (
        "id;has_data;has_info;is_sort;a;b;c;d;cost;group;sub_group;merge\n"
        "1;False;False;False;True;;;;62.25;['345'];['10'];UNKNOWN\n"
        "4;False;False;False;True;;;;46.50;['112', '112'];['765', '766'];UNKNOWN\n"
        "5;False;False;False;True;;;;46.50;['112', '112'];['765', '766'];UNKNOWN\n"
    )
    assert find_separator(text) == ";"


def test_a_separator_in_a_columns_name_does_not_count(tmp_path: Path) -> None:
    path = write(tmp_path, "video;start (s, from 0);stop (s, from 0);words\na;1;2;go, then stop\n")
    columns = {"start": "start (s, from 0)", "stop": "stop (s, from 0)", "instruction": "words"}
    assert segments_of([path], format="table", columns=columns)[0].instruction == "go, then stop"


def test_without_a_verb_the_action_is_the_instruction_and_not_the_noun(tmp_path: Path) -> None:
    text = "video,start,stop,instruction,verb,noun\na,1,2,put the cup,put,cup\na,1,2,take the cup,,cup\n"
    columns = {"noun": "noun", "verb": "verb"}
    actions = [each.action for each in segments_of([write(tmp_path, text)], format="table", columns=columns)]
    assert actions == ["put cup", "take the cup"]
    columns = {"noun": "noun"}
    actions = [each.action for each in segments_of([write(tmp_path, text)], format="table", columns=columns)]
    assert actions == ["put the cup", "take the cup"]


def test_line_numbers_are_those_of_the_file_below_excels_first_line(tmp_path: Path) -> None:
    path = write(tmp_path, "sep=;\nvideo;start;stop;instruction\na;1;2;go\na;1;soon;go\n")
    assert "line 4" in str(rows_of([path], format="table")[1])


@pytest.mark.parametrize(("text", "seconds"), [("1,5", 1.5), (" 01,25", 1.25), ("1.5", 1.5), (",5", 0.5)])
def test_decimals_have_commas_where_cells_have_semicolons(tmp_path: Path, text: str, seconds: float) -> None:
    path = write(tmp_path, f"video;start;stop;instruction\na;{text};9,5;go\n")
    assert segments_of([path], format="table")[0].start_seconds == seconds


@pytest.mark.parametrize("text", ["1,234,567", "1.234,5", "1,5,"])
def test_thousands_are_not_taken_for_decimals(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, f"video;start;stop;instruction\na;{text};9999999;go\na;1;2;go\n")
    assert len(segments_of([path], format="table")) == 1


def test_an_unknown_encoding_is_shown_and_never_guessed(tmp_path: Path) -> None:
    path = write(tmp_path, (HEADER + "a,1,2,Tür öffnen\n").encode("cp1252"))
    with pytest.raises(AnnotationError, match="as cp1252, line 2 begins 'a,1,2,Tür öffnen'") as caught:
        rows_of([path], format="table")
    assert "`encoding: cp1252`" in caught.value.cure
    assert segments_of([path], format="table", encoding="cp1252")[0].instruction == "Tür öffnen"


def test_a_byte_order_mark_outweighs_the_stated_encoding(tmp_path: Path) -> None:
    path = write(tmp_path, (HEADER + "a,1,2,Tür\n").encode("utf-8-sig"))
    assert segments_of([path], format="table", encoding="cp1252")[0].instruction == "Tür"


def test_a_bomb_of_gzip_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_encodings, "_LARGEST_UNZIPPED_BYTES", 1000)
    path = write(tmp_path, gzip.compress(b"a" * 2000), "mine.csv.gz")
    with pytest.raises(AnnotationError, match=r"mine\.csv\.gz: unzipped, it has more than"):
        rows_of([path], format="table")


class Trap:
    """An object whose pickle writes a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.write_text, (self.path, "opened")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("keys", [{"format": "table"}, {"format": "epic100"}, {"format": "activitynet"}])
def test_a_pickle_is_never_opened_and_the_cure_makes_a_table_of_it(
    tmp_path: Path, protocol: int, keys: dict[str, Any]
) -> None:
    path = write(tmp_path, pickle.dumps(Trap(tmp_path / "trap"), protocol=protocol), "it's.pkl")
    with pytest.raises(AnnotationError, match="this is a pickle, which can run any code"):
        rows_of([path], **keys)
    assert not (tmp_path / "trap").exists()


def test_the_two_lines_for_a_pickle_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "it's mine.pkl"
    pandas.DataFrame(COLUMNS).to_pickle(path)
    with pytest.raises(AnnotationError) as caught:
        rows_of([path], format="table")
    first, *code = caught.value.cure.splitlines()
    assert (first, len(code)) == ("If you trust its source, make it a Parquet file:", 2)
    monkeypatch.chdir(tmp_path)
    exec("\n".join(line.strip() for line in code), {})
    assert segments_of([tmp_path / "it's mine.parquet"], format="table")[0].instruction == "go"


def test_excel_without_openpyxl_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "openpyxl":
            raise ImportError(name)
        return real(name, *rest, **more)

    with zipfile.ZipFile(tmp_path / "mine.xlsx", "w") as file:
        file.writestr("xl/workbook.xml", "")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError) as caught:
        rows_of([tmp_path / "mine.xlsx"], format="table")
    assert "[excel]" in caught.value.cure


def test_a_sheet_is_chosen_by_its_columns_or_by_the_recipe(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    rows: list[list[object]] = [list(COLUMNS), ["a", 1, 2, "go"]]
    twice = write(tmp_path, workbook(("one", rows), ("two", [*rows, ["b", 3, 4, "go"]])), "mine.xlsx")
    with pytest.raises(AnnotationError, match="which of its sheets, 'one', 'two'"):
        rows_of([twice], format="table")
    assert len(segments_of([twice], format="table", sheet="two")) == 2
    with pytest.raises(AnnotationError, match="no sheet 'three'; it has: 'one', 'two'"):
        rows_of([twice], format="table", sheet="three")


def test_a_zip_that_is_no_workbook_is_an_error_that_says_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as file:
        file.writestr("mine.csv", HEADER)
    with pytest.raises(AnnotationError, match=r"mine\.zip: this is a zip file"):
        rows_of([tmp_path / "mine.zip"], format="table")


def test_a_saved_data_set_is_read_by_the_files_that_it_lists(tmp_path: Path) -> None:
    """The layout of `Dataset.save_to_disk`; `map` leaves a cache beside it, and it is no part of the data set."""
    saved = tmp_path / "saved" / "train"
    saved.mkdir(parents=True)
    (saved / "data-00000-of-00001.arrow").write_bytes(arrow_stream(pa.table(COLUMNS)))
    (saved / "cache-1f.arrow").write_bytes(arrow_stream(pa.table({**COLUMNS, "video": ["c", "d"]})))
    (saved / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    (saved / "dataset_info.json").write_text("{}")
    (saved.parent / "dataset_dict.json").write_text('{"splits": ["train"]}')
    files = list_files(saved.parent)
    assert len(files) == 5
    assert [row.video for row in read(files, config(format="table"))] == ["a", "b"]


@pytest.mark.slow
def test_a_data_set_that_datasets_saves_is_read_with_the_names_of_its_classes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "video": datasets.Value("string"),
            "start": datasets.Value("float32"),
            "stop": datasets.Value("float32"),
            "what": datasets.ClassLabel(names=["take cup", "put cup"]),
        }
    )
    content = {"video": ["a", "b"], "start": [1.0, 2.0], "stop": [1.5, 2.5], "what": [1, -1]}
    data = datasets.Dataset.from_dict(content, features=features)
    datasets.DatasetDict(train=data).save_to_disk(tmp_path / "saved")
    data.to_parquet(tmp_path / "train-00000.parquet")
    keys = config(format="table", columns={"instruction": "what"})
    for files in (list_files(tmp_path / "saved"), [str(tmp_path / "train-00000.parquet")]):
        good, bad = read(files, keys)
        assert isinstance(good, Segment)
        assert (good.instruction, "no instruction" in str(bad)) == ("put cup", True)


def test_a_parquet_file_on_the_hub_is_read(hub: FakeHub) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table(COLUMNS), sink)
    hub.create("someone/actions").commit({"data/train-00000.parquet": sink.getvalue()})
    url = "hf://datasets/someone/actions/data/train-00000.parquet"
    assert list_files(url) == [url]
    assert next(iter(read([url], config(format="table")))).video == "a"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"encoding": "cp-none"}, "is no encoding that Python knows"),
        ({"encoding": "rot13"}, "is no encoding that Python knows"),
        ({"separator": '"'}, "cannot separate cells"),
        ({"separator": "::"}, "at most 1 character"),
        ({"unit": "timecode"}, "`rate`"),
        ({"unit": "guess"}, "goes with `columns: guess`"),
    ],
)
def test_an_invalid_table_config_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(format="table", **keys)


def test_new_keys_leave_the_digest_of_a_recipe_without_them() -> None:
    plain = config(format="table")
    assert not {"encoding", "separator", "decimal_comma", "sheet"} & set(plain.model_dump())
    assert config(format="table", encoding="cp1252").digest() != plain.digest()
