"""A video's name matches files of the folder and nothing else."""

from __future__ import annotations

from pathlib import PurePosixPath
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpairs.video.catalog import Catalog, list_names, loose_key

NAMES = [
    "P01/videos/P01_01.MP4",
    "flat.mp4",
    "a/twin.mp4",
    "b/twin.mkv",
    "notes.txt",
    "phone/clip.HEVC",
    "1.2.vob",
]


@pytest.mark.parametrize(
    ("video", "files"),
    [
        ("P01_01", ("P01/videos/P01_01.MP4",)),
        ("P01_01.MP4", ("P01/videos/P01_01.MP4",)),
        ("P01/videos/P01_01.MP4", ("P01/videos/P01_01.MP4",)),
        ("flat", ("flat.mp4",)),
        ("twin", ("a/twin.mp4", "b/twin.mkv")),
        ("a/twin.mp4", ("a/twin.mp4",)),
        ("notes", ()),
        ("clip", ("phone/clip.HEVC",)),
        ("1.2", ("1.2.vob",)),
        ("../flat.mp4", ()),
        ("a/../flat.mp4", ()),
        ("..\\flat.mp4", ()),
        ("/flat.mp4", ()),
        ("\\flat.mp4", ()),
        ("C:\\flat.mp4", ()),
        ("/etc/passwd", ()),
        ("https://x/y.mp4", ()),
        ("file:flat.mp4", ()),
        ("flat.mp4\0", ()),
        ("", ()),
        (" ", ()),
        (".", ()),
        ("./", ()),
        ("..", ()),
    ],
)
def test_a_name_is_looked_up_never_followed(video: str, files: tuple[str, ...]) -> None:
    assert Catalog(NAMES).find(video) == files


# Each pair is one name to those who read it.
FORMS = {
    "accent": (normalize("NFC", "café.mp4"), normalize("NFD", "café.mp4")),  # paperbanana#240
    "hangul": (normalize("NFC", "한글.mpg"), normalize("NFD", "한글.mpg")),  # mpv#1492
    "kana": (normalize("NFC", "[ぐ.mkv"), normalize("NFD", "[ぐ.mkv")),  # mpv#4016
    "angstrom": ("\u212b.mp4", "\u00c5.mp4"),  # neither is a decomposed form
    "two marks": ("q\u0323\u0307.mp4", "q\u0307\u0323.mp4"),
}


@pytest.mark.parametrize(("one", "other"), [*FORMS.values(), *((b, a) for a, b in FORMS.values())])
@pytest.mark.parametrize("folder", ["", "P01/", "é/", "e\u0301/"])
def test_the_unicode_form_makes_no_other_name(one: str, other: str, folder: str) -> None:
    assert one != other
    files = Catalog([folder + one, "x.mp4"])
    stem = PurePosixPath(other).stem
    assert {files.find(name) for name in (other, stem, normalize("NFD", folder) + other)} == {(folder + one,)}


@pytest.mark.parametrize(("one", "other"), FORMS.values())
def test_the_exact_form_wins_and_a_third_is_ambiguous(one: str, other: str) -> None:
    files = Catalog([one, other])
    assert files.find(one) == (one,)
    assert files.find(other) == (other,)
    assert Catalog([f"a/{one}", f"b/{other}"]).find(one) == (f"a/{one}",)
    assert set(files.find(one.upper())) == {one, other}


def test_two_files_in_other_forms_are_ambiguous() -> None:
    files = ["a\u0301\u0323.mp4", "a\u0323\u0301.mp4"]
    assert Catalog(files).find("ạ́.mp4") == tuple(files)


@pytest.mark.parametrize(
    ("file", "video"),
    [
        ("P01_01.MP4", "P01_01.mp4"),
        ("P01_01.mp4", "P01_01.MP4"),
        ("p01/Videos/p01_01.Mp4", "P01/videos/P01_01.mp4"),
        ("p01_01.mp4", "P01_01"),
        ("Straße.mp4", "STRASSE.mp4"),
        ("STRASSE.MP4", "straße"),
        ("ΜΑΣ.mp4", "μας.mp4"),  # the last sigma
        ("Ärger.mp4", normalize("NFD", "ÄRGER.MP4")),
        ("\u01f0.mp4", "J\u030c.MP4"),  # no capital of it in one character
        ("I.mp4", "i.mp4"),
        ("İ.mp4", normalize("NFD", "İ.MP4")),
    ],
)
def test_upper_and_lower_case_make_no_other_name(file: str, video: str) -> None:
    assert Catalog([file, "x.mp4"]).find(video) == (file,)


