"""A web server is read as a folder is, and the signature of a URL is shown to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from actionpairs import pairs, stores
from actionpairs.errors import StorageError
from actionpairs.stages.extract import extract
from actionpairs.storage import Folder
from tests.conftest import RawDataset
from tests.stages.conftest import SMALL_RECIPE
from tests.store import Proxy, web_server

SIGNED = "?X-Amz-Credential=somebody&X-Amz-Signature=not-to-be-shown"


@pytest.fixture
def web(dataset: RawDataset) -> Iterator[Proxy]:
    pytest.importorskip("aiohttp")
    recipe = dataset.table.with_name("small.yaml")
    recipe.write_text(SMALL_RECIPE)
    with web_server(dataset.table.parent) as port, Proxy(port).running() as proxy:
        yield proxy


def run(dataset: RawDataset, *, videos: str, table: str, out: str) -> Path:
    home = dataset.table.parent
    extract(home / "small.yaml", videos=videos, annotations=[table], out=str(home / out), executor="serial")
    return home / out


def test_videos_and_tables_are_read_from_a_web_server(dataset: RawDataset, web: Proxy) -> None:
    (dataset.videos / "deep").mkdir()
    (dataset.videos / "c.mp4").rename(dataset.videos / "deep/c.mp4")
    dataset.add("bad,a.mp4,two,3,take cup,take,cup,a")
    near = run(dataset, videos=str(dataset.videos), table=str(dataset.table), out="near")
    far = run(dataset, videos=f"{web.url}/videos", table=f"{web.url}/segments.csv{SIGNED}", out="far")
    assert content(far) == content(near)
    assert pairs.load_rejections(Folder(far)) == pairs.load_rejections(Folder(near))


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("answer", [403, 404, 503])
def test_a_signature_is_not_shown_by_what_goes_wrong(
    dataset: RawDataset, web: Proxy, answer: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    web.fault = lambda number: answer
    monkeypatch.setattr(stores, "RETRY_SECONDS", 2.0)
    caplog.set_level(logging.WARNING)
    with pytest.raises(StorageError, match=r"segments\.csv") as caught:
        run(dataset, videos=str(dataset.videos), table=f"{web.url}/segments.csv{SIGNED}", out="out")
    assert "Signature" not in str(caught.value) + caplog.text
    assert str(answer) in str(caught.value) or answer == 404


def test_a_table_that_is_none_is_named_without_its_signature(dataset: RawDataset, web: Proxy) -> None:
    dataset.table.with_name("other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Exception, match=r"other\.csv, line 1") as caught:
        run(dataset, videos=str(dataset.videos), table=f"{web.url}/other.csv{SIGNED}", out="out")
    assert "Signature" not in str(caught.value)
