"""Extract, shard and what train reads are the same over S3 as on a disk, whatever the network does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from actionpairs import shards, stores
from actionpairs.errors import StorageError, UnreachableError
from actionpairs.executors import Executor, ExecutorName
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard
from actionpairs.storage import Folder
from tests.conftest import HEADER, MakeNoise, RawDataset
from tests.stages.conftest import SMALL_RECIPE
from tests.store import KEY, SECRET, Proxy, s3_server


@dataclass(frozen=True)
class Store:
    """A bucket with the videos in it, and what stands between it and us."""

    proxy: Proxy
    bucket: Path
    dataset: RawDataset


@pytest.fixture
def store(dataset: RawDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    bucket = tmp_path / "store/bucket"
    bucket.mkdir(parents=True)
    (tmp_path / "small.yaml").write_text(SMALL_RECIPE)
    dataset.videos.rename(bucket / "videos")
    dataset.table.rename(bucket / "segments.csv")
    monkeypatch.delenv("AWS_RESPONSE_CHECKSUM_VALIDATION", raising=False)
    with s3_server(tmp_path / "store") as port, Proxy(port).running() as proxy:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield Store(proxy, bucket, dataset)
    Folder("s3://bucket")._system.clear_instance_cache()


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(
    root: str, out: str, tmp_path: Path, *, workers: int | None = 1, executor: ExecutorName | Executor = "local"
) -> None:
    recipe, many = tmp_path / "small.yaml", {"workers": workers, "executor": executor}
    table = [f"{root}/segments.csv"]
    extract(recipe, videos=f"{root}/videos", annotations=table, out=f"{out}/pairs", **many)  # type: ignore[arg-type]
    shard(recipe, pairs=f"{out}/pairs", out=f"{out}/shards", **many)  # type: ignore[arg-type]


def test_extract_shard_and_read_are_as_on_a_disk(store: Store, tmp_path: Path) -> None:
    run(str(store.bucket), str(tmp_path / "near"), tmp_path)
    run("s3://bucket", "s3://bucket/far", tmp_path)
    for stage in ("pairs", "shards"):
        assert content(store.bucket / "far" / stage) == content(tmp_path / "near" / stage)
    near, far = Folder(tmp_path / "near/shards"), Folder("s3://bucket/far/shards")
    entries = shards.load_entries(far, "table-train")
    assert entries
    assert entries == shards.load_entries(near, "table-train")
    assert [shards.load_pictures(far, entry) for entry in entries] == [
        shards.load_pictures(near, entry) for entry in entries
    ]
    written = b"".join(path.read_bytes() for path in (store.bucket / "far").rglob("*") if path.is_file())
    assert SECRET.encode() not in written


@pytest.mark.slow
def test_many_workers_change_no_byte_of_a_store(store: Store, tmp_path: Path) -> None:
    run(str(store.bucket), str(tmp_path / "near"), tmp_path)
    run("s3://bucket", "s3://bucket/far", tmp_path, workers=2)
    assert content(store.bucket / "far") == content(tmp_path / "near")


@pytest.mark.slow
def test_a_cluster_changes_no_byte_of_a_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("actionpairs.executors.ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    run(str(store.bucket), str(tmp_path / "near"), tmp_path)
    run("s3://bucket", "s3://bucket/far", tmp_path, workers=None, executor=ray.at("local"))
    assert content(store.bucket / "far") == content(tmp_path / "near")


def test_a_finished_folder_is_not_made_again(store: Store, tmp_path: Path) -> None:
    run("s3://bucket", "s3://bucket/far", tmp_path)
    before = len(store.proxy.requests)
    run("s3://bucket", "s3://bucket/far", tmp_path)
    assert not [request for request in store.proxy.requests[before:] if request[0] == "PUT"]


def test_no_such_bucket_names_it(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="s3://no-such-bucket"):
        run("s3://no-such-bucket", str(tmp_path / "out"), tmp_path)


def test_a_wrong_secret_is_told_without_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-and-hidden")
    Folder("s3://bucket")._system.clear_instance_cache()
    with pytest.raises(StorageError, match="s3://bucket") as caught:
        Folder("s3://bucket").read_bytes("segments.csv")
    assert "AWS_ACCESS_KEY_ID" in caught.value.cure
    assert "wrong-and-hidden" not in str(caught.value)


def test_no_network_says_where_after_patience(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(stores, "RETRY_SECONDS", 0.5)
    Folder("s3://bucket")._system.clear_instance_cache()
    with pytest.raises(UnreachableError, match=r"s3://bucket/segments\.csv"):
        Folder("s3://bucket").read_bytes("segments.csv")


def test_an_mp4_is_read_where_its_segments_are(store: Store, make_noise: MakeNoise, tmp_path: Path) -> None:
    """Opening, index and frames, lists and table together, against the groups of pictures that hold the frames."""
    seconds, spans = 60, [(5.2, 7.4), (20.5, 21.3), (33.1, 39.9), (52.6, 55.8)]
    video = make_noise("noise/n.mp4", seconds=seconds)
    video.rename(store.bucket / "noise.mp4")
    rows = [f"n_{number},noise.mp4,{start},{stop},do,do,it,p" for number, (start, stop) in enumerate(spans)]
    (store.bucket / "noise.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    before = store.proxy.bytes_read
    inputs = {"videos": "s3://bucket", "annotations": ["s3://bucket/noise.csv"], "out": str(tmp_path / "out")}
    assert extract(tmp_path / "small.yaml", executor="serial", **inputs).pairs == len(spans)  # type: ignore[arg-type]
    read = store.proxy.bytes_read - before
    needed = weight_of_groups(store.bucket / "noise.mp4", [int(at) for span in spans for at in span])
    print(f"{read / len(spans):,.0f} bytes a segment; {read / needed:.2f} of {needed:,} needed")
    assert read <= 1.5 * needed
    assert needed < 0.2 * (store.bucket / "noise.mp4").stat().st_size


def weight_of_groups(video: Path, numbers: list[int]) -> int:
    """What some of a video's groups of pictures weigh, from one key frame to the next."""
    weights: list[int] = []
    with av.open(str(video)) as container:
        for packet in container.demux(video=0):
            weights += [0] * packet.is_keyframe
            weights[-1] += packet.size
    return sum(weights[number] for number in set(numbers))


@pytest.mark.slow
def test_faults_and_an_outage_change_no_byte(store: Store, tmp_path: Path) -> None:
    run(str(store.bucket), str(tmp_path / "near"), tmp_path)
    outage: list[float] = []

    def fault(number: int) -> int | float | None:
        if number == 40:
            outage.append(time.monotonic() + 20)
        if outage and time.monotonic() < outage[0]:
            return 503
        if number == 25:
            return 16.0  # longer than anybody waits for one answer
        return 500 if number % 7 == 0 else None

    store.proxy.fault = fault
    run("s3://bucket", "s3://bucket/far", tmp_path, workers=2)
    assert outage
    assert time.monotonic() > outage[0]
    for stage in ("pairs", "shards"):
        assert content(store.bucket / "far" / stage) == content(tmp_path / "near" / stage)
