"""Cores and memory as cgroups, affinity and a scheduler grant them; disks."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import pytest

from actionpairs.diagnosis import machine

GB = 10**9


def cgroups(folder: Path, membership: str, **files: str) -> tuple[Path, Path]:
    """A tree of cgroups with these files (`__` for /), and the process's line of /proc/self/cgroup."""
    root = folder / "cgroup"
    root.mkdir()
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "self").write_text(membership)
    return root, folder / "self"


def test_a_container_has_its_quota_at_the_root(tmp_path: Path) -> None:
    tree = cgroups(tmp_path, "0::/\n", cpu_DOT_max="250000 100000\n", memory_DOT_max=f"{2 * GB}\n")
    assert machine.processors(*tree).quota == 2.5
    assert machine.memory(*tree).limit_bytes == 2 * GB


def test_a_service_has_its_quota_deep_below_the_root(tmp_path: Path) -> None:
    """joblib/loky#634: outside of containers /sys/fs/cgroup itself has no cpu.max."""
    tree = cgroups(
        tmp_path,
        "1:net_cls:/\n0::/user.slice/tmux-spawn.scope\n",
        user_DOT_slice__cpu_DOT_max="150000 100000\n",
        user_DOT_slice__tmux__cpu_DOT_max="50000 100000\n",
    )
    (tree[0] / "user.slice" / "tmux-spawn.scope").mkdir()
    (tree[0] / "user.slice" / "tmux-spawn.scope" / "cpu.max").write_text("max 100000\n")
    assert machine.processors(*tree).quota == 1.5


def test_version_1_of_cgroups_too(tmp_path: Path) -> None:
    tree = cgroups(
        tmp_path,
        "4:cpu,cpuacct:/docker/ab12\n3:memory:/docker/ab12\n",
        cpu__cpu_DOT_cfs_quota_us="200000\n",
        cpu__cpu_DOT_cfs_period_us="100000\n",
        memory__memory_DOT_limit_in_bytes=f"{GB}\n",
    )
    assert machine.processors(*tree).quota == 2
    assert machine.memory(*tree).limit_bytes == GB


@pytest.mark.parametrize("text", ["max 100000\n", "-1 100000\n", "", "100000 0\n", "x y z\n"])
def test_no_quota_is_none(tmp_path: Path, text: str) -> None:
    tree = cgroups(tmp_path, "0::/\n", cpu_DOT_max=text, memory_DOT_max="max\n")
    assert machine.processors(*tree).quota is None
    assert machine.memory(*tree).limit_bytes is None


def test_a_limit_above_the_machines_memory_is_none(tmp_path: Path) -> None:
    assert machine.memory(*cgroups(tmp_path, "0::/\n", memory_DOT_max=str(2**63 - 4096))).limit_bytes is None


def test_a_system_without_cgroups_has_cores_and_memory(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert (machine.processors(nowhere, nowhere).cores or 0) >= 1
    assert (machine.memory(nowhere, nowhere).total_bytes or 0) > GB // 4


def test_affinity_and_the_schedulers_grant_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5}, raising=False)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    monkeypatch.setenv("PBS_NP", "$(whoami)")
    facts = machine.processors()
    assert (facts.usable, facts.granted) == (2, {"SLURM_CPUS_PER_TASK": "4"})


def test_a_folder_that_is_not_there_yet_has_the_space_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "not" / "made" / "yet"))
    place = next(place for place in machine.places() if place.name == "Hugging Face cache")
    assert place.writable
    assert 0 < (place.free_bytes or 0) <= (place.total_bytes or 0)


def test_no_usable_place_is_told_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    place = next(place for place in machine.places() if place.name == "temporary files")
    assert (place.free_bytes, place.writable) == (None, False)


def test_no_limit_of_open_files_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    assert machine.open_files() == (256, None)
