"""Subtitles: what their cues say, and broken XML and subtitles as files have them."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionpairs.annotations import read
from actionpairs.errors import AnnotationError
from actionpairs.records import Rejection, Segment
from tests.annotations.conftest import config, rows_of
from tests.annotations.examples import EXAMPLES, tools
from tests.annotations.spans import details, spans, write

FORMAT = {"format": "subtitles"}


def test_srt_cues_are_instructions(tmp_path: Path) -> None:
    paths = write(tmp_path, "make tea.srt", tools.SRT)
    assert spans(paths, **FORMAT) == [
        ("make tea", 1.0, 2.5, "Slice the apple"),
        ("make tea", 3.0, 4.0, "if 2 < 3 then"),
    ]
    assert [detail.partition(": ")[2] for detail in details(paths, **FORMAT)] == [
        "a cue without text",
        "not `start --> stop`: '00:00:0x,000 --> 00:00:06,000'",
    ]


def test_webvtt_cues_are_instructions_and_notes_and_styles_are_not(tmp_path: Path) -> None:
    paths = write(tmp_path, "a.en.vtt", tools.VTT)
    assert spans(paths, **FORMAT, language="en") == [
        ("a", 1.0, 2.5, "Slice the apple & peel it"),
        ("a", 3600.0, 3601.0, "Rest"),
    ]
    assert spans(paths, **FORMAT)[0][0] == "a.en"


TWO = "00:00:01,000 --> 00:00:02,000\ngo\n\n{}00:00:02,000 --> 00:00:03,000\nstop"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n\n1\n" + TWO.format("2\n"), ["go", "stop"]),  # cdown/srt#50: blank lines first
        ("1\n00:00:01 --> 00:00:02\ngo\n", ["go"]),  # Aegisub#250: no milliseconds
        ("1\n\n" + TWO.format("2\n\n"), ["go", "stop"]),  # codecast#132: a blank line after the number
        (TWO.format("\n\nup\n\n2\n"), ["go up", "stop"]),  # subtitleedit#2147: blank lines within a cue
        (TWO.format("2\n") + "\n7\n", ["go", "stop 7"]),  # subtitleedit#2147: a number as text
        (TWO.format("").replace("\n\n", "\n2\n"), ["go", "stop"]),
        (TWO.format("2\n").replace("\n", "\r\n").replace(",", "."), ["go", "stop"]),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\ngo\n\n2\n00:02.000 --> 00:03.000\nstop\n", ["go", "stop"]),
    ],
)
def test_subtitles_are_read_as_players_show_them(text: str, words: list[str], tmp_path: Path) -> None:
    """The cases that public reports have of parsers that fail."""
    assert [row[3] for row in spans(write(tmp_path, "a.srt", text), **FORMAT)] == words


def test_subtitles_of_another_encoding_are_read_if_the_recipe_names_it(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nÉplucher la pomme\n".encode("cp1252")
    paths = write(tmp_path, "a.srt", text)
    with pytest.raises(AnnotationError, match="not UTF-8 text"):
        rows_of(paths, **FORMAT)
    assert spans(paths, **FORMAT, encoding="cp1252")[0][3] == "Éplucher la pomme"


def test_cues_on_the_clock_of_a_stream_are_refused(tmp_path: Path) -> None:
    """As node-webvtt issue 72 has it, a map from 0 to 0 changes nothing."""
    text = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n00:01.000 --> 00:02.000\ngo\n"
    assert len(spans(write(tmp_path, "a.vtt", text), **FORMAT)) == 1
    with pytest.raises(AnnotationError, match="its times are those of a stream"):
        rows_of(write(tmp_path, "a.vtt", text.replace("MPEGTS:0", "MPEGTS:900000")), **FORMAT)


def test_a_file_without_cues_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"a\.srt: no cue in it"):
        rows_of(write(tmp_path, "a.srt", "video,start,stop\na,1,2\n"), **FORMAT)


CUES = st.lists(
    st.tuples(st.integers(0, 10**7), st.integers(1, 10**5), st.text("abc é<>&{}\n1", min_size=1, max_size=12)),
    min_size=1,
    max_size=6,
)


def _stamp(milliseconds: int, mark: str) -> str:
    seconds = milliseconds // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{milliseconds % 1000:03}"


@settings(max_examples=100, deadline=None)
@given(cues=CUES)
def test_times_of_cues_are_exact_to_the_millisecond(cues: list[tuple[int, int, str]]) -> None:
    text = "".join(
        f"{number}\n{_stamp(start, ',')} --> {_stamp(start + length, ',')}\nx {words}\n\n"
        for number, (start, length, words) in enumerate(cues, start=1)
    )
    with TemporaryDirectory() as folder:
        rows = rows_of(write(Path(folder), "a.srt", text), **FORMAT)
    times = {
        (round(row.start_seconds * 1000), round(row.stop_seconds * 1000))
        for row in rows
        if isinstance(row, Segment)
    }
    assert times == {(start, start + length) for start, length, _ in cues}


XML_FORMATS = [name for name, example in EXAMPLES.items() if re.search(r"\.(eaf|xml)$", next(iter(example.files)))]
NASTY = [
    "",
    "x",
    "-1",
    "1e999",
    "99999999999999999999",
    "a" * 3000,
    "../../etc/passwd",
    "٣",
    "a&b",
    "ts9",
    "{label}",
]


@settings(max_examples=80, deadline=5000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("name", XML_FORMATS)
def test_wrong_elements_and_attributes_in_xml_never_raise_anything_else(name: str, data: st.DataObject) -> None:
    example = EXAMPLES[name]
    [(file, whole)] = example.files.items()
    root = ElementTree.fromstring(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        element = data.draw(st.sampled_from(list(root.iter())))
        action = data.draw(st.sampled_from(["attribute", "drop", "text", "rename", "empty"]))
        if action == "text":
            element.text = data.draw(st.sampled_from(NASTY))
        elif action == "rename" and element is not root:
            element.tag = data.draw(st.sampled_from(["REF_ANNOTATION", "tag", "box", "attribute", "x"]))
        elif action == "empty":
            element.clear()
        elif element.attrib:
            key = data.draw(st.sampled_from(sorted(element.attrib)))
            element.attrib[key] = data.draw(st.sampled_from(NASTY))
            if action == "drop":
                del element.attrib[key]
    with TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_bytes(ElementTree.tostring(root))
        failure = None
        try:
            rows = list(read([str(path)], config(**example.keys)))
        except AnnotationError as error:
            failure, rows = error, []
    assert all(isinstance(row, Segment | Rejection) for row in rows)
    assert failure is None or (file in failure.message and failure.cure)


@pytest.mark.parametrize(
    "line",
    [
        "00:00:02,000 -> 00:00:03,000",
        "00:00:02,000 \u2013> 00:00:03,000",
        "00:00:02,000 --&gt; 00:00:03,000",
        "00:00:02,000 \u2192 00:00:03,000",
        "00: 00: 02, 000 --> 00: 00: 03, 000",
    ],
)
def test_a_cue_with_a_broken_time_is_rejected_and_no_text_of_the_one_before(tmp_path: Path, line: str) -> None:
    text = f"1\n00:00:01,000 --> 00:00:02,000\ngo\n\n2\n{line}\nstop\n"
    cues, rejected = spans(paths := write(tmp_path, "a.srt", text), **FORMAT), details(paths, **FORMAT)
    assert cues == [("a", 1.0, 2.0, "go")]
    assert rejected == [f"a.srt, line 6: not `start --> stop`: {line!r}"]


def test_times_in_the_text_of_a_cue_stay_text(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nopen from\n10:30 - 11:45\n"
    assert spans(write(tmp_path, "a.srt", text), **FORMAT) == [("a", 1.0, 2.0, "open from 10:30 - 11:45")]


def test_a_line_of_one_blank_does_not_end_a_webvtt_cue(tmp_path: Path) -> None:
    text = "WEBVTT\nKind: captions\n\n00:01.000 --> 00:02.000 align:start\n \ncut<00:01.500><c> bread</c>\n"
    assert spans(write(tmp_path, "a.vtt", text), **FORMAT) == [("a", 1.0, 2.0, "cut bread")]
