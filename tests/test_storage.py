"""Files appear complete or not at all, and errors name the place and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionpairs.errors import MissingExtraError, StorageError
from actionpairs.storage import Folder, located


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with pytest.raises(TypeError), folder.create("a/b.bin") as file:
        file.write("not bytes")  # type: ignore[arg-type]
    assert folder.names() == []
    folder.write_bytes("a/b.bin", b"whole")
    assert folder.names() == ["a/b.bin"]
    assert folder.read_bytes("a/b.bin") == b"whole"


def test_partial_files_of_a_killed_run_are_hidden_and_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "x.bin.partial").write_bytes(b"half")
    folder = Folder(tmp_path)
    assert folder.names() == []
    folder.remove_partials()
    assert list(tmp_path.iterdir()) == []


def test_stores_behave_like_folders() -> None:
    folder = Folder("memory://bucket/data")
    folder.write_bytes("deep/er.txt", b"text")
    assert folder.names(".txt") == ["deep/er.txt"]
    assert folder.exists("deep/er.txt")
    folder.remove("deep/er.txt")
    assert not folder.exists("deep/er.txt")


def test_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with (
        pytest.raises(StorageError, match="No space left") as caught,
        Folder(tmp_path)._translate_errors("full"),
        (tmp_path / "full").open("wb", buffering=0) as file,
    ):
        file.write(b"x")
    assert "Free some space" in caught.value.cure


def test_a_file_instead_of_a_folder_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Choose another folder"):
        Folder(tmp_path / "file").write_bytes("x", b"")


def test_a_missing_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nothing\.bin is not there"):
        Folder(tmp_path).read_bytes("nothing.bin")


def test_credentials_in_a_buckets_url_are_refused() -> None:
    with pytest.raises(StorageError, match=r"^s3://bucket/x: credentials stand in the URL") as caught:
        Folder("s3://AKIA:abc/def@bucket/x")
    assert "abc" not in str(caught.value)


def test_an_unknown_protocol_is_a_storage_error() -> None:
    with pytest.raises((StorageError, MissingExtraError)):
        Folder("gopher://x/y")


@pytest.mark.parametrize(
    ("url", "parent", "name"),
    [("a/b.csv", "a", "b.csv"), ("b.csv", ".", "b.csv"), ("/b.csv", "/", "b.csv")],
)
def test_a_files_path_is_its_folder_and_its_name(url: str, parent: str, name: str) -> None:
    folder, file_name = located(url)
    assert (folder.url, file_name) == (parent, name)


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with folder.create("a") as first, folder.create("a") as second:
        first.write(b"first" * 1000)
        second.write(b"second")
    assert folder.read_bytes("a") == b"first" * 1000
    assert folder.names() == ["a"]
