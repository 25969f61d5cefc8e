"""A cluster of two nodes on this machine: the same bytes as without one, whatever is killed on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from actionpairs import synthetic
from actionpairs.stages.extract import extract
from actionpairs.stages.shard import shard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that runs no task, and two nodes of one CPU each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100 << 20},
    )
    yield cluster, [cluster.add_node(num_cpus=1, object_store_memory=100 << 20) for _ in range(2)]
    cluster.shutdown()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def worker_pids() -> list[int]:
    """Processes of Ray that are at one of our tasks."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = path.read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_attempt"):
            pids.append(int(path.parent.name))
    return pids


@contextmanager
def harm(cluster: Any, node: Any, *, half_done: Callable[[], bool]) -> Iterator[None]:
    """Kill a worker as soon as one is at work, and take a node away when something has come of it."""

    def act() -> None:
        while not worker_pids():
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(worker_pids()[0], signal.SIGKILL)
        while not half_done() or not worker_pids():
            time.sleep(0.01)
        cluster.remove_node(node, allow_graceful=False)

    thread = Thread(target=act, daemon=True)
    thread.start()
    yield
    assert not thread.is_alive(), "the work was done before all harm was"


def test_killing_a_worker_and_a_node_changes_no_byte(nodes: Any, tmp_path: Path) -> None:
    from actionpairs.executors import ray

    cluster, [_, second] = nodes
    videos = synthetic.render_set(
        tmp_path / "videos", camera="fixed", videos=8, actions_per_video=14, seed=1, frame_rate=10, workers=2
    )
    inputs = {"videos": str(videos.videos), "annotations": [str(videos.epic100)]}
    near, far = tmp_path / "local", tmp_path / "ray"
    extract("demo", **inputs, out=str(near / "pairs"), workers=1)  # type: ignore[arg-type]
    with harm(cluster, second, half_done=lambda: any(far.glob("pairs/pairs/*.parquet"))):
        summary = extract("demo", **inputs, out=str(far / "pairs"), executor=ray.at(cluster.address))  # type: ignore[arg-type]
    assert summary.lost >= 1
    assert content(far / "pairs") == content(near / "pairs")

    third = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    shard("demo", pairs=str(near / "pairs"), out=str(near / "shards"))
    with harm(cluster, third, half_done=lambda: any(far.glob("shards/*.spool"))):
        packed = shard(
            "demo",
            pairs=str(far / "pairs"),
            out=str(far / "shards"),
            workers=None,
            executor=ray.at(cluster.address),
        )
    assert packed.lost >= 1
    assert content(far / "shards") == content(near / "shards")
