"""Pairs and rejections of a video come back as they went in."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from actionpairs import columns, pairs
from actionpairs.errors import StorageError
from actionpairs.records import FramePair, PairFacts, Reason, Rejection, Segment
from actionpairs.storage import Folder
from actionpairs.version import PACKAGE_VERSION, SCHEMA_VERSION
from tests.measures.measured import measured


def pair(number: int) -> FramePair:
    segment = Segment(f"s{number}", "v.mp4", 1.0, 2.5, "take ‘it’", "take", "it", "take it", "P01")
    facts = PairFacts(
        segment,
        1.0,
        2.4,
        1001,
        2402,
        0.0,
        0.1,
        "planned",
        "deinterlaced",
        640,
        360,
        measured(displacement=None, moved_left=None),
    )
    return FramePair(facts, b"\xff\xd8one", b"\xff\xd8two" * number)


def test_pairs_come_back_as_they_went_in(tmp_path: Path) -> None:
    folder, rejection = Folder(tmp_path), Rejection("s9", "v.mp4", "extract", Reason.PAST_END, "9 s of 5 s")
    many = [pair(number) for number in range(150)]
    notes = pairs.VideoNotes((rejection,), read_through="packet 3: fields", rate=25.0, seconds=4.0)
    digest = pairs.write(folder, "pairs/v.parquet", many, notes)
    assert list(pairs.load_pairs(folder, "pairs/v.parquet")) == many
    assert pairs.facts(folder, "pairs/v.parquet").equals(columns.table(item.facts for item in many))
    assert pairs.load_notes(folder, "pairs/v.parquet") == notes
    assert pairs.count(folder, "pairs/v.parquet") == 150
    assert pairs.write(folder, "pairs/w.parquet", many, notes) == digest


def test_rejections_come_back_as_they_went_in(tmp_path: Path) -> None:
    rejections = [
        Rejection("a", "v", "extract", Reason.ONE_FRAME, "x"),
        Rejection("b", "w", "shard", Reason.BLURRED, ""),
    ]
    pairs.write_rejections(Folder(tmp_path), rejections)
    assert pairs.load_rejections(Folder(tmp_path)) == rejections


def test_a_video_with_no_pairs_is_done_too(tmp_path: Path) -> None:
    pairs.write(Folder(tmp_path), "pairs/v.parquet", [], pairs.VideoNotes(()))
    assert pairs.file_names(Folder(tmp_path)) == ["pairs/v.parquet"]
    assert list(pairs.load_pairs(Folder(tmp_path), "pairs/v.parquet")) == []


@pytest.mark.parametrize("video", ["../../etc/passwd", "a b/c.mp4", "ünï.mp4", "x" * 500, "CON", ".", "caf\udce9"])
def test_file_names_stay_inside(video: str) -> None:
    name = pairs.file_name(video)
    assert name.startswith("pairs/")
    assert name.count("/") == 1
    assert len(name) < 100


def test_names_that_look_alike_stay_apart() -> None:
    assert pairs.file_name("a b") != pairs.file_name("a-b")


def test_pairs_of_an_earlier_version_name_the_command_that_brings_them_up_to_date(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    pairs.write(folder, "pairs/v.parquet", [pair(1)], pairs.VideoNotes(()))
    older = pq.read_table(tmp_path / "pairs/v.parquet").replace_schema_metadata({"rejected": "[]"})
    pq.write_table(older.drop_columns(["decoded"]), tmp_path / "pairs/v.parquet")
    with pytest.raises(StorageError, match=r"v\.parquet: written with schema version 1") as caught:
        list(pairs.load_pairs(folder, "pairs/v.parquet"))
    assert f"actionpairs measure {tmp_path} --out NEW" in caught.value.cure


def test_a_file_names_the_versions_that_wrote_it(tmp_path: Path) -> None:
    pairs.write(Folder(tmp_path), "pairs/v.parquet", [pair(1)], pairs.VideoNotes(()))
    metadata = pq.read_schema(tmp_path / "pairs/v.parquet").metadata
    assert metadata[b"schema_version"] == str(SCHEMA_VERSION).encode()
    assert metadata[b"package_version"] == PACKAGE_VERSION.encode()


def test_a_cut_off_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(StorageError, match=r"x\.parquet"):
        pairs.count(Folder(tmp_path), "x.parquet")