@pytest.mark.parametrize(
    ("file", "video"),
    [
        ("ı.mp4", "i.mp4"),  # Turkish: four letters, two of them ours
        ("ı.mp4", "I.mp4"),
        ("İ.mp4", "i.mp4"),
        ("İ.mp4", "I.mp4"),
        ("clip².mp4", "clip2.mp4"),  # NFKC would make them one
        ("ﬁlm①.mp4", "ﬁlm1.mp4"),
        ("а.mp4", "a.mp4"),  # Cyrillic
        ("cafe.mp4", "café.mp4"),
        ("a-b.mp4", "a–b.mp4"),
    ],
)
def test_names_that_only_look_alike_stay_apart(file: str, video: str) -> None:
    assert Catalog([file]).find(video) == ()


def test_files_that_differ_by_case_alone() -> None:
    files = Catalog(["a.mp4", "A.mp4", "b/c.mp4", "B/c.mp4"])
    assert files.find("a.mp4") == ("a.mp4",)
    assert files.find("A.mp4") == ("A.mp4",)
    assert files.find("A.MP4") == ("a.mp4", "A.mp4")
    assert files.find("b/c.mp4") == ("b/c.mp4",)
    assert files.find("c.mp4") == ("b/c.mp4", "B/c.mp4")


def test_an_exact_stem_wins_over_another_case_and_a_form_over_case() -> None:
    assert Catalog(["d/clip.mkv", "Clip.mp4"]).find("clip") == ("d/clip.mkv",)
    decomposed = normalize("NFD", "é.mp4")
    assert Catalog([decomposed, "É.mp4"]).find("é.mp4") == (decomposed,)


@pytest.mark.parametrize(
    ("file", "video"),
    [
        ("P01/P01_01.mp4", "P01\\P01_01.mp4"),
        ("P01/P01_01.MP4", "p01\\P01_01.mp4"),
        ("d/P01/P01_01.mp4", "d\\P01/P01_01.mp4"),
        ("P01\\P01_01.mp4", "P01/P01_01.mp4"),  # cpython#91036: unpacked from a Windows zip
        ("P01\\P01_01.mp4", "P01_01"),
        ("P01/P01_01.mp4", "./P01/P01_01.mp4"),
        ("P01/P01_01.mp4", ".\\P01\\P01_01.mp4"),
        ("P01/P01_01.mp4", "P01//P01_01.mp4"),
        ("P01/P01_01.mp4", " P01_01.mp4 "),
        ("P01/P01_01.mp4", "P01_01\t"),
        ("P01/P01_01.mp4 ", "P01_01"),
        ("é/e.mp4", normalize("NFD", ".\\É\\E.MP4")),
    ],
)
def test_tables_and_archives_of_windows_are_read(file: str, video: str) -> None:
    assert Catalog([file, "x.mp4"]).find(video) == (file,)


def test_a_backslash_in_a_file_name_wins_where_it_is_meant() -> None:
    assert Catalog(["a/b.mp4", "a\\b.mp4"]).find("a\\b.mp4") == ("a\\b.mp4",)
    assert Catalog(["a/b.mp4", "a\\b.mp4"]).find("a/b.mp4") == ("a/b.mp4",)
    assert Catalog(["a/b.mp4", "A/B.mp4"]).find("A\\b.mp4") == ("a/b.mp4", "A/B.mp4")


def test_undecodable_names_stand_in_nobodys_way() -> None:
    latin = b"caf\xe9/CLIP.mp4".decode("utf-8", "surrogateescape")
    files = Catalog([latin, " ", "café.mp4"])
    assert files.find("clip") == (latin,)
    assert files.find(latin.lower()) == (latin,)
    assert files.find("café") == ("café.mp4",)


def test_listed_candidates_are_distinguishable() -> None:
    latin = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    files = ["café.mp4", normalize("NFD", "café.mp4"), latin, "a\n.mp4", "b.mp4"]
    text = list_names(files)
    assert text == "café.mp4, 'cafe\\u0301.mp4', 'caf\\udce9.mp4', 2 more"
    text.encode()
    assert list_names(files[:1]) == "café.mp4"
    assert list_names(["a\n.mp4"]) == "'a\\n.mp4'"


TEXTS = st.text(st.sampled_from("aAéÉe\u0301ßsSİiıI\u0307./\\ \udce9"), max_size=6)


@given(files=st.lists(TEXTS, max_size=6, unique=True), video=TEXTS)
def test_only_listed_files_match_and_every_file_matches_itself(files: list[str], video: str) -> None:
    catalog = Catalog(files)
    matches = catalog.find(video)
    assert set(matches) <= set(files)
    assert len(set(matches)) == len(matches)
    for file in files:
        if PurePosixPath(file).name:
            assert catalog.find(file) == (file,)
    for file in matches:
        assert loose_key(video) in loose_key(file)
