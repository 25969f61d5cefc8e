"""Shards are plain tars, the same bytes every time, and nothing in them is trusted."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st

from actionpairs import shards
from actionpairs.errors import ShardError
from actionpairs.records import Sample, SampleMetadata, Segment
from actionpairs.storage import Folder
from tests.measured import measured

JPEG = b"\xff\xd8 not much of a picture \xff\xd9"


def sample(number: int, *, split: str = "LC-train", text: str = "take the cup") -> Sample:
    segment = Segment(f"s{number}", "v.mp4", 1.0, 2.0, text, "take", "cup", "take cup", "P01")
    metadata = SampleMetadata(segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "", 640, 360, measured(), split, "abc")
    return Sample(f"s{number}", JPEG + bytes([number]), JPEG, text, metadata)


def write(folder: Path, samples: list[Sample]) -> Folder:
    shard_of = {
        (item.metadata.split, item.key): shards.shard_name(item.metadata.split, int(item.key[1:]) % 2)
        for item in samples
    }
    shards.write(Folder(folder), samples, shard_of=shard_of, dataset="LC", recipe_digest="abc")
    return Folder(folder)


def test_samples_come_back_as_they_went_in(tmp_path: Path) -> None:
    samples = [sample(number) for number in range(5)] + [sample(9, split="LCtest500", text="put “é” <b>")]
    folder = write(tmp_path, samples)
    back = [item for shard in shards.read_index(folder).shards for item in shards.samples(folder, shard.name)]
    assert sorted(back, key=lambda item: item.key) == samples


def test_any_picture_can_be_read_by_its_offset(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(number) for number in range(4)])
    found = {entry.key: shards.read_pictures(folder, entry) for entry in shards.entries(folder, "LC-train")}
    assert found == {f"s{number}": (JPEG + bytes([number]), JPEG) for number in range(4)}


def test_webdataset_reads_them(tmp_path: Path) -> None:
    write(tmp_path, [sample(number) for number in range(4)])
    dataset = webdataset.WebDataset([str(tmp_path / "LC-train-000000.tar")], shardshuffle=False)
    items = list(dataset)
    assert [item["__key__"] for item in items] == ["s0", "s2"]
    assert items[1]["original_image.jpg"] == JPEG + bytes([2])
    assert items[1]["edit_prompt.txt"] == b"take the cup"


def test_same_samples_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", [sample(number) for number in range(4)])
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("USER", "somebody")
    write(tmp_path / "b", [sample(number) for number in range(4)])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_an_unknown_split_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ShardError) as caught:
        shards.entries(write(tmp_path, [sample(1)]), "LCtest")
    assert "LC-train" in caught.value.cure


@given(st.text(min_size=1, max_size=300))
def test_a_key_is_safe_whatever_the_id(segment_id: str) -> None:
    key = shards.key_of(segment_id)
    assert key
    assert len(key) <= 80
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@given(st.lists(st.text(min_size=1, max_size=12), unique=True, min_size=2, max_size=8))
def test_different_ids_have_different_keys(ids: list[str]) -> None:
    assert len({shards.key_of(item) for item in ids}) == len(ids)


def tar_of(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return sink.getvalue()


def link() -> tarfile.TarInfo:
    info = tarfile.TarInfo("s1.original_image.jpg")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


def giant() -> tarfile.TarInfo:
    info = tarfile.TarInfo("s1.json")
    info.size = 7 << 30
    return info


BAD: list[tuple[str, Callable[[], bytes], str]] = [
    ("cut off", lambda: tar_of(("s1.json", b"{}" * 900))[:700], "not a whole tar|cannot be read|no original"),
    ("not a tar", lambda: b"hello" * 200, "not a whole tar"),
    ("outside", lambda: tar_of(("../s1.json", b"{}")), "does not belong"),
    ("a link", lambda: tar_of(link()), "does not belong"),
    ("unknown field", lambda: tar_of(("s1.exe", b"")), "does not belong"),
    ("twice", lambda: tar_of(("s1.json", b"{}"), ("s1.json", b"{}")), "twice"),
    ("a giant", lambda: tar_of(giant()), "claims"),
    ("a part missing", lambda: tar_of(("s1.json", b"{}")), "no original_image.jpg"),
]


@pytest.mark.parametrize(("content", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_tar_is_a_clear_error(tmp_path: Path, content: Callable[[], bytes], says: str) -> None:
    (tmp_path / "x.tar").write_bytes(content())
    with pytest.raises(ShardError, match=says) as caught:
        list(shards.samples(Folder(tmp_path), "x.tar"))
    assert "x.tar" in caught.value.message


def test_offsets_are_where_tarfile_finds_the_members(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(number) for number in range(6)])
    entry = shards.entries(folder, "LC-train")[3]
    with tarfile.open(tmp_path / entry.shard) as tar:
        member = tar.getmember(f"{entry.key}.original_image.jpg")
    assert (entry.original_offset, entry.original_size) == (member.offset_data, member.size)
    assert np.uint32(entry.original_offset) % 512 == 0
