"""Shards are plain tars, the same bytes every time, and nothing in them is trusted."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionpairs import columns, shards
from actionpairs.errors import ShardError
from actionpairs.records import Sample, SampleMetadata, Segment
from actionpairs.storage import Folder
from tests.measures.measured import measured

JPEG = b"\xff\xd8 not much of a picture \xff\xd9"


def sample(number: int, *, split: str = "LC-train", text: str = "take the cup") -> Sample:
    segment = Segment(f"s{number}", "v.mp4", 1.0, 2.0, text, "take", "cup", "take cup", "P01")
    metadata = SampleMetadata(
        segment, 1.0, 1.9, 10, 19, 0.0, 0.1, "planned", "", 640, 360, measured(), split, "abc"
    )
    return Sample(f"s{number}", JPEG + bytes([number]), JPEG, text, metadata)


def write(folder: Path, samples: list[Sample]) -> Folder:
    facts = columns.table(item.metadata for item in samples)
    plan = shards.ShardPlan.of_shards([(item.metadata.split, int(item.key[1:]) % 2) for item in samples])
    info = shards.DatasetInfo("LC", "abc", train_split="LC-train", test_splits=("LCtest500",))
    shards.write_shards(Folder(folder), samples, facts, plan, info)
    return Folder(folder)


def test_samples_are_loaded_as_they_were_written(tmp_path: Path) -> None:
    samples = [sample(number) for number in range(5)] + [sample(9, split="LCtest500", text="put “é” <b>")]
    folder = write(tmp_path, samples)
    loaded = [
        item for shard in shards.load_index(folder).shards for item in shards.iter_samples(folder, shard.name)
    ]
    assert sorted(loaded, key=lambda item: item.key) == samples


def test_any_picture_can_be_read_by_its_offset(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(number) for number in range(4)])
    pictures = {
        entry.key: shards.load_pictures(folder, entry) for entry in shards.load_entries(folder, "LC-train")
    }
    assert pictures == {f"s{number}": (JPEG + bytes([number]), JPEG) for number in range(4)}


def test_same_samples_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", [sample(number) for number in range(4)])
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("USER", "somebody")
    write(tmp_path / "b", [sample(number) for number in range(4)])
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_the_table_says_what_the_json_says(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(number) for number in range(4)])
    for shard in shards.load_index(folder).shards:
        rows = shards.load_rows(folder, "LC-train", shard.name)
        samples = shards.iter_samples_with_offsets(folder, shard.name)
        expected = [shards.row_of(item, shard.name, offsets) for item, offsets in samples]
        assert rows == [{name: row[name] for name in rows[0]} for row in expected]


def test_the_error_for_an_unknown_split_names_all_splits(tmp_path: Path) -> None:
    with pytest.raises(ShardError) as caught:
        shards.load_entries(write(tmp_path, [sample(1)]), "LCtest")
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


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def claiming(size_bytes: int) -> bytes:
    """A header that claims more than ustar's digits can say, as GNU tar writes it."""
    info = tarfile.TarInfo("s1.original_image.jpg")
    info.size = size_bytes
    return info.tobuf(tarfile.GNU_FORMAT) + b"hello"


