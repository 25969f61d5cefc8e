"""Processors, memory, disks and limits of this machine, as a process in a container or on a cluster has them."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from actionpairs.diagnosis.records import Memory, Place, Processors

CGROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_GRANTS = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "PBS_NP", "NSLOTS", "LSB_DJOB_NUMPROC")


def processors(root: Path = CGROUPS, membership: Path = MEMBERSHIP) -> Processors:
    """The cores, and how many of them this process may use. root, membership: of the cgroups."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    granted = {name: os.environ[name][:20] for name in _GRANTS if os.environ.get(name, "").isdigit()}
    return Processors(os.cpu_count(), usable, _quota(root, membership), granted)


def memory(root: Path = CGROUPS, membership: Path = MEMBERSHIP) -> Memory:
    """The memory of the machine and the limit of this process."""
    pages = {name: _sysconf(name) for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES", "SC_PAGE_SIZE")}
    size = pages["SC_PAGE_SIZE"] or 0
    total, free = ((pages[name] or 0) * size or None for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    limits = [_number(path) for path in _files(root, membership, "memory.max", "memory", "memory.limit_in_bytes")]
    real = [limit for limit in limits if limit is not None and (total is None or limit < total)]
    return Memory(total, _available() or free, min(real, default=None))


def places() -> tuple[Place, ...]:
    """The folders where commands write."""
    hub = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    folders = [
        ("current folder", _current()),
        ("temporary files", _temporary()),
        ("Hugging Face cache", Path(hub)),
    ]
    if Path("/dev/shm").is_dir():
        folders.append(("shared memory", Path("/dev/shm")))
    return tuple(_place(name, folder) for name, folder in folders)


def open_files() -> tuple[int | None, int | None]:
    """How many files a process may have open: the limit, and how far it may be raised. None is no limit."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (None if limit == resource.RLIM_INFINITY else limit for limit in limits)
    return soft, hard


def _current() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # somebody deleted it
        return None


def _temporary() -> Path | None:
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return None


def _place(name: str, folder: Path | None) -> Place:
    """The free space of a folder, or of the one in which it will be made."""
    try:
        path = folder.expanduser() if folder else None
        while path is not None and not path.exists() and path != path.parent:
            path = path.parent
        usage = shutil.disk_usage(path) if path else None
    except (OSError, RuntimeError):
        path = usage = None
    writable = path is not None and os.access(path, os.W_OK)
    return Place(name, usage.free if usage else None, usage.total if usage else None, writable)


def _quota(root: Path, membership: Path) -> float | None:
    """Cores that this cgroup and those above it may keep busy."""
    quotas = []
    for path in _files(root, membership, "cpu.max", "cpu", "cpu.cfs_quota_us"):
        try:
            words = path.read_text().split()
            period = words[1] if path.name == "cpu.max" else path.with_name("cpu.cfs_period_us").read_text()
            quotas.append(int(words[0]) / int(period))
        except (OSError, ValueError, IndexError, ZeroDivisionError):
            continue  # `max`: this one has no quota
    return min((quota for quota in quotas if quota > 0), default=None)


def _files(root: Path, membership: Path, name: str, controller: str, old_name: str) -> Iterator[Path]:
    """The files of a limit: of the process's cgroup and of all above it, in version 2 and in version 1.

    In a container its cgroup is the root. Elsewhere it is deep below it, and /sys/fs/cgroup itself has no limits.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = ["0::/"]
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, inside = rest.partition(":")
        if number == "0" and not controllers:
            base, file = root, name
        elif controller in controllers.split(","):
            base, file = root / controller, old_name
        else:
            continue
        place = base / inside.strip("/")
        yield from (folder / file for folder in (place, *place.parents) if folder.is_relative_to(base))


def _available() -> int | None:
    """MemAvailable of Linux: free memory, and what caches would give back."""
    try:
        text = Path("/proc/meminfo").read_text()
        return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemAvailable"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _sysconf(name: str) -> int | None:
    try:
        return os.sysconf(name)
    except (OSError, ValueError):
        return None
