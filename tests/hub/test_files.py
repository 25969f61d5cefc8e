"""A repository is read as a folder: one commit, few requests, ranges of large files, and plain errors."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actionpairs import stores
from actionpairs.errors import StorageError, UnreachableError
from actionpairs.hub import files as hub_files
from actionpairs.storage import Folder, located
from tests.fake_hub import PAGE_SIZE, TOKEN, FakeHub, Repository

URL = "hf://datasets/ann/lc"


@pytest.fixture
def repository(hub: FakeHub) -> Repository:
    repository = hub.create("ann/lc")
    data = bytes(range(256)) * 40
    repository.commit({"README.md": b"card", "a.tar": data, "videos/long.mp4": data, "videos/deep/b.json": b"{}"})
    return repository


def test_a_repository_is_a_folder(repository: Repository) -> None:
    folder = Folder(URL)
    assert folder.names() == ["README.md", "a.tar", "videos/deep/b.json", "videos/long.mp4"]
    assert folder.names(".json") == ["videos/deep/b.json"]
    assert list(folder.entries("videos")) == [("videos/deep", True), ("videos/long.mp4", False)]
    assert (folder.exists("a.tar"), folder.exists("b.tar"), folder.exists()) == (True, False, True)
    assert folder.read_bytes("README.md") == b"card"
    assert folder.read_range("a.tar", 256, 260) == b"\0\1\2\3"
    assert folder.read_range("a.tar", 10_239, 20_000) == b"\xff"
    assert folder.read_range("a.tar", 20_000, 20_010) == b""
    with folder.open("videos/long.mp4") as file:
        file.seek(255)
        assert file.read(2) == b"\xff\0"
    assert Folder(f"{URL}/videos").names() == ["deep/b.json", "long.mp4"]
    inner, name = located(f"{URL}/videos/deep/b.json")
    assert inner.read_bytes(name) == b"{}"
    with pytest.raises(StorageError, match=f"{URL}: nope is not there"):
        folder.read_bytes("nope")


def test_a_folder_that_a_repository_does_not_have_is_empty(repository: Repository) -> None:
    folder = Folder(f"{URL}/nothing")
    assert folder.names() == []
    assert not folder.exists()


def test_a_listing_of_several_pages_is_whole(hub: FakeHub) -> None:
    names = [f"{number:04d}.json" for number in range(2 * PAGE_SIZE + 3)]
    hub.create("ann/many").commit(dict.fromkeys(names, b"{}"))
    assert Folder("hf://datasets/ann/many").names() == names


def test_a_run_reads_the_commit_with_which_it_began(repository: Repository) -> None:
    folder = Folder(URL)
    assert folder.read_bytes("README.md") == b"card"
    first = repository.branches["main"]
    repository.commit({"README.md": b"another", "new.json": b"{}"})
    assert not folder.exists("new.json")
    copy = pickle.loads(pickle.dumps(folder))  # as a worker process gets it
    assert copy.url == f"{URL}@{first}"
    assert copy.read_bytes("README.md") == b"card"
    assert Folder(folder.path()).read_bytes("README.md") == b"card"
    assert Folder(URL).read_bytes("README.md") == b"another"
    assert Folder(f"{URL}@{first}").names() == ["README.md", "a.tar", "videos/deep/b.json", "videos/long.mp4"]


def test_what_was_just_pushed_is_seen(repository: Repository, hub: FakeHub) -> None:
    assert not Folder(URL).exists("new.json")  # fsspec's shared instances keep this answer
    repository.commit({"new.json": b"{}"})
    assert Folder(URL).exists("new.json")
    with pytest.raises(StorageError):
        Folder("hf://datasets/ann/later").names()
    hub.create("ann/later").commit({"new.json": b"{}"})
    assert Folder("hf://datasets/ann/later").names() == ["new.json"]


def test_a_tar_is_downloaded_once_and_stays_in_the_hubs_cache(repository: Repository, hub: FakeHub) -> None:
    folder = Folder(URL)
    for start in range(100):
        folder.read_range("a.tar", start, start + 1)
    assert hub.count("GET", "a.tar") == 1
    assert Folder(URL).read_range("a.tar", 1, 2) == b"\1"
    assert hub.count("GET", "a.tar") == 1


def test_of_a_large_video_only_the_wanted_range_is_sent(
    repository: Repository, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub_files, "_SMALL_BYTES", 1000)
    assert Folder(URL).read_range("videos/long.mp4", 1000, 1010) == bytes(range(232, 242))
    assert hub.sent == 10
    assert not list((tmp_path / "hf-home").rglob("*.mp4"))


def test_a_private_repository_needs_a_token(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, repository: Repository
) -> None:
    repository.private = True
    assert Folder(URL).exists("a.tar")
    monkeypatch.delenv("HF_TOKEN")
    started = time.monotonic()
    with pytest.raises(StorageError, match=f"^{URL}: no such repository on the hub, or it is private") as caught:
        Folder(URL)
    assert "HF_TOKEN" in caught.value.cure
    monkeypatch.setenv("HF_TOKEN", "hf_anotherTokenThatIsWrong00000000")
    with pytest.raises(StorageError, match=r"does not permit it \(HTTP 401\)") as caught:
        Folder(URL)
    assert "anotherToken" not in str(caught.value)
    assert time.monotonic() - started < 5  # no retries


def test_a_wrong_revision_and_a_wrong_kind_are_named(repository: Repository) -> None:
    with pytest.raises(StorageError, match="no such branch, tag or commit"):
        Folder(f"{URL}@v9")
    with pytest.raises(StorageError, match="no such repository") as caught:
        Folder("hf://ann/lc")
    assert "`datasets/`" in caught.value.cure


def test_errors_that_pass_are_waited_for(repository: Repository, hub: FakeHub) -> None:
    def fault(method: str, path: str, number: int) -> tuple[int, dict[str, str]] | None:
        if path == "/api/datasets/ann/lc" and number == 0:
            return 503, {}
        return (429, {"Retry-After": "0"}) if "README" in path and method == "GET" and number == 0 else None

    hub.fault = fault
    assert Folder(URL).read_bytes("README.md") == b"card"
    assert hub.count("GET", "resolve") == 2


def test_a_hub_that_does_not_answer_is_named_in_the_end(
    repository: Repository, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "RETRY_SECONDS", 1.0)
    hub.fault = lambda method, path, number: (500, {})
    with pytest.raises(UnreachableError, match=r"no answer for 1 s: the hub does not work just now \(HTTP 500\)"):
        Folder(URL)


def test_a_repository_is_for_reading(repository: Repository, hub: FakeHub) -> None:
    before = len(repository.commits)
    for write in (lambda folder: folder.write_bytes("x", b""), lambda folder: folder.remove("a.tar")):
        with pytest.raises(StorageError, match="a repository on the hub is for reading") as caught:
            write(Folder(URL))
        assert "actionpairs push" in caught.value.cure
    assert len(repository.commits) == before


def test_offline_reads_what_was_downloaded(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    pinned = Folder(URL)
    pinned.read_bytes("README.md")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    offline = Folder(pinned.url)
    assert (offline.names(), offline.read_bytes("README.md")) == (["README.md"], b"card")
    with pytest.raises(StorageError, match="for reading"):
        offline.write_bytes("x", b"")
    with pytest.raises(StorageError, match="HF_HUB_OFFLINE is set"):
        Folder("hf://datasets/ann/other")


def test_without_the_extra_one_line_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['huggingface_hub'] = None; from actionpairs.cli import main;"
        "main(['stats', 'hf://datasets/ann/lc'])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "[hub]" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_token_is_sent_and_nowhere_shown(repository: Repository, hub: FakeHub) -> None:
    folder = Folder(URL)
    folder.read_bytes("README.md")
    assert f"Bearer {TOKEN}" in hub.tokens
    assert TOKEN not in f"{folder} {folder.url} {folder.path('a.tar')}"