def long_name() -> bytes:
    """A member whose name stands in an extended header, which claims 10 GB of it."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 10 << 30
    return info.tobuf(tarfile.GNU_FORMAT) + b"x" * 512


def whole(key: str) -> list[tuple[str, bytes]]:
    metadata = json.dumps(asdict(sample(1).metadata)).encode()
    names = ("original_image.jpg", "edited_image.jpg", "edit_prompt.txt", "json")
    return [(f"{key}.{name}", data) for name, data in zip(names, (JPEG, JPEG, b"go", metadata), strict=True)]


BAD: list[tuple[str, Callable[[], bytes], str]] = [
    ("truncated in a member", lambda: tar_of(*whole("s1"))[:700], r"in 's1\.original_image\.jpg': cut off"),
    ("truncated after one", lambda: tar_of(*whole("s1"))[:2048], r"after 's1\.edited_image\.jpg': cut off"),
    ("truncated before its end mark", lambda: tar_of(*whole("s1"))[:-10240], "cut off|more bytes"),
    ("not a tar", lambda: b"hello" * 200, "after its start: not a tar header"),
    ("empty", lambda: b"", "after its start: cut off"),
    (
        "outside",
        lambda: tar_of(("../s1.original_image.jpg", JPEG)),
        r"'\.\./s1\.original_image\.jpg' stands where",
    ),
    ("absolute", lambda: tar_of(("/etc/s1.original_image.jpg", JPEG)), "'/etc/s1.original_image.jpg' stands"),
    ("a link", lambda: tar_of(special("s1.original_image.jpg", tarfile.SYMTYPE)), "'s1.original_image.jpg' is no"),
    (
        "a hard link",
        lambda: tar_of(special("s1.original_image.jpg", tarfile.LNKTYPE)),
        "'s1.original_image.jpg' is",
    ),
    ("a device", lambda: tar_of(special("s1.original_image.jpg", tarfile.CHRTYPE)), "is no plain file"),
    ("a folder", lambda: tar_of(special("s1", tarfile.DIRTYPE)), "'s1' is no plain file"),
    (
        "an extra member",
        lambda: tar_of(*whole("s1"), ("s1.exe", b"")),
        r"'s1\.exe' stands where s1|'s1\.exe' stands",
    ),
    (
        "a member twice",
        lambda: tar_of(whole("s1")[0], *whole("s1")),
        r"stands where s1\.edited_image\.jpg belongs",
    ),
    ("one key twice", lambda: tar_of(*whole("s1"), *whole("s2"), *whole("s1")), "two samples are called 's1'"),
    ("10 GB claimed", lambda: claiming(10 << 30), r"'s1\.original_image\.jpg' claims 10737418240 bytes"),
    ("less than nothing claimed", lambda: claiming(-512), r"claims -512 bytes"),
    ("10 GB of name", long_name, "'././@LongLink' is no plain file"),
    ("a missing member", lambda: tar_of(*whole("s1")[1:]), r"stands where KEY\.original_image\.jpg belongs"),
    ("a missing last member", lambda: tar_of(*whole("s1")[:3]), r"s1\.json is missing at the end"),
    ("no JSON", lambda: tar_of(*whole("s1")[:3], ("s1.json", b"{}")), r"s1\.json or its text cannot be read"),
    ("deep JSON", lambda: tar_of(*whole("s1")[:3], ("s1.json", b"[" * 10**6)), r"s1\.json or its text cannot be"),
    ("more after the end", lambda: tar_of(*whole("s1")) + b"more" * 128, "more bytes follow the end mark"),
]


@pytest.mark.parametrize(("content", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_tar_is_a_clear_error(tmp_path: Path, content: Callable[[], bytes], says: str) -> None:
    (tmp_path / "x.tar").write_bytes(content())
    with pytest.raises(ShardError, match=says) as caught:
        list(shards.iter_samples(Folder(tmp_path), "x.tar"))
    assert "x.tar" in caught.value.message


@given(st.binary(max_size=2000), st.integers(0, 4096))
def test_no_bytes_raise_another_error_than_shard_error(junk: bytes, offset: int) -> None:
    good = tar_of(*whole("s1"))
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "x.tar").write_bytes(good[:offset] + junk + good[offset + len(junk) :])
        with contextlib.suppress(ShardError):
            list(shards.iter_samples(Folder(name), "x.tar"))


def test_python_s_tarfile_would_write_the_same_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(number) for number in range(4)])
    name = shards.load_index(folder).shards[0].name
    with tarfile.open(tmp_path / name) as tar:
        members = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    assert tar_of(*members) == (tmp_path / name).read_bytes()


def test_offsets_are_where_tarfile_finds_the_members(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(number) for number in range(6)])
    entry = shards.load_entries(folder, "LC-train")[3]
    with tarfile.open(tmp_path / entry.shard) as tar:
        member = tar.getmember(f"{entry.key}.original_image.jpg")
    assert (entry.original_offset, entry.original_size) == (member.offset_data, member.size)
    assert np.uint32(entry.original_offset) % 512 == 0


def without_split_names(folder: Folder) -> None:
    """Make `index.json` what older versions wrote."""
    path = folder.local_path("index.json")
    index = json.loads(path.read_text())
    del index["train_split"], index["test_splits"]
    path.write_text(json.dumps(index))


def test_the_index_names_the_split_that_trains(tmp_path: Path) -> None:
    index = shards.load_index(write(tmp_path, [sample(1)]))
    assert (index.train_split, index.test_splits) == ("LC-train", ("LCtest500",))


def test_an_old_folder_names_its_splits_in_its_recipe(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(1)])
    without_split_names(folder)
    splits = {"train": "LC-train", "tests": {"LCtest100": 100}}
    (tmp_path / "recipe.json").write_text(json.dumps({"config": {"splits": splits}}))
    index = shards.load_index(folder)
    assert (index.train_split, index.test_splits) == ("LC-train", ("LCtest100",))


def test_an_old_folder_without_its_recipe_s_splits_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, [sample(1)])
    without_split_names(folder)
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(ShardError, match="does not say which split trains"):
        shards.load_index(folder)
